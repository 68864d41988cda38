// The published 120b's true header through everything that reads it before a weight is touched.
#include "support/published_120b.h"

#include <gtest/gtest.h>

#include "api/chat_request.h"
#include "gguf/file.h"
#include "harmony/render.h"
#include "model/plan.h"
#include "model/weights.h"
#include "provenance/known_releases.h"
#include "provenance/verify.h"
#include "support/files.h"
#include "support/temporary_folder.h"
#include "tokenizer/tokenizer.h"

namespace gptoss::test {
namespace {

class Published120b : public ::testing::Test {
  protected:
    // Part 1 takes a second to make: once for all tests.
    static void SetUpTestSuite() { part_1 = published_120b_part_1(); }
    void SetUp() override {
        if (!part_1) GTEST_SKIP() << "scripts/fetch-o200k.sh has not been run";
    }

    static std::optional<std::string> part_1;
    TemporaryFolder folder_;
};
std::optional<std::string> Published120b::part_1;

TEST_F(Published120b, OpensAndPlansAsTheRelease) {
    const gguf::File file = gguf::File::open(write_published_120b(folder_.path(), *part_1));
    const model::Weights weights = model::find_weights(file);
    EXPECT_EQ(weights.hyperparameters, [] {
        model::Hyperparameters shape = model::gpt_oss_120b();
        shape.rms_epsilon = 1e-5F;  // as float32 holds it
        return shape;
    }());
    EXPECT_EQ(file.tensors().size(), 687U);
    std::int64_t bytes = 0;
    for (const gguf::Tensor& tensor : file.tensors()) bytes += static_cast<std::int64_t>(tensor.data.size());
    EXPECT_EQ(bytes, 63'374'323'968);
    EXPECT_EQ(model::published_weight_bytes(weights.hyperparameters), bytes);
    const model::MemoryPlan plan = model::plan(weights.hyperparameters, {}, bytes, 0, 0);
    EXPECT_EQ(plan.full_kv_bytes, std::int64_t{131072} * 36'864);
    EXPECT_TRUE(plan.fits(95'000'000'000));
}

// Parts 2 and 3 are not the published ones: the verdict names part 2, which says that part 1 is right.
TEST_F(Published120b, Part1HasThePublishedHash) {
    provenance::VerifyRequest request;
    for (int number = 1; number <= 3; ++number) {
        request.parts.push_back(folder_.path() /
                                ("gpt-oss-120b-mxfp4-0000" + std::to_string(number) + "-of-00003.gguf"));
        write_file(request.parts.back(), {'x'});
    }
    const auto detail = [&] {
        const provenance::VerifyReport report = provenance::verify(request);
        EXPECT_TRUE(report.failed());
        return report.comparisons.at(1).detail;
    };
    write_file(request.parts[0], {part_1->begin(), part_1->end()});
    EXPECT_EQ(provenance::verify(request).parts[0].sha256,
              "e2865eb6c1df7b2ffbebf305cd5d9074d5ccc0fe3b862f98d343a46dad1606f9");
    EXPECT_NE(detail().find("00002-of-00003"), std::string::npos);
    std::string damaged = *part_1;
    damaged[damaged.size() / 2] ^= 1;
    write_file(request.parts[0], {damaged.begin(), damaged.end()});
    EXPECT_NE(detail().find("00001-of-00003"), std::string::npos);
}

TEST_F(Published120b, TokenizesAndRenders) {
    const gguf::File file = gguf::File::open(write_published_120b(folder_.path(), *part_1));
    const Tokenizer tokenizer = Tokenizer::from_metadata(file.metadata());
    EXPECT_EQ(tokenizer.encode("приветМир"), (std::vector<TokenId>{9501, 131903, 4474, 2479}));
    EXPECT_EQ(tokenizer.encode("नमस्ते दुनिया"), (std::vector<TokenId>{998, 1637, 14681, 628, 64593}));
    harmony::Conversation conversation = api::conversation_from_chat_request(
        api::parse_json(R"({"messages": [{"role": "user", "content": "What is 2 + 2?"}]})"));
    const std::vector<TokenId> prompt = harmony::render(tokenizer, conversation);
    // harmony's own ids of this question and of the words that the model goes on from.
    const std::vector<TokenId> end{200006, 1428, 200008, 4827, 382,    220,    17,
                                   659,    220,  17,     30,   200007, 200006, 173781};
    ASSERT_GT(prompt.size(), end.size());
    EXPECT_TRUE(std::equal(end.begin(), end.end(), prompt.end() - static_cast<std::ptrdiff_t>(end.size())));
}

}  // namespace
}  // namespace gptoss::test
