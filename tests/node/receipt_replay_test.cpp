// Receipts of every kind, replayed by one prompt; and the same ones tampered with, signed again by a dishonest
// host.
#include "node/receipt_replay.h"

#include <gtest/gtest.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <optional>

#include "node/demo_model.h"
#include "node/sampling_text.h"
#include "signing_node.h"
#include "support/rounds.h"

namespace gptoss::node {
namespace {

using Json = nlohmann::json;

Settings small_node() {
    Settings settings;
    settings.max_context_length = 768;
    settings.max_sequences = 8;
    settings.cache_tokens = 768;  // too little for eight: some are preempted
    settings.batch_tokens = 256;
    return settings;
}

ReplayModel make_replay_model() {
    Settings settings;
    settings.max_context_length = 2048;
    settings.max_sequences = kReplayRowsAtOnce;
    settings.determinism = Determinism::on;
    settings.threads = 1;
    return ReplayModel(settings, tested_device());
}

// One node and one model for all tests: loading takes longer than they do.
class ReceiptReplay : public testing::Test {
  protected:
    static void SetUpTestSuite() {
        node_ = new SigningNode(small_node());
        model_ = new ReplayModel(make_replay_model());
        // Several processes may share a long run, others by --gtest_shuffle --gtest_random_seed=N.
        const auto seed = static_cast<unsigned>(GTEST_FLAG_GET(random_seed));
        RandomAsks asks(24 + seed);
        Disturbance others(*node_->model.engine, 7 + seed);
        const auto count = static_cast<std::size_t>(test::long_rounds(64, 1000));
        while (receipts_.size() < count) {
            std::vector<Ask> together;
            for (int i = 0; i < 24; ++i) together.push_back(asks.next());
            for (Json& receipt : node_->receipts_of(together, others))
                receipts_.push_back(std::move(receipt));
        }
    }
    static void TearDownTestSuite() {
        receipts_.clear();
        delete model_;
        delete node_;
    }

    static ReceiptVerdict replayed(const Json& document) {
        const chain::SignedReceipt receipt = chain::receipt_from_json(document);
        const ReceiptVerdict genuine = check_signature(receipt, document, "");
        if (!genuine.holds) return genuine;
        return replay_receipt(*model_, receipt.receipt, read_recorded_tokens(document["tokens"]));
    }

    // Whether the node says these tokens when it is asked with these settings.
    static bool says(const Json& document) {
        const chain::ReplyReceipt fields = chain::receipt_from_json(document).receipt;
        const RecordedTokens told = read_recorded_tokens(document["tokens"]);
        const SignedSampling drawn = read_sampling_text(fields.sampling);
        engine::GenerationRequest request;
        request.prompt = told.prompt;
        request.sampling = drawn.sampling;
        request.sampling.seed = fields.seed;
        request.biases = drawn.biases;
        request.max_tokens = static_cast<std::int32_t>(told.output.size());
        const api::ReplyForm form = api::read_form(*told.form);
        if (form.constrained) request.constraint = model_->constraints().make(form.rules);
        const auto sink = std::make_shared<test::RecordingSink>();
        node_->model.engine->submit(std::move(request), sink);
        sink->wait();
        return sink->tokens() == told.output;
    }

