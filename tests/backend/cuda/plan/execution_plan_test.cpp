// Which kernels run for how many tokens on which card, against a table of what is chosen today, and what must
// hold for every choice.
#include "backend/cuda/plan/execution_plan.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "base/error.h"

namespace gptoss::backend::cuda::test {
namespace {

constexpr const char* kCards[] = {"a100", "a6000", "l40s", "h100", "h200", "b200", "rtx-pro-6000"};

PlanOptions options_for(const model::Hyperparameters& shape) {
    PlanOptions options;
    options.shape = shape;
    return options;
}

std::string tables() {
    std::string text;
    for (const char* card : {"h200", "a100", "rtx-pro-6000"})
        for (const std::int32_t context : {1024, 131072})
            text += "# gpt-oss-120b, " + std::string(card) + ", context " + std::to_string(context) + "\n" +
                    kernel_table(card_named(card), options_for(model::gpt_oss_120b()), context);
    return text + "# gpt-oss-20b, h200, context 1024\n" +
           kernel_table(card_named("h200"), options_for(model::gpt_oss_20b()), 1024);
}

// A change of a choice changes this file in the same commit, with the measurement that paid for it in
// docs/performance.md. GPTOSS_WRITE_GOLDEN=1 writes it anew.
TEST(ExecutionPlan, ChoosesWhatTheGoldenTableSays) {
    const std::string path = GPTOSS_SOURCE_DIR "/tests/backend/cuda/plan/golden_kernels.txt";
    if (std::getenv("GPTOSS_WRITE_GOLDEN") != nullptr) std::ofstream(path) << tables();
    std::ostringstream golden;
    golden << std::ifstream(path).rdbuf();
    EXPECT_EQ(tables(), golden.str());
}

TEST(ExecutionPlan, EveryTokenCountHasKernelsThatFitTheCard) {
    for (const model::Hyperparameters& shape : {model::gpt_oss_120b(), model::gpt_oss_20b()})
        for (const char* card : kCards) {
            const DeviceTraits device = card_named(card);
            for (std::int32_t tokens = 1; tokens <= 8192; tokens += tokens < 300 ? 1 : 97) {
                const ExecutionPlan plan =
                    make_plan({tokens, tokens, tokens, tokens}, device, options_for(shape));
                if (plan.pass == Pass::decode) {
                    EXPECT_LE(tokens, std::max(plan.tokens_per_step, 2 * std::min(plan.tokens_per_step, 2)))
                        << card;
                    EXPECT_GE(plan.token_columns, std::min(tokens, plan.tokens_per_step)) << card;
                    EXPECT_LE(plan.kv.splits, kMaxKvSplits);
                    continue;
                }
                for (const MatrixPlan& matrix : {plan.qkv, plan.output, plan.lm_head, plan.experts}) {
                    EXPECT_TRUE(!is_wgmma(matrix.kernel) || device.has_wgmma()) << card << " " << tokens;
                    EXPECT_GT(matrix.tile_tokens, 0) << card << " " << tokens;
                    EXPECT_LE(matrix.tile_tokens,
                              matrix.kernel == MatrixKernel::wgmma_unpacked ? 192 : kMaxTileTokens);
                }
                EXPECT_FALSE(is_streamed(plan.qkv.kernel) || is_streamed(plan.lm_head.kernel));
                if (is_streamed(plan.experts.kernel)) {
                    EXPECT_LE(streamed_shared_bytes(plan.experts.kernel, 2880, plan.experts.tile_tokens),
                              device.shared_bytes_per_block)
                        << card << " " << tokens;
                }
            }
        }
}

// Up to eight parts of a row's keys meet in a cluster of blocks; deep rows and several rows have more, or meet elsewhere.
TEST(ExecutionPlan, OneRowsKeysAreACluster) {
    const DeviceTraits h200 = card_named("h200"), a100 = card_named("a100");
    const auto plan_of = [](std::int32_t tokens, std::int32_t context, const DeviceTraits& device) {
        return make_plan({tokens, context, tokens, 0}, device, options_for(model::gpt_oss_120b()));
    };
    for (const std::int32_t context : {300, 1025, 16384}) {
        const ExecutionPlan plan = plan_of(1, context, h200);
        EXPECT_TRUE(plan.kv_clusters && is_kv_cluster(plan.kv.splits)) << context;
        EXPECT_FALSE(plan_of(2, context, h200).kv_clusters) << context;
        EXPECT_FALSE(plan_of(1, context, a100).kv_clusters) << context;
    }
    EXPECT_FALSE(is_kv_cluster(plan_of(1, 200, h200).kv.splits));
}

// Many keys are streamed: one row's by clusters at first, then by one block an SM.
TEST(ExecutionPlan, ManyKeysAreStreamed) {
    const auto plan_of = [](std::int32_t tokens, std::int32_t context, const char* card) {
        return make_plan({tokens, context, tokens, 0}, card_named(card), options_for(model::gpt_oss_120b()))
            .kv;
    };
    EXPECT_EQ(plan_of(1, 1536, "h200"), (KvPlan{8, false}));
    EXPECT_EQ(plan_of(1, 1537, "h200"), (KvPlan{8, true}));
    EXPECT_EQ(plan_of(1, 16384, "h200"), (KvPlan{8, true}));
    EXPECT_EQ(plan_of(1, 16385, "h200"), (KvPlan{16, true}));
    EXPECT_FALSE(plan_of(2, 3968, "h200").streamed);
    EXPECT_EQ(plan_of(2, 3969, "h200"), (KvPlan{8, true}));
    EXPECT_EQ(plan_of(5, 131072, "h200"), (KvPlan{3, true}));
    EXPECT_EQ(plan_of(8, 131072, "h200"), (KvPlan{2, true}));
    for (const char* card : {"a100", "b200", "rtx-pro-6000"})
        EXPECT_FALSE(plan_of(1, 131072, card).streamed) << card;
}

// Tiles are compiled for the published widths and formats; the output matrix's need at least 120 SMs.
TEST(ExecutionPlan, WholeTilesAreOfThePublishedShape) {
    const DeviceTraits h200 = card_named("h200");
    const auto takes = [](std::int32_t tokens, const DeviceTraits& device, const PlanOptions& options) {
        return make_plan({tokens, 1024, tokens, 0}, device, options).whole_tiles;
    };
    const PlanOptions options = options_for(model::gpt_oss_120b());
    EXPECT_TRUE(takes(1, h200, options));
    EXPECT_TRUE(takes(1, h200, options_for(model::gpt_oss_20b())));
    EXPECT_TRUE(takes(2, h200, options) && takes(8, h200, options));
    EXPECT_FALSE(takes(1, card_named("a100"), options));
    DeviceTraits small = h200;
    small.sm_count = 114;
    EXPECT_FALSE(takes(1, small, options));
    PlanOptions other = options;
    other.shape.hidden = 2944;
    EXPECT_FALSE(takes(1, h200, other));
    other = options;
    other.dense_is_q8_0 = false;
    EXPECT_FALSE(takes(1, h200, other));
    other = options;
    other.experts_are_mxfp4 = false;
    EXPECT_FALSE(takes(1, h200, other));
}

// What the smaller cards run can be forced on a larger one.
TEST(ExecutionPlan, AHopperCanBePlannedLikeAWorkstationCard) {
    PlanOptions options = options_for(model::gpt_oss_120b());
    options.kernels.banned = {"dense/wgmma_cluster", "dense/wgmma_unpacked", "dense/wgmma",
                              "experts/wgmma",       "experts/streamed",     "experts/streamed_tiles",
                              "attention/wgmma"};
    options.kernels.preferred = {{"pass/batched", 5, 512}};
    const ExecutionPlan forced = make_plan({64, 1024, 64, 64}, card_named("h200"), options);
    EXPECT_EQ(forced.experts.kernel, MatrixKernel::streamed_tiles_small);
    EXPECT_EQ(forced.qkv.kernel, MatrixKernel::mma);
    EXPECT_FALSE(forced.attention_uses_wgmma);
    EXPECT_EQ(make_plan({8, 1024, 8, 8}, card_named("h200"), options).pass, Pass::batched);
}

// Whole tiles of experts are for the published width, on cards with a copy engine; where a row's bits must not depend on its step, the
// kernel that can scale weights first.
TEST(ExecutionPlan, ExpertsAreStreamedAsWholeTilesWhereTheyMayBe) {
    PlanOptions options = options_for(model::gpt_oss_120b());
    const auto kernel = [&](const char* card, std::int32_t tokens = 64) {
        return make_plan({tokens, 1024, tokens, tokens}, card_named(card), options).experts.kernel;
    };
    EXPECT_EQ(kernel("h200"), MatrixKernel::streamed_tiles);
    EXPECT_EQ(kernel("h200", 512), MatrixKernel::wgmma);
    EXPECT_EQ(kernel("b200"), MatrixKernel::streamed);
    EXPECT_EQ(kernel("rtx-pro-6000"), MatrixKernel::streamed_tiles_small);
    EXPECT_EQ(kernel("rtx-pro-6000", 1024), MatrixKernel::streamed_tiles_small);
    EXPECT_EQ(kernel("rtx-pro-6000", 2048), MatrixKernel::mma);
    EXPECT_EQ(kernel("l40s", 512), MatrixKernel::streamed_small) << "no copy engine";
    EXPECT_EQ(kernel("l40s", 1024), MatrixKernel::mma);
    options.kernels.batch_invariant = true;
    EXPECT_EQ(kernel("h200"), MatrixKernel::streamed);
    EXPECT_EQ(kernel("rtx-pro-6000"), MatrixKernel::streamed_small);
    options.kernels.batch_invariant = false;
    options.shape.intermediate_size = 2816;
    EXPECT_EQ(kernel("h200"), MatrixKernel::streamed);
}

// Where two rows are a decode step, three are two of them, or a batch if the card streams whole tiles.
TEST(ExecutionPlan, TwoDecodeStepsOrOneBatch) {
    const PlanOptions options = options_for(model::gpt_oss_120b());
    const auto pass = [&](const char* card, std::int32_t tokens) {
        return make_plan({tokens, 1024, tokens, tokens}, card_named(card), options).pass;
    };
    EXPECT_EQ(pass("rtx-pro-6000", 2), Pass::decode);
    EXPECT_EQ(pass("rtx-pro-6000", 3), Pass::batched);
    EXPECT_EQ(pass("l40s", 4), Pass::decode);
    EXPECT_EQ(pass("l40s", 5), Pass::batched);
}

TEST(ExecutionPlan, OtherShapesAndFormatsKeepAPath) {
    PlanOptions options = options_for(model::gpt_oss_120b());
    options.experts_are_mxfp4 = false;
    EXPECT_EQ(make_plan({64, 1024, 64, 64}, card_named("h200"), options).experts.kernel, MatrixKernel::wgmma);
    options.experts_are_mxfp4 = true;
    options.shape.hidden = 2880 + 32;  // not whole K-tiles of 64: decode steps, eight tokens at a time
    EXPECT_EQ(make_plan({64, 1024, 64, 64}, card_named("h200"), options).pass, Pass::decode);
}

// A backend of few rows a step has no room for unpacked weights.
TEST(ExecutionPlan, UnpacksDenseWeightsOnlyWhereTheyHaveRoom) {
    PlanOptions options = options_for(model::gpt_oss_120b());
    options.kernels.preferred = {{"dense/wgmma_unpacked", 768, 8192}};
    const auto kernel = [&](std::int64_t room) {
        options.unpacked_room = room;
        return make_plan({2048, 2048, 1}, card_named("h200"), options).qkv.kernel;
    };
    const std::int64_t wanted = unpacked_count(5120, 2880);
    EXPECT_EQ(kernel(wanted), MatrixKernel::wgmma_unpacked);
    EXPECT_EQ(kernel(wanted - 1), MatrixKernel::wgmma);
}

TEST(ExecutionPlan, AnUnknownCardIsRefusedWithTheKnownOnes) {
    try {
        card_named("h300");
        FAIL() << "a card that does not exist";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::setting_invalid);
        EXPECT_NE(error.hint().find("rtx-pro-6000"), std::string::npos);
    }
}

// The kernels of every number of tokens are those of one, whatever `qualify` found fastest for some.
TEST(ExecutionPlan, WithBatchInvarianceTheNumberOfTokensChoosesNothing) {
    for (const char* card : kCards) {
        const DeviceTraits device = card_named(card);
        PlanOptions options = options_for(model::gpt_oss_120b());
        options.kernels.batch_invariant = true;
        options.kernels.preferred = {{"dense/wgmma_cluster", 1, 64},
                                     {"dense/mma", 65, 128},
                                     {"experts/streamed", 1, 512},
                                     {"pass/decode", 1, 8}};
        EXPECT_NO_THROW(require_batch_invariance(device, options));
        for (const std::int32_t tokens : {1, 2, 8, 9, 64, 128, 129, 512, 769, 8192}) {
            const ExecutionPlan plan = make_plan({tokens, 131072, tokens, tokens}, device, options);
            EXPECT_EQ(plan.pass, Pass::batched) << card;
            EXPECT_TRUE(plan.routes_in_order);
            EXPECT_EQ(plan.attention_uses_wgmma, device.has_wgmma()) << "both kernels give the same bits";
            EXPECT_TRUE(plan.lone_rows_in_order);
            for (const auto& matrix : {&ExecutionPlan::qkv, &ExecutionPlan::output, &ExecutionPlan::experts,
                                       &ExecutionPlan::lm_head}) {
                EXPECT_TRUE((plan.*matrix).one_chain) << card << ", " << tokens << " tokens";
                EXPECT_EQ((plan.*matrix).column_shares, 1);
            }
        }
    }
}

TEST(ExecutionPlan, ProductsChooseTheExpertsOfFewRowsInOrder) {
    PlanOptions options = options_for(model::gpt_oss_120b());
    const auto choose = [&](const char* card, std::int32_t tokens) {
        return make_batched_plan({tokens, 1024, tokens, tokens}, card_named(card), options)
            .products_choose_experts;
    };
    EXPECT_FALSE(choose("h200", 1)) << "the kernels of DETERMINISM=off";
    options.kernels.batch_invariant = true;
    EXPECT_TRUE(choose("h200", kFewRows));
    EXPECT_FALSE(choose("h200", kFewRows + 1));
    EXPECT_FALSE(choose("rtx-pro-6000", 1)) << "no room in 99 KB";
    options.kernels.banned = {"experts/streamed"};
    EXPECT_FALSE(choose("h200", 1));
}

// A prompt over 8-bit keys was computed by the very kernel that had been banned.
TEST(ExecutionPlan, WhereMmaAttentionIsBannedAnEightBitCacheHasNone) {
    PlanOptions options = options_for(model::gpt_oss_120b());
    options.kernels.banned = {"attention/mma"};
    const auto plan = [&](const model::KvTypes& types) {
        options.kv_types = types;
        return make_batched_plan({128, 128, 1}, card_named("h200"), options);
    };
    EXPECT_TRUE(plan(model::KvType::bf16).attention_uses_wgmma);
    EXPECT_THROW(plan(model::KvType::f8), Error);
    EXPECT_THROW(plan(model::kF8OnFullLayers), Error);
    options.kernels.banned = {"attention/wgmma"};
    EXPECT_NO_THROW(plan(model::KvType::f8));
}

TEST(ExecutionPlan, BatchInvarianceSaysWhatItLacks) {
    PlanOptions options = options_for(model::gpt_oss_120b());
    options.kernels.batch_invariant = true;
    options.kernels.banned = {"pass/batched"};
    EXPECT_THROW(require_batch_invariance(card_named("h200"), options), Error);
    options.kernels.banned = {"attention/mma", "attention/wgmma"};
    EXPECT_THROW(require_batch_invariance(card_named("h200"), options), Error);
    options.kernels.banned = {"attention/mma"};
    EXPECT_NO_THROW(require_batch_invariance(card_named("h200"), options)) << "wgmma has the same bits";
    options.kernels.banned = {"experts/wgmma", "experts/mma"};
    EXPECT_THROW(require_batch_invariance(card_named("h200"), options), Error);
    options.kernels.banned = {};
    options.shape.hidden = 2880 + 32;
    try {
        require_batch_invariance(card_named("h200"), options);
        FAIL() << "no batched pass for this shape";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::setting_invalid);
        EXPECT_NE(error.for_people().find("DETERMINISM"), std::string::npos);
    }
}

