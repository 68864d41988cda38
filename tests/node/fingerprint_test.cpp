// Fingerprints: on another device (here: the float32 reference) they fit, and what a host may have done otherwise
// does not. The rates of docs/receipts.md are this test's under GPTOSS_LONG.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>

#include "base/error.h"
#include "node/demo_model.h"
#include "node/fingerprint_check.h"
#include "node/fingerprint_code.h"
#include "signing_node.h"
#include "support/rounds.h"

namespace gptoss::node {
namespace {

using FingerprintDocument = nlohmann::json;

TEST(FingerprintBytes, AreReadBackAsTheyWere) {
    const std::vector<engine::Fingerprint> all{
        {0, {{7, 1.5F}, {2879, -0.25F}}}, {37, {}}, {64, {{0, 3e-20F}}}};
    const chain::Bytes bytes = fingerprint_bytes(all);
    EXPECT_EQ(bytes.size(), 3 * 5 + 3 * 6U);
    EXPECT_EQ(fingerprint_bytes(read_fingerprints(bytes)), bytes);
    for (std::size_t cut = 1; cut < bytes.size(); ++cut)
        if (cut != 17 && cut != 22) {  // where one ends
            EXPECT_THROW(read_fingerprints(std::span(bytes).first(cut)), Error) << cut;
        }
    EXPECT_THROW(read_fingerprints(fingerprint_bytes(std::vector<engine::Fingerprint>{{5, {}}, {5, {}}})),
                 Error);
}

// Every device of the list computes by the float32 reference.
std::vector<Device> reference_device() {
    std::vector<Device> devices = tested_device();
    devices[0].make = [](const model::Weights& weights, const backend::BackendOptions& given,
                         const backend::LoadProgress&) {
        backend::BackendOptions options = given;
        options.exact = true;
        return backend::make_cpu_backend(weights, options);
    };
    return devices;
}

Settings fingerprinting() {
    Settings settings;
    settings.max_context_length = 768;
    settings.max_sequences = 8;
    settings.batch_tokens = 256;
    settings.receipts_fingerprint = true;
    return settings;
}

// The demo model with other bytes in one kind of its tensors. `change` gets a tensor's bytes.
std::filesystem::path changed_model(const std::filesystem::path& folder, gguf::TensorType type,
                                    const std::function<void(std::span<char>)>& change) {
    std::filesystem::path first;
    const gguf::File file = gguf::File::open(find_demo_model());
    for (const gguf::Part& part : file.parts()) {
        const std::filesystem::path copy = folder / part.path.filename();
        std::filesystem::copy_file(part.path, copy);
        if (first.empty()) first = copy;
        std::fstream out(copy, std::ios::in | std::ios::out | std::ios::binary);
        for (const gguf::Tensor& tensor : file.tensors()) {
            const auto* begin = tensor.data.data();
            if (tensor.type != type || begin < part.bytes.data() ||
                begin >= part.bytes.data() + part.bytes.size())
                continue;
            std::string bytes(reinterpret_cast<const char*>(begin), tensor.data.size());
            change(bytes);
            out.seekp(begin - part.bytes.data());
            out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
        }
    }
    return first;
}

// Q8_0 blocks: two bytes of scale, 32 of int8. What five bits would have kept.
void requantize(std::span<char> bytes) {
    for (std::size_t i = 0; i < bytes.size(); ++i)
        if (i % 34 >= 2) bytes[i] = static_cast<char>(static_cast<signed char>(bytes[i]) / 8 * 8);
}

// MXFP4 blocks: one byte of scale, 16 of two values each. One value in fifty has another sign.
void other_experts(std::span<char> bytes) {
    for (std::size_t i = 0; i < bytes.size(); i += 25)
        if (i % 17 != 0) bytes[i] = static_cast<char>(bytes[i] ^ 0x08);
}

class FingerprintCheck : public testing::Test {
  protected:
    // Who checks: the CPU's float32 reference, or, by GPTOSS_TEST_CHECKER=fastest, the device's own fastest kernels, which
    // round by the batch: many more replies in the same time.
    static void SetUpTestSuite() {
        const char* checker = std::getenv("GPTOSS_TEST_CHECKER");
        const bool is_fastest = checker != nullptr && std::string_view(checker) == "fastest";
        Settings settings;
        settings.max_context_length = 2048;
        settings.max_sequences = kReplayRowsAtOnce;
        settings.threads = 1;
        reference_ = new ReplayModel(settings, is_fastest ? tested_device() : reference_device());
    }
    static void TearDownTestSuite() { delete reference_; }

