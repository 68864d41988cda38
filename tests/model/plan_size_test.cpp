#include "model/plan_size.h"

#include <gtest/gtest.h>

namespace gptoss::model {
namespace {

constexpr std::int64_t kMiB = 1 << 20;

// What the CUDA backend says of the 120b: 69.3 GB in all with one sequence, 70.7 with 64 (docs/performance.md).
MemoryPlan plan_120b(const PlanRequest& request) {
    const Hyperparameters shape = gpt_oss_120b();
    return plan(shape, request, published_weight_bytes(shape),
                400'000'000 + 4'900'000LL * request.max_sequences, 555'000'000);
}

PlanRequest filled(const MemoryShare& card, OpenSizes open = {true, true}, PlanRequest request = {}) {
    return fill_memory(request, open, card, plan_120b);
}

struct Card {
    const char* name;
    std::int64_t total_mib, free_mib;
    std::int64_t least_tokens;
    std::int32_t least_sequences;
};

class Cards : public testing::TestWithParam<Card> {};
INSTANTIATE_TEST_SUITE_P(Sizes, Cards,
                         testing::Values(Card{"80 GB", 81'559, 81'000, 380'000, 64},
                                         // Below the ceiling of 95,000 MiB.
                                         Card{"97 GB", 97'887, 94'400, 750'000, 128},
                                         Card{"141 GB", 143'771, 143'200, 2'000'000, 256}));

TEST_P(Cards, AreUsed) {
    const Card& card = GetParam();
    const MemoryShare share{.total_bytes = card.total_mib * kMiB, .free_bytes = card.free_mib * kMiB};
    const PlanRequest request = filled(share);
    const MemoryPlan plan = plan_120b(request);
    EXPECT_GE(plan.cache_tokens(), card.least_tokens);
    EXPECT_GE(request.max_sequences, card.least_sequences);
    EXPECT_LE(request.max_sequences, kMostSequences);
    EXPECT_LE(plan.total_bytes(), share.free_bytes - reserve_bytes(share.total_bytes)) << "a reserve is left";
    PlanRequest more = request;
    more.cache_tokens += 4096;
    EXPECT_GT(plan_120b(more).total_bytes(), share.usable_bytes()) << "and no more";
    EXPECT_GE(request.kept_windows, request.cache_tokens / kUsualTokens);
    const std::string table = to_table(plan, share.free_bytes);
    EXPECT_NE(table.find(std::to_string(plan.cache_tokens()) + " tokens over all conversations"),
              std::string::npos)
        << table;
    EXPECT_NE(table.find("left"), std::string::npos);
}

TEST(PlanSize, LeavesHalfOfWhatIsShared) {
    const MemoryShare share{.total_bytes = 150'000'000'000, .free_bytes = 150'000'000'000, .shared = true};
    EXPECT_LE(plan_120b(filled(share)).total_bytes(), 75'000'000'000);
    EXPECT_GT(filled(share).cache_tokens, 131'072);
}

TEST(PlanSize, ACacheHoldsOneContextOrIsLeftAsItIs) {
    const MemoryShare share{.total_bytes = 70'000'000'000, .free_bytes = 66'000'000'000};
    const PlanRequest request = filled(share);
    EXPECT_EQ(request.cache_tokens, 0) << "whether one context fits is for require_fit to say";
    EXPECT_EQ(request.max_sequences, kFewestSequences);
}

TEST(PlanSize, KeepsWhatWasSaid) {
    const MemoryShare card{.total_bytes = 150'000'000'000, .free_bytes = 150'000'000'000};
    PlanRequest said;
    said.max_sequences = 512;
    said.cache_tokens = 300'000;
    const PlanRequest both = filled(card, {false, false}, said);
    EXPECT_EQ(both.max_sequences, 512);
    EXPECT_EQ(both.cache_tokens, 300'000);
    EXPECT_EQ(filled(card, {true, false}, said).max_sequences, 64) << "for 300,000 tokens";
    EXPECT_GT(filled(card, {false, true}, said).cache_tokens, 1'500'000);
}

TEST(PlanSize, HoldsNoMoreThanAllSequencesCouldFill) {
    const MemoryShare card{.total_bytes = 150'000'000'000, .free_bytes = 150'000'000'000};
    PlanRequest request;
    request.max_sequences = 2;
    request.context_length = 8192;
    EXPECT_EQ(filled(card, {false, true}, request).cache_tokens, 16'384);
}

TEST(PlanSize, AStepHoldsARowOfEverySequence) {
    const MemoryShare card{.total_bytes = 150'000'000'000, .free_bytes = 150'000'000'000};
    PlanRequest request;
    request.max_batch_tokens = 100;
    EXPECT_EQ(filled(card, {true, true}, request).max_sequences, 96);
}

}  // namespace
}  // namespace gptoss::model
