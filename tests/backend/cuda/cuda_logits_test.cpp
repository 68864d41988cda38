// The CUDA backend's logits against the oracle's and against the CPU's float32 reference: every type of
// weight format, ragged shapes, the true widths, long contexts, batches.
#include <algorithm>
#include <cstdio>
#include <random>

#include "backend/cuda/gpu.h"
#include "backend/oracle.h"
#include "model/synthetic.h"

namespace gptoss::backend::test {
namespace {

using gguf::TensorType;

class CudaLogits : public GpuTest {};

// What remains with a float16 cache is the rounding of activations to 11 bits. llama.cpp, September 2026, is
// 6.6e-2, 3.0e-2 and 1.1e-1 away from this oracle. A bfloat16 cache rounds keys and values to 8 bits, which
// now and then sends a token of this random model to another expert: a jump, not a slope.
constexpr double kTolerance = 5e-3;
constexpr double kTolerance8BitKeys = 1e-1;

struct Distance {
    double relative = 0;
    double largest = 0;
    int same_argmax = 0, rows = 0;
};
Distance distance(std::span<const float> a, std::span<const float> b, std::size_t vocabulary) {
    Distance result;
    result.relative = relative_error(a, b);
    for (std::size_t i = 0; i < b.size(); ++i)
        result.largest = std::max(result.largest, std::abs(double{a[i]} - b[i]));
    for (std::size_t row = 0; row < b.size(); row += vocabulary, ++result.rows)
        result.same_argmax += argmax(a.subspan(row, vocabulary)) == argmax(b.subspan(row, vocabulary));
    return result;
}
void report(const std::string& what, const Distance& d) {
    std::printf("[ measured ] %-58s relative %.2e, largest %.2e, argmax %d of %d\n", what.c_str(), d.relative,
                d.largest, d.same_argmax, d.rows);
}

std::vector<TokenId> random_tokens(std::size_t count, std::int32_t vocabulary, unsigned seed = 1) {
    std::mt19937 random(seed);
    std::vector<TokenId> tokens(count);
    for (TokenId& token : tokens) token = static_cast<TokenId>(random() % static_cast<unsigned>(vocabulary));
    return tokens;
}

BackendOptions small_options(const model::Weights& weights, std::int32_t context,
                             const model::KvTypes& kv_types = model::KvType::f16) {
    BackendOptions options = options_for(weights, context, 8, true, kv_types);
    return options;
}

std::vector<float> cuda_logits(const model::Weights& weights, std::span<const TokenId> tokens,
                               std::int32_t step, const BackendOptions& options) {
    const auto backend = make_cuda_backend(weights, options);
    return all_logits(weights, tokens, step, options, *backend);
}
std::vector<float> cpu_logits(const model::Weights& weights, std::span<const TokenId> tokens,
                              const BackendOptions& options) {
    const auto backend = make_cpu_backend(weights, options);
    return all_logits(weights, tokens, 8, options, *backend);
}

TEST_F(CudaLogits, MatchesOracle) {
    const LoadedModel loaded = load_oracle_model();
    const auto vocabulary = static_cast<std::size_t>(loaded.weights.hyperparameters.vocabulary);
    for (const model::KvType kv_type : {model::KvType::bf16, model::KvType::f16}) {
        const BackendOptions options = small_options(loaded.weights, 640, kv_type);
        for (const int length : {40, 200, 600}) {
            const OracleCase oracle = oracle_case(length);
            for (const std::int32_t step : {1, 8}) {
                const std::vector<float> logits = cuda_logits(loaded.weights, oracle.tokens, step, options);
                const auto last = std::span(logits).last(oracle.logits.size());
                const Distance d = distance(last, oracle.logits, vocabulary);
                report("oracle, " + std::to_string(length) + " tokens, steps of " + std::to_string(step) +
                           (kv_type == model::KvType::bf16 ? ", KV bf16" : ", KV f16"),
                       d);
                const bool fine = kv_type == model::KvType::f16;
                EXPECT_LT(d.relative, fine ? kTolerance : kTolerance8BitKeys);
                int same = 0;
                for (std::size_t i = 0; i < oracle.tokens.size(); ++i)
                    same += argmax(std::span(logits).subspan(i * vocabulary, vocabulary)) == oracle.argmax[i];
                EXPECT_GE(same, static_cast<int>(oracle.tokens.size()) * (fine ? 99 : 94) / 100);
            }
        }
    }
}

// Steps of few rows on the prompt's path.
TEST_F(CudaLogits, MoreRowsThanAStepHasTakeThePromptsPath) {
    const LoadedModel loaded = load_oracle_model();
    std::vector<double> errors;
    for (const int length : {40, 200, 600}) {
        const OracleCase oracle = oracle_case(length);
        for (const std::int32_t rows : {9, 13, 16, 33, 64}) {
            const BackendOptions options = options_for(loaded.weights, 640, rows, true, model::KvType::f16);
            const std::vector<float> logits = cuda_logits(loaded.weights, oracle.tokens, rows, options);
            const Distance d = distance(std::span(logits).last(oracle.logits.size()), oracle.logits,
                                        static_cast<std::size_t>(loaded.weights.hyperparameters.vocabulary));
            report("oracle, " + std::to_string(length) + " tokens, steps of " + std::to_string(rows), d);
            errors.push_back(d.relative);
        }
    }
    expect_close_but_for_ties(errors, 2e-3);
}

TEST_F(CudaLogits, EightBitCacheStaysClose) {
    const LoadedModel loaded = load_oracle_model();
    const OracleCase oracle = oracle_case(200);
    for (const model::KvTypes& types : {model::KvTypes(model::KvType::f8), model::kF8OnFullLayers})
        for (const std::int32_t step : {1, 8}) {
            const std::vector<float> logits =
                cuda_logits(loaded.weights, oracle.tokens, step, small_options(loaded.weights, 256, types));
            const Distance d = distance(std::span(logits).last(oracle.logits.size()), oracle.logits,
                                        static_cast<std::size_t>(loaded.weights.hyperparameters.vocabulary));
            report("oracle, 200 tokens, steps of " + std::to_string(step) + ", KV " + model::name_of(types),
                   d);
            EXPECT_LT(d.relative, kTolerance8BitKeys);
        }
}

TEST_F(CudaLogits, SameInputSameBits) {
    const LoadedModel loaded = load_oracle_model();
    const OracleCase oracle = oracle_case(200);
    const BackendOptions options = small_options(loaded.weights, 256);
    EXPECT_EQ(cuda_logits(loaded.weights, oracle.tokens, 5, options),
              cuda_logits(loaded.weights, oracle.tokens, 5, options));
}

// The CPU chooses the tokens; wherever its choice is clear by more than the measured error, the GPU must make
// the same one.
TEST_F(CudaLogits, ChoosesLikeTheReferenceFor200Steps) {
    const LoadedModel loaded = load_oracle_model();
    const BackendOptions options = small_options(loaded.weights, 256);
    const auto vocabulary = static_cast<std::size_t>(loaded.weights.hyperparameters.vocabulary);
    const auto cpu = make_cpu_backend(loaded.weights, options);
    const auto gpu = make_cuda_backend(loaded.weights, options);
    SequenceRunner cpu_runner(*cpu, options.plan, loaded.weights.hyperparameters.sliding_window);
    SequenceRunner gpu_runner(*gpu, options.plan, loaded.weights.hyperparameters.sliding_window);
    std::vector<float> expected(vocabulary), actual(vocabulary);
    TokenId token = 7;
    int clear_choices = 0;
    for (int step = 0; step < 200; ++step) {
        const SequenceRunner::Feed feed{0, std::span(&token, 1), 1};
        cpu_runner.forward({&feed, 1});
        gpu_runner.forward({&feed, 1});
        cpu->read_logits(0, expected);
        gpu->read_logits(0, actual);
        float error = 0;
        for (std::size_t i = 0; i < vocabulary; ++i)
            error = std::max(error, std::abs(expected[i] - actual[i]));
        const TokenId choice = argmax(expected);
        float second = -1e30F;
        for (std::size_t i = 0; i < vocabulary; ++i)
            if (static_cast<TokenId>(i) != choice) second = std::max(second, expected[i]);
        if (expected[static_cast<std::size_t>(choice)] - second > 2 * error) {
            ++clear_choices;
            ASSERT_EQ(argmax(actual), choice) << "step " << step;
        }
        token = choice;
    }
    EXPECT_GT(clear_choices, 150);
}

// Widths that fill no whole number of K-tiles, eight heads a group, a vocabulary that fills no tile, every type
// of weight format.
TEST_F(CudaLogits, EveryWeightFormatMatchesReference) {
    model::Hyperparameters shape = model::gpt_oss_20b();
    shape.layers = 3;
    shape.hidden = 320;
    shape.query_heads = 16;
    shape.kv_heads = 2;
    shape.experts = 16;
    shape.intermediate_size = 352;
    shape.vocabulary = 1001;
    const std::vector<TokenId> tokens = random_tokens(150, shape.vocabulary);
    for (const auto& [dense, experts] :
         {std::pair{TensorType::Q8_0, TensorType::MXFP4}, std::pair{TensorType::MXFP4, TensorType::Q8_0},
          std::pair{TensorType::BF16, TensorType::F16}, std::pair{TensorType::F16, TensorType::BF16}}) {
        const model::SyntheticModel synthetic(shape, 3, {dense, experts});
        const BackendOptions options = small_options(synthetic.weights(), 192);
        const std::vector<float> expected = cpu_logits(synthetic.weights(), tokens, options);
        for (const std::int32_t step : {1, 3, 8}) {
            const Distance d = distance(cuda_logits(synthetic.weights(), tokens, step, options), expected,
                                        static_cast<std::size_t>(shape.vocabulary));
            report("dense " + std::string(gguf::traits(dense).name) + ", experts " +
                       std::string(gguf::traits(experts).name) + ", steps of " + std::to_string(step),
                   d);
            EXPECT_LT(d.relative, dense == TensorType::BF16 ? 5e-2 : 2e-2);
        }
    }
}

TEST_F(CudaLogits, TrueWidthsMatchReference) {
    model::Hyperparameters shape = model::gpt_oss_120b();
    shape.layers = 2;
    shape.vocabulary = 4096;
    const model::SyntheticModel synthetic(shape, 5);
    const BackendOptions options = small_options(synthetic.weights(), 64);
    // The same token again and again: all rows of a step choose nearly the same experts.
    for (const bool alike : {false, true}) {
        std::vector<TokenId> tokens = random_tokens(24, shape.vocabulary);
        if (alike) std::ranges::fill(tokens, tokens[0]);
        const std::vector<float> expected = cpu_logits(synthetic.weights(), tokens, options);
        for (const std::int32_t step : {1, 2, 3, 4, 5, 8}) {
            const Distance d = distance(cuda_logits(synthetic.weights(), tokens, step, options), expected,
                                        static_cast<std::size_t>(shape.vocabulary));
            report(std::string("two layers of gpt-oss-120b, ") + (alike ? "one token" : "random tokens") +
                       ", steps of " + std::to_string(step),
                   d);
            EXPECT_LT(d.relative, 2e-2);
        }
    }
}

// Far enough for the keys to be split among blocks: the last one to finish combines.
TEST_F(CudaLogits, LongContextMatchesReference) {
    const LoadedModel loaded = load_oracle_model();
    const model::Hyperparameters& shape = loaded.weights.hyperparameters;
    const std::vector<TokenId> tokens = random_tokens(3000, shape.vocabulary);
    const BackendOptions options = small_options(loaded.weights, 3072);
    const std::size_t compared = 400 * static_cast<std::size_t>(shape.vocabulary);
    const std::vector<float> expected = cpu_logits(loaded.weights, tokens, options);
    const std::vector<float> prompt = cuda_logits(loaded.weights, tokens, 8, options);
    const std::vector<float> single = cuda_logits(loaded.weights, tokens, 1, options);
    for (const auto* logits : {&prompt, &single}) {
        const Distance d = distance(std::span(*logits).last(compared), std::span(expected).last(compared),
                                    static_cast<std::size_t>(shape.vocabulary));
        report(std::string("3,000 tokens, steps of ") + (logits == &prompt ? "8" : "1"), d);
        EXPECT_LT(d.relative, 2 * kTolerance);
    }
}

// One row, and three at once, with so many keys that they are streamed: as the same rows are at the ends of prompts.
TEST_F(CudaLogits, ManyKeysAreReadAsPromptsReadThem) {
    const LoadedModel loaded = load_oracle_model();
    const model::Hyperparameters& shape = loaded.weights.hyperparameters;
    const auto vocabulary = static_cast<std::size_t>(shape.vocabulary);
    const std::vector<TokenId> tokens = random_tokens(17001, shape.vocabulary);
    const auto text_of = [&](std::int32_t slot) {  // more than clusters stream, and fewer
        return std::span(tokens).first(static_cast<std::size_t>(slot == 0 ? 17001 : 8001 - 777 * slot));
    };
    for (const model::KvTypes& types : {model::KvTypes(model::KvType::f16), model::kF8OnFullLayers}) {
        const BackendOptions options = options_for(loaded.weights, 17088, 3, true, types);
        const auto backend = make_cuda_backend(loaded.weights, options);
        SequenceRunner runner(*backend, options.plan, shape.sliding_window);
        // The last of `rows` rows of each slot, all computed in one step.
        const auto logits_of = [&](const std::vector<std::int32_t>& slots, std::size_t rows) {
            std::vector<SequenceRunner::Feed> feeds;
            for (const std::int32_t slot : slots) {
                const auto text = text_of(slot);
                runner.clear(slot);
                runner.prefill(slot, text.first(text.size() - rows));
                feeds.push_back({slot, text.last(rows), 1});
            }
            runner.forward(feeds);
            std::vector<float> logits(slots.size() * vocabulary);
            for (std::size_t i = 0; i < slots.size(); ++i)
                backend->read_logits(static_cast<std::int32_t>(i),
                                     std::span(logits).subspan(i * vocabulary, vocabulary));
            return logits;
        };
        for (const std::vector<std::int32_t>& slots : {std::vector{0}, {1}, {0, 1, 2}}) {
            const Distance d = distance(logits_of(slots, 1), logits_of(slots, 16), vocabulary);
            report(std::to_string(slots.size()) + " rows of " + std::to_string(text_of(slots[0]).size()) +
                       " tokens and fewer, KV " + model::name_of(types),
                   d);
            EXPECT_LT(d.relative, types.full == model::KvType::f8 ? kTolerance8BitKeys : kTolerance);
        }
    }
}

// Eight sequences at eight places, one step: each row as if it were alone.
TEST_F(CudaLogits, RowsOfABatchDoNotMix) {
    const LoadedModel loaded = load_oracle_model();
    const BackendOptions options = small_options(loaded.weights, 256);
    const auto vocabulary = static_cast<std::size_t>(loaded.weights.hyperparameters.vocabulary);
    const auto backend = make_cuda_backend(loaded.weights, options);
    SequenceRunner runner(*backend, options.plan, loaded.weights.hyperparameters.sliding_window);
    std::vector<std::vector<TokenId>> prompts;
    std::vector<SequenceRunner::Feed> feeds;
    for (std::int32_t slot = 0; slot < 8; ++slot) {
        prompts.push_back(
            random_tokens(static_cast<std::size_t>(20 * slot + 3), 1024, static_cast<unsigned>(slot)));
        runner.prefill(slot, std::span(prompts.back()).first(prompts.back().size() - 1), 8);
    }
    for (std::int32_t slot = 0; slot < 8; ++slot)
        feeds.push_back({slot, std::span(prompts[static_cast<std::size_t>(slot)]).last(1), 1});
    runner.forward(feeds);
    for (std::int32_t slot = 0; slot < 8; ++slot) {
        std::vector<float> logits(vocabulary);
        backend->read_logits(slot, logits);
        const auto& prompt = prompts[static_cast<std::size_t>(slot)];
        const std::vector<float> alone = cuda_logits(loaded.weights, prompt, 1, options);
        EXPECT_LT(relative_error(logits, std::span(alone).last(vocabulary)), 5e-3) << "slot " << slot;
    }
}

TEST_F(CudaLogits, LastSampledTokenNeverLeavesTheDevice) {
    const LoadedModel loaded = load_oracle_model();
    const BackendOptions options = small_options(loaded.weights, 256);
    const auto vocabulary = static_cast<std::size_t>(loaded.weights.hyperparameters.vocabulary);
    const auto backend = make_cuda_backend(loaded.weights, options);
    SequenceRunner runner(*backend, options.plan, loaded.weights.hyperparameters.sliding_window);
    const std::vector<TokenId> prompt = random_tokens(30, 1024);
    for (const std::int32_t slot : {0, 1}) runner.prefill(slot, prompt, 8);
    SampleRow row;
    row.slot = 0;
    row.parameters.temperature = 1.0F;
    row.parameters.seed = 42;
    const TokenId sampled = backend->wait(backend->sample({&row, 1}))[0].token;
    const TokenId last = kTokenFromLastSample;
    std::vector<float> fed_back(vocabulary), fed_by_host(vocabulary);
    const SequenceRunner::Feed device_feed{0, std::span(&last, 1), 1},
        host_feed{1, std::span(&sampled, 1), 1};
    runner.forward({&device_feed, 1});
    backend->read_logits(0, fed_back);
    runner.forward({&host_feed, 1});
    backend->read_logits(0, fed_by_host);
    EXPECT_EQ(fed_back, fed_by_host);
}

// A sequence goes on in a copy of its partly filled block.
TEST_F(CudaLogits, CopiedBlocksHoldTheSameKeys) {
    const LoadedModel loaded = load_oracle_model();
    const BackendOptions options = small_options(loaded.weights, 256);
    const auto vocabulary = static_cast<std::size_t>(loaded.weights.hyperparameters.vocabulary);
    const auto backend = make_cuda_backend(loaded.weights, options);
    const std::vector<TokenId> tokens = random_tokens(20, 1024);
    std::vector<float> original(vocabulary), copied(vocabulary);
    const std::vector<BlockId> first{2}, second{5};
    auto step = [&](std::span<const TokenId> some, std::int32_t position, const std::vector<BlockId>& blocks,
                    std::int32_t logits_row) {
        const Segment segment{0, 0, static_cast<std::int32_t>(some.size()), position, blocks, blocks};
        backend->forward({some, {&segment, 1}, {&logits_row, 1}});
    };
    step(tokens, 0, first, 19);
    for (const Pool pool : {Pool::full, Pool::sliding}) backend->copy_block(pool, 2, 5);
    const TokenId next = 11;
    step({&next, 1}, 20, second, 0);
    backend->read_logits(0, copied);
    step({&next, 1}, 20, first, 0);
    backend->read_logits(0, original);
    EXPECT_EQ(original, copied);
}

}  // namespace
}  // namespace gptoss::backend::test