    // Computes as the host did.
    static ReplayModel same_device() {
        Settings settings;
        settings.max_context_length = 2048;
        settings.max_sequences = kReplayRowsAtOnce;
        settings.threads = 1;
        settings.determinism = Determinism::on;
        return ReplayModel(settings, tested_device());
    }

    static std::vector<FingerprintDocument> receipts_of(Settings settings) {
        // Several processes may share a long run: GPTOSS_ROUNDS replies of each, and other questions by --gtest_shuffle
        // --gtest_random_seed=N. Otherwise the same every time: about one honest reply in 600 is refused (docs/receipts.md).
        SigningNode node(std::move(settings));
        RandomAsks asks(99 + static_cast<unsigned>(GTEST_FLAG_GET(random_seed)));
        std::vector<FingerprintDocument> receipts;
        const auto nothing = [] {};
        while (receipts.size() < static_cast<std::size_t>(test::long_rounds(12, 1000))) {
            std::vector<Ask> together;
            for (int i = 0; i < 16; ++i) together.push_back(asks.next());
            for (FingerprintDocument& receipt : node.receipts_of(together, nothing))
                receipts.push_back(std::move(receipt));
        }
        return receipts;
    }

    struct Rate {
        int tried = 0, accepted = 0;
        int near_in_the_mean = 0;  // what the mean instead of the middle would say of the distances
        std::vector<double> distances;
    };
    // The host claims the model's own composite hash, whatever it computed with.
    static Rate rate_of(const char* name, const std::vector<FingerprintDocument>& receipts,
                        const std::function<void(chain::ReplyReceipt&, RecordedTokens&)>& change = {}) {
        Rate rate;
        for (const FingerprintDocument& document : receipts) {
            chain::ReplyReceipt receipt = chain::receipt_from_json(document).receipt;
            RecordedTokens told = read_recorded_tokens(document["tokens"]);
            receipt.composite = *chain::word_from_hex(reference_->composite());
            if (change) change(receipt, told);
            receipt.prompt_hash = chain::hash_of_tokens(told.prompt);
            receipt.prompt_tokens = static_cast<std::uint32_t>(told.prompt.size());
            const auto bytes = chain::bytes_from_hex(document.value("fingerprint", ""));
            EXPECT_TRUE(bytes.has_value()) << document["message"];
            const double bound = most_distance(document);
            const FingerprintVerdict verdict =
                check_fingerprints(*reference_, receipt, told, read_fingerprints(bytes.value()), bound);
            ++rate.tried;
            rate.accepted += verdict.holds ? 1 : 0;
            double sum = 0;
            for (const double distance : verdict.distances) sum += distance;
            rate.near_in_the_mean += sum <= bound * static_cast<double>(verdict.distances.size()) ? 1 : 0;
            rate.distances.push_back(verdict.distance);
        }
        std::ranges::sort(rate.distances);
        std::printf("%-20s %d of %d accepted (near in the mean: %d), distance %.3g to %.3g, middle %.3g\n",
                    name, rate.accepted, rate.tried, rate.near_in_the_mean, rate.distances.front(),
                    rate.distances.back(), rate.distances[rate.distances.size() / 2]);
        std::fflush(stdout);
        return rate;
    }

    static double most_distance(const FingerprintDocument& document) {
        return most_fingerprint_distance(document["numerics"].get<std::string>(),
                                         reference_->numerics().text);
    }

