#include "model/plan.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace gptoss::model {
namespace {

TEST(Plan,
     PublishedWeightsHaveTheSizesOfTheFiles) {  // tensor data as published, without file headers and padding
    EXPECT_EQ(published_weight_bytes(gpt_oss_120b()), 63374323968);
    EXPECT_EQ(published_weight_bytes(gpt_oss_20b()), 12096558336);
}

TEST(Plan, AWholeContextOfThe120bCosts4Point84Gigabytes) {
    const MemoryPlan whole = plan(gpt_oss_120b(), {}, 0, 0, 0);
    EXPECT_EQ(whole.full_blocks, 2048);
    EXPECT_EQ(whole.full_kv_bytes, 131072LL * 36864);
}

TEST(Plan, EightBitKvCostsHalf) {
    PlanRequest request;
    request.kv_type = KvType::f8;
    EXPECT_EQ(2 * plan(gpt_oss_120b(), request, 0, 0, 0).full_kv_bytes,
              plan(gpt_oss_120b(), {}, 0, 0, 0).full_kv_bytes);
}

TEST(Plan, TheLargestContextFitsAndTheNextDoesNot) {
    const auto shape = gpt_oss_120b();
    const std::int64_t weights = published_weight_bytes(shape), workspace = 1'000'000'000,
                       free_bytes = 67'000'000'000;
    const std::int32_t context = largest_context_that_fits(shape, {}, weights, workspace, 0, free_bytes);
    ASSERT_GT(context, 0);
    ASSERT_LT(context, 131072);
    PlanRequest request;
    request.context_length = context;
    EXPECT_LE(plan(shape, request, weights, workspace, 0).total_bytes(), free_bytes);
    request.context_length += kBlockTokens;
    EXPECT_GT(plan(shape, request, weights, workspace, 0).total_bytes(), free_bytes);
    EXPECT_EQ(largest_context_that_fits(shape, {}, weights, workspace, 0, weights), 0);
    EXPECT_EQ(largest_context_that_fits(shape, {}, weights, workspace, 0, 200'000'000'000), 131072);
}

TEST(Plan, WhatDoesNotFitIsRefusedWithTheLargestContextThatWould) {
    const auto shape = gpt_oss_120b();
    const MemoryPlan whole = plan(shape, {}, published_weight_bytes(shape), 0, 0);
    EXPECT_NO_THROW(require_fit(whole, shape, 80'000'000'000, "a card"));
    const auto refusal = [&](std::int64_t free_bytes) {
        try {
            require_fit(whole, shape, free_bytes, "a card");
            return std::string("accepted");
        } catch (const Error& error) {
            EXPECT_EQ(error.code(), ErrorCode::does_not_fit);
            return error.for_people();
        }
    };
    const std::int32_t largest =
        largest_context_that_fits(shape, {}, whole.weight_bytes, 0, 0, 67'000'000'000);
    EXPECT_NE(refusal(67'000'000'000).find("that fits is " + std::to_string(largest) + " tokens"),
              std::string::npos);
    EXPECT_NE(refusal(8'000'000'000).find("Not even the smallest context fits"), std::string::npos);
}

TEST(Plan, TheTableSaysWhetherItFits) {
    const MemoryPlan whole = plan(gpt_oss_120b(), {}, 63'000'000'000, 0, 0);
    EXPECT_NE(to_table(whole, 80'000'000'000).find("fits"), std::string::npos);
    EXPECT_NE(to_table(whole, 8'000'000'000).find("DOES NOT FIT"), std::string::npos);
}

}  // namespace
}  // namespace gptoss::model