    static inline SigningNode* node_ = nullptr;
    static inline ReplayModel* model_ = nullptr;
    static inline std::vector<Json> receipts_;
};

// As a host signs who lies about what it did.
Json signed_again(Json document, const std::function<void(chain::ReplyReceipt&, Json& tokens)>& change) {
    chain::SignedReceipt receipt = chain::receipt_from_json(document);
    change(receipt.receipt, document["tokens"]);
    const RecordedTokens told = read_recorded_tokens(document["tokens"]);
    receipt.receipt.prompt_hash = chain::hash_of_tokens(told.prompt);
    receipt.receipt.output_hash = chain::hash_of_tokens(told.output);
    receipt.receipt.prompt_tokens = static_cast<std::uint32_t>(told.prompt.size());
    receipt.receipt.output_tokens = static_cast<std::uint32_t>(told.output.size());
    receipt.receipt.form = chain::keccak256(*told.form);
    const chain::PrivateKey key(kHostKey, "KEY");
    Json made = chain::to_json(chain::sign_receipt(receipt.receipt, receipt.chain_id, key));
    made["numerics"] = document["numerics"];
    made["tokens"] = document["tokens"];
    return made;
}

TEST_F(ReceiptReplay, HonestReceiptsOfAllKindsHold) {
    std::map<std::string, int> ends;
    int constrained = 0;
    for (const Json& document : receipts_) {
        const ReceiptVerdict verdict = replayed(document);
        EXPECT_TRUE(verdict.holds) << verdict.why << "\n"
                                   << document["message"] << document["tokens"]["form"];
        ++ends[document["message"]["finish"].get<std::string>()];
        constrained +=
            document["message"]["sampling"].get<std::string>().find("constrained=1") != std::string::npos;
    }
    for (const char* end : {"stop", "length", "tool_calls", "stop_string"}) EXPECT_GT(ends[end], 0) << end;
    EXPECT_GT(constrained, 0);
    EXPECT_GT(node_->model.engine->stats().preemptions, 0);
    std::printf("honest: %zu held\n", receipts_.size());
    EXPECT_EQ(model_->numerics().digest, chain::receipt_from_json(receipts_[0]).receipt.numerics);
    RecordProperty("receipts", static_cast<int>(receipts_.size()));
}

TEST_F(ReceiptReplay, AChangedTokenIsNamed) {
    for (std::size_t i = 0; i < receipts_.size(); ++i) {
        const std::size_t count = receipts_[i]["tokens"]["output"].size();
        const std::size_t place = i * 7 % count;
        const Json forged = signed_again(receipts_[i], [&](chain::ReplyReceipt&, Json& tokens) {
            Json& token = tokens["output"][place];
            token = (token.get<unsigned>() + 1U + static_cast<unsigned>(i % 50)) % 4000U;
        });
        const ReceiptVerdict verdict = replayed(forged);
        EXPECT_FALSE(verdict.holds) << forged["message"];
        ASSERT_TRUE(verdict.difference.has_value()) << verdict.why;
        EXPECT_EQ(verdict.difference->place, static_cast<int>(place)) << verdict.why;
        EXPECT_EQ(verdict.difference->recorded, forged["tokens"]["output"][place].get<int>());
        EXPECT_EQ(verdict.difference->chosen, receipts_[i]["tokens"]["output"][place].get<int>());
    }
}

TEST_F(ReceiptReplay, AReplyCutShortOrContinuedIsRefused) {
    for (const Json& receipt : receipts_) {
        if (receipt["tokens"]["output"].size() < 3) continue;
        const Json cut = signed_again(receipt, [](chain::ReplyReceipt&, Json& tokens) {
            tokens["output"].erase(tokens["output"].size() - 1);
        });
        const ReceiptVerdict verdict = replayed(cut);
        EXPECT_FALSE(verdict.holds) << cut["message"];
        EXPECT_NE(verdict.why.find("ended by"), std::string::npos) << verdict.why;
        const Json other_end = signed_again(receipt, [](chain::ReplyReceipt& fields, Json&) {
            fields.finish = fields.finish == "length" ? "stop" : "length";
        });
        EXPECT_FALSE(replayed(other_end).holds);
        const Json other_limit = signed_again(receipt, [](chain::ReplyReceipt& fields, Json&) {
            fields.max_tokens = fields.finish == "length" ? fields.max_tokens + 1 : fields.output_tokens - 1;
        });
        EXPECT_FALSE(replayed(other_limit).holds);
    }
}

// Another seed or temperature leaves a short or certain reply as it is, and then the altered receipt says what is
// true: a replay refuses exactly what a generation with these settings does not say.
TEST_F(ReceiptReplay, AnotherSeedOrTemperatureIsRefusedWhereItSaysSomethingElse) {
    int refused = 0;
    for (const Json& receipt : receipts_) {
        const Json forged = signed_again(receipt, [](chain::ReplyReceipt& fields, Json&) {
            const std::string greedy = "temperature=0 ";
            if (!fields.sampling.starts_with(greedy))
                ++fields.seed;
            else
                fields.sampling = "temperature=2 " + fields.sampling.substr(greedy.size());
        });
        const ReceiptVerdict verdict = replayed(forged);
        refused += verdict.holds ? 0 : 1;
        EXPECT_EQ(verdict.holds, says(forged)) << verdict.why;
        if (!verdict.holds) {
            EXPECT_TRUE(verdict.difference.has_value()) << verdict.why;
        }
    }
    EXPECT_GT(refused, 10);
    RecordProperty("refused", refused);
}

TEST_F(ReceiptReplay, OtherWeightsFormsAndFieldsAreRefused) {
    const Json& receipt = receipts_[0];
    EXPECT_FALSE(
        replayed(signed_again(receipt, [](auto& fields, Json&) { fields.composite[3] ^= 1; })).holds);
    EXPECT_FALSE(
        replayed(signed_again(receipt, [](auto& fields, Json&) { ++fields.reasoning_tokens; })).holds);
    const auto unsigned_change = [&](auto change) {
        Json forged = receipt;
        change(forged);
        return replayed(forged).why;
    };
    EXPECT_TRUE(unsigned_change([](Json& r) { r["message"]["seed"] = "1"; }).starts_with("FORGED"));
    EXPECT_TRUE(unsigned_change([](Json& r) { r["tokens"]["form"] = "{}"; }).starts_with("FORGED"));
    EXPECT_TRUE(unsigned_change([](Json& r) { r["tokens"]["prompt"][0] = 7U; }).starts_with("FORGED"));
    EXPECT_TRUE(unsigned_change([](Json& r) { r["numerics"] = "other"; }).starts_with("FORGED"));
    EXPECT_EQ(unsigned_change([](Json& r) { r["id"] = "not a field"; }).find("FORGED"), std::string::npos);
}

// The prompt with other words in its system message: what a host signs that says it was asked otherwise.
std::optional<Json> asked_otherwise(const Tokenizer& tokenizer, const Json& receipt, const std::string& from,
                                    const std::string& to) {
    const auto prompt = receipt["tokens"]["prompt"].get<std::vector<TokenId>>();
    std::string text = tokenizer.decode(prompt);
    const std::size_t at = text.find(from);
    if (at == std::string::npos || tokenizer.encode_with_special(text) != prompt) return std::nullopt;
    text.replace(at, from.size(), to);
    return signed_again(receipt, [&](chain::ReplyReceipt&, Json& tokens) {
        // Read as the JSON of a receipt is: numbers without a sign.
        const std::vector<TokenId> changed = tokenizer.encode_with_special(text);
        tokens["prompt"] = std::vector<std::uint32_t>(changed.begin(), changed.end());
    });
}

// A reply that another effort or date gives too states what is true. The buyer, who knows the prompt, refuses each.
TEST_F(ReceiptReplay, AnotherEffortOrDateIsRefusedByWhoeverKnowsThePrompt) {
    if (test::long_rounds(0, 1) == 0) GTEST_SKIP() << "./test long";
    int forged = 0, refused = 0;
    for (std::size_t i = 0; i < receipts_.size(); ++i) {
        const bool date = i % 2 == 0;
        const std::string effort = receipts_[i]["tokens"]["prompt"].size() % 3 == 0 ? "low" : "high";
        for (const char* told : {"low", "medium", "high"}) {
            if (!date && effort == told) continue;
            const auto lie =
                asked_otherwise(model_->tokenizer(), receipts_[i],
                                date ? "Current date: 2026-11-22" : "Reasoning: " + std::string(told),
                                date ? "Current date: 2026-11-23" : "Reasoning: " + effort);
            if (!lie) continue;
            ++forged;
            const ReceiptVerdict verdict = replayed(*lie);
            refused += verdict.holds ? 0 : 1;
            if (!verdict.holds) {
                EXPECT_TRUE(verdict.difference.has_value()) << verdict.why;
            }
            if (i % 4 == 0) {
                EXPECT_EQ(verdict.holds, says(*lie)) << verdict.why;
            }
            const chain::SignedReceipt read = chain::receipt_from_json(*lie);
            RecordedTokens buyer = read_recorded_tokens((*lie)["tokens"]);
            buyer.prompt = receipts_[i]["tokens"]["prompt"].get<std::vector<TokenId>>();
            const ReceiptVerdict own = replay_receipt(*model_, read.receipt, buyer);
            EXPECT_FALSE(own.holds);
            EXPECT_NE(own.why.find("prompt tokens given are not the signed ones"), std::string::npos);
            break;
        }
    }
    EXPECT_GT(forged, static_cast<int>(receipts_.size()) / 3);
    EXPECT_GT(refused, 0) << "some replies depend on it";
    std::printf("another effort or date: %d, of which %d say something else\n", forged, refused);
}

// One setting each: refused exactly where a generation with it says something else.
TEST_F(ReceiptReplay, AnotherSettingIsRefusedWhereItSaysSomethingElse) {
    if (test::long_rounds(0, 1) == 0) GTEST_SKIP() << "./test long";
    static constexpr std::array<std::array<const char*, 2>, 6> kChanges = {
        {{"top_p=1 ", "top_p=0.3 "},
         {"top_k=0 ", "top_k=1 "},
         {"min_p=0 ", "min_p=0.5 "},
         {"repetition_penalty=1 ", "repetition_penalty=1.9 "},
         {"frequency_penalty=0 ", "frequency_penalty=1.9 "},
         {"presence_penalty=0 ", "presence_penalty=1.9 "}}};
    int forged = 0, refused = 0;
    for (std::size_t i = 0; i < receipts_.size(); ++i) {
        const auto& [from, to] = kChanges[i % kChanges.size()];
        const std::size_t at = receipts_[i]["message"]["sampling"].get<std::string>().find(from);
        if (at == std::string::npos) continue;
        const Json lie = signed_again(receipts_[i], [&](chain::ReplyReceipt& fields, Json&) {
            fields.sampling.replace(at, std::string(from).size(), to);
        });
        ++forged;
        const ReceiptVerdict verdict = replayed(lie);
        refused += verdict.holds ? 0 : 1;
        EXPECT_EQ(verdict.holds, says(lie)) << verdict.why;
        if (!verdict.holds) {
            EXPECT_TRUE(verdict.difference.has_value()) << verdict.why;
        }
    }
    EXPECT_GT(refused, 0);
    std::printf("another setting: %d, of which %d say something else\n", forged, refused);
}

// One bit of one weight: other weights, whatever they say.
TEST_F(ReceiptReplay, OneBitOfOneWeightIsAnotherModel) {
    if (test::long_rounds(0, 1) == 0) GTEST_SKIP() << "./test long";
    const test::TemporaryFolder folder;
    std::filesystem::path first;
    const gguf::File file = gguf::File::open(find_demo_model());
    for (const gguf::Part& part : file.parts()) {
        const auto copy = folder.path() / part.path.filename();
        std::filesystem::copy_file(part.path, copy);
        if (first.empty()) first = copy;
        if (&part != &file.parts().back()) continue;
        std::fstream bytes(copy, std::ios::in | std::ios::out | std::ios::binary);
        const auto place = static_cast<std::streamoff>(part.size_bytes - 100);
        bytes.seekg(place);
        const char byte = static_cast<char>(bytes.get() ^ 1);
        bytes.seekp(place);
        bytes.put(byte);
    }
    Settings settings;
    settings.model_path = first.string();
    settings.max_context_length = 2048;
    settings.max_sequences = kReplayRowsAtOnce;
    settings.determinism = Determinism::on;
    ReplayModel other(settings, tested_device());
    for (const Json& receipt : receipts_) {
        const ReceiptVerdict verdict = replay_receipt(other, chain::receipt_from_json(receipt).receipt,
                                                      read_recorded_tokens(receipt["tokens"]));
        EXPECT_FALSE(verdict.holds);
        EXPECT_TRUE(verdict.why.starts_with("DIFFERS: this model's composite hash is ")) << verdict.why;
    }
}

// A replay computes as the receipt says that the node did; what was changed afterwards counts for nothing.
TEST(RecordedNumerics, ChooseCacheAndDeterminism) {
    const auto settings_of = [](const std::string& signed_text, const std::string& told) {
        chain::ReplyReceipt receipt;
        receipt.numerics = chain::keccak256(signed_text);
        Settings settings;
        take_recorded_numerics(settings, receipt, {{"numerics", told}});
        return settings;
    };
    const std::string text = "gpt-oss-node 1.0; gcc 13; cuda; order 1; sm_90; f8 cache; any batch";
    EXPECT_EQ(settings_of(text, text).kv_cache_type, model::KvType::f8);
    EXPECT_EQ(settings_of(text, text).determinism, Determinism::on);
    const std::string mixed = "cuda; order 1; sm_90; f8_full cache; any batch";
    EXPECT_EQ(settings_of(mixed, mixed).kv_cache_type, model::kF8OnFullLayers);
    EXPECT_EQ(settings_of("other", text).kv_cache_type, model::KvType::bf16);
    EXPECT_EQ(settings_of("other", text).determinism, Determinism::off);
    const std::string by_batch = "cuda; order 0; sm_90; 132 SMs; f16 cache; by the batch";
    EXPECT_EQ(settings_of(by_batch, by_batch).kv_cache_type, model::KvType::f16);
    EXPECT_EQ(settings_of(by_batch, by_batch).determinism, Determinism::off);
}

// The bytes of a receipt that a node of version 1 signed.
TEST(OldReceipts, StillVerify) {
    chain::ReplyReceipt receipt;
    receipt.version = 1;
    receipt.id = "chatcmpl-1";
    receipt.sampling = "temperature=1";
    const chain::PrivateKey key(kHostKey, "KEY");
    const Json document = chain::to_json(chain::sign_receipt(receipt, 1, key));
    EXPECT_EQ(document["domain"]["version"], "1");
    EXPECT_FALSE(document["message"].contains("formHash"));
    const chain::SignedReceipt read = chain::receipt_from_json(document);
    EXPECT_EQ(read.receipt.version, 1U);
    EXPECT_TRUE(check_signature(read, document, "").holds);
}

}  // namespace
}  // namespace gptoss::node