    static inline ReplayModel* reference_ = nullptr;
};

TEST_F(FingerprintCheck, AcceptsRoundingAndRefusesWhatComputesOtherwise) {
    const std::vector<FingerprintDocument> honest = receipts_of(fingerprinting());
    const Rate own = rate_of("honest", honest);
    EXPECT_GE(50 * own.accepted, 49 * own.tried);  // a short reply at a near tie between experts is far

    const Rate shorter = rate_of("a shorter context", honest, [](chain::ReplyReceipt&, RecordedTokens& told) {
        // It claims a text before the prompt, which it left out.
        for (TokenId token = 300; token < 380; ++token)
            told.prompt.insert(told.prompt.begin(), token * 7 % 4000);
    });
    EXPECT_EQ(shorter.accepted, 0);

    Settings small_cache = fingerprinting();
    small_cache.kv_cache_type = model::KvType::f8;
    const Rate eight_bits = rate_of("an 8-bit KV cache", receipts_of(small_cache));
    EXPECT_EQ(eight_bits.accepted, 0);

    for (const auto& [name, type, change] :
         {std::tuple{"another quantisation", gguf::TensorType::Q8_0, &requantize},
          std::tuple{"other weights", gguf::TensorType::MXFP4, &other_experts}}) {
        const test::TemporaryFolder folder;
        Settings other = fingerprinting();
        other.model_path = changed_model(folder.path(), type, change).string();
        const Rate rate = rate_of(name, receipts_of(other));
        EXPECT_EQ(rate.accepted, 0) << name;
    }
}

// Rounding that sends one token to another expert moves one fingerprint; other weights move all.
TEST_F(FingerprintCheck, ForgivesOneOfThreeButNotTwo) {
    int tried = 0;
    for (const FingerprintDocument& document : receipts_of(fingerprinting())) {
        const auto bytes = chain::bytes_from_hex(document["fingerprint"].get<std::string>());
        std::vector<engine::Fingerprint> fingerprints = read_fingerprints(*bytes);
        if (fingerprints.size() != 3) continue;
        ++tried;
        const auto verdict = [&] {
            return check_fingerprints(*reference_, chain::receipt_from_json(document).receipt,
                                      read_recorded_tokens(document["tokens"]), fingerprints,
                                      most_distance(document));
        };
        const auto move = [&](std::size_t which) {
            for (backend::HiddenValue& each : fingerprints[which].values) each.value *= 1.05F;
        };
        move(0);
        EXPECT_TRUE(verdict().holds) << verdict().why;
        move(2);
        EXPECT_FALSE(verdict().holds) << verdict().why;
    }
    EXPECT_GT(tried, 0);
}

// Only where another seed says something else, by the device that said it: a certain reply is the same at every seed. More
// are asked for until there are some.
TEST_F(FingerprintCheck, FindsTokensThatWereNotSampledAsClaimed) {
    ReplayModel host = same_device();
    std::vector<FingerprintDocument> changed;
    for (int round = 0; changed.size() < 4 && round < 10; ++round)
        for (FingerprintDocument& document : receipts_of(fingerprinting())) {
            chain::ReplyReceipt claimed = chain::receipt_from_json(document).receipt;
            const RecordedTokens told = read_recorded_tokens(document["tokens"]);
            for (int other = 1; other <= 3; ++other) {
                claimed.seed += 1;
                const ReceiptVerdict replayed = replay_receipt(host, claimed, told);
                if (replayed.holds || !replayed.difference || replayed.difference->is_near_tie()) continue;
                document["claimed"] = claimed.seed;
                changed.push_back(std::move(document));
                break;
            }
        }
    EXPECT_GE(changed.size(), 4U);
    std::size_t next = 0;
    const Rate rate =
        rate_of("not sampled as claimed", changed, [&](chain::ReplyReceipt& receipt, RecordedTokens&) {
            receipt.seed = changed[next++]["claimed"].get<std::uint64_t>();
        });
    EXPECT_EQ(rate.accepted, 0);
}

// On the device and by the order that made them, they come out again to the bit, also with others about.
TEST_F(FingerprintCheck, IsTheSameToTheBitOnTheSameDevice) {
    ReplayModel same = same_device();
    for (const FingerprintDocument& document : receipts_of(fingerprinting())) {
        PreparedReplay prepared = prepare_replay(same, chain::receipt_from_json(document).receipt,
                                                 read_recorded_tokens(document["tokens"]));
        ASSERT_EQ(prepared.fault, "");
        prepared.request.hidden_values = engine::kFingerprintValues;
        const engine::ReplayResult result = same.replayer().run(std::move(prepared.request));
        EXPECT_EQ(chain::to_hex_prefixed(fingerprint_bytes(result.fingerprints)),
                  document["fingerprint"].get<std::string>());
    }
}

}  // namespace
}  // namespace gptoss::node