// Eight of many tokens in a decode step, though eight alone would be a batched pass.
TEST(ExecutionPlan, ADecodeStepIsPlannedAsOne) {
    PlanOptions options = options_for(model::gpt_oss_120b());
    options.kernels.preferred = {{"pass/batched", 8, 15}, {"pass/decode", 16, 63}};
    EXPECT_EQ(make_plan({16, 1024, 16, 16}, card_named("h200"), options).pass, Pass::decode);
    const ExecutionPlan step = make_decode_plan({8, 1, 8, 0}, card_named("h200"), options);
    EXPECT_EQ(step.pass, Pass::decode);
    EXPECT_EQ(step.token_columns, 8);
}

// Every kernel that qualify may try can be forced, and none that is banned is ever planned.
TEST(ExecutionPlan, KeepsToWhatQualifyFound) {
    for (const char* card : kCards) {
        const DeviceTraits device = card_named(card);
        PlanOptions options = options_for(model::gpt_oss_120b());
        const auto plan_of = [&](std::int32_t tokens) {
            return make_plan({tokens, 1024, tokens, tokens}, device, options);
        };
        for (const std::string& name : kernel_names(device, options)) {
            options.kernels = {{}, {{name, 1, 1 << 30}}};
            if (name == "pass/batched") {
                EXPECT_EQ(plan_of(1).pass, Pass::batched);
            } else if (name == "pass/decode") {
                EXPECT_EQ(plan_of(64).pass, Pass::decode);
            } else if (name.starts_with("experts/")) {
                EXPECT_EQ("experts/" + std::string(name_of(plan_of(64).experts.kernel)), name) << card;
            } else if (name.starts_with("dense/")) {
                const std::int32_t tokens = name == "dense/row_streamed" ? kRowStreamTokens : 64;
                EXPECT_EQ("dense/" + std::string(name_of(plan_of(tokens).output.kernel)), name) << card;
            }
            options.kernels = {{name}, {}};
            if (name.ends_with("/mma") && !device.has_wgmma()) {
                EXPECT_THROW(plan_of(2048), Error) << "there is no other for prompts";
                continue;
            }
            for (const std::int32_t tokens : {1, 8, 9, 64, 512, 2048}) {
                const ExecutionPlan plan = plan_of(tokens);
                EXPECT_NE(std::string("pass/") + (plan.pass == Pass::decode ? "decode" : "batched"), name);
                if (plan.pass == Pass::decode) continue;
                EXPECT_NE("experts/" + std::string(name_of(plan.experts.kernel)), name);
                EXPECT_NE("dense/" + std::string(name_of(plan.qkv.kernel)), name);
                EXPECT_NE("dense/" + std::string(name_of(plan.lm_head.kernel)), name);
                EXPECT_NE(std::string("attention/") + (plan.attention_uses_wgmma ? "wgmma" : "mma"), name);
            }
        }
        options.kernels = {{"pass/decode", "pass/batched"}, {}};
        EXPECT_THROW(plan_of(1), Error);
        options.kernels = {{"attention/wgmma", "attention/mma"}, {}};
        EXPECT_THROW(plan_of(64), Error);
        options.kernels.banned.emplace_back("pass/batched");
        EXPECT_EQ(plan_of(64).pass, Pass::decode) << "it has an attention of its own";
    }
}

}  // namespace
}  // namespace gptoss::backend::cuda::test
