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
    request.kv_types = KvType::f8;
    EXPECT_EQ(2 * plan(gpt_oss_120b(), request, 0, 0, 0).full_kv_bytes,
              plan(gpt_oss_120b(), {}, 0, 0, 0).full_kv_bytes);
}

TEST(Plan, EightBitsOnFullLayersAloneLeaveTheWindowsAsTheyAre) {
    PlanRequest request;
    const MemoryPlan usual = plan(gpt_oss_120b(), request, 0, 0, 0);
    request.kv_types = kF8OnFullLayers;
    const MemoryPlan found = plan(gpt_oss_120b(), request, 0, 0, 0);
    EXPECT_EQ(2 * found.full_kv_bytes, usual.full_kv_bytes);
    EXPECT_EQ(found.sliding_kv_bytes, usual.sliding_kv_bytes);
    EXPECT_EQ(found.kept_kv_bytes, usual.kept_kv_bytes);
    request.gpu_layers = 12;
    const MemoryPlan split = plan(gpt_oss_120b(), request, 0, 0, 0);
    EXPECT_EQ(split.full_kv_bytes + split.host.full_kv_bytes, found.full_kv_bytes);
    EXPECT_EQ(split.sliding_kv_bytes + split.host.sliding_kv_bytes, found.sliding_kv_bytes);
}

TEST(Plan, KvTypesAreReadByTheirNamesAndNoOther) {
    for (const KvTypes& types :
         {KvTypes(KvType::bf16), KvTypes(KvType::f16), KvTypes(KvType::f8), kF8OnFullLayers})
        EXPECT_EQ(kv_types_named(name_of(types)), types);
    EXPECT_EQ(kv_types_named("q8_0"), KvType::f8);
    EXPECT_EQ(kv_types_named("f8_full"), KvTypes(KvType::f8, KvType::bf16));
    for (const char* name : {"", "BF16", "q4_0", "f16 "}) EXPECT_THROW(kv_types_named(name), Error) << name;
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

// Every layer, key and value is on one side or the other.
TEST(Plan, ASplitModelIsPlannedOnBothSides) {
    const auto shape = gpt_oss_120b();
    const MemoryPlan whole = plan(shape, {}, 0, 0, 0);
    for (const std::int32_t gpu_layers : {1, 2, 17, 24, 35}) {
        PlanRequest request;
        request.gpu_layers = gpu_layers;
        EXPECT_EQ(device_layers(shape, request), (LayerRange{36 - gpu_layers, 36}));
        const MemoryPlan split = plan(shape, request, 0, 0, 0);
        EXPECT_EQ(split.host.layers, 36 - gpu_layers);
        EXPECT_EQ(split.full_blocks, whole.full_blocks);
        EXPECT_EQ(split.full_kv_bytes + split.host.full_kv_bytes, whole.full_kv_bytes);
        EXPECT_EQ(split.sliding_kv_bytes + split.host.sliding_kv_bytes, whole.sliding_kv_bytes);
        // The last layer sees everything, the one before slides.
        EXPECT_EQ(split.full_kv_bytes, whole.full_kv_bytes / 18 * ((gpu_layers + 1) / 2));
        EXPECT_EQ(split.sliding_kv_bytes, whole.sliding_kv_bytes / 18 * (gpu_layers / 2));
    }
    for (const std::int32_t gpu_layers : {36, 99, 0}) {
        PlanRequest request;
        request.gpu_layers = gpu_layers;
        EXPECT_EQ(device_layers(shape, request), (LayerRange{0, 36}));
        EXPECT_EQ(plan(shape, request, 0, 0, 0).host.total_bytes(), 0);
    }
}

TEST(Plan, LayersFindTheirPlaceInTheirPool) {
    for (std::int32_t first = 0; first < 6; ++first)
        for (std::int32_t end = first + 1; end <= 7; ++end) {
            const LayerRange range{first, end};
            std::int32_t sliding = 0, full = 0;
            for (std::int32_t layer = first; layer < end; ++layer)
                EXPECT_EQ(range.pool_layer(layer), layer % 2 == 0 ? sliding++ : full++);
            EXPECT_EQ(range.sliding_layers(), sliding);
            EXPECT_EQ(range.full_layers(), full);
        }
}

TEST(Plan, TheHostMustHaveRoomForItsShareToo) {
    const auto shape = gpt_oss_120b();
    PlanRequest request;
    request.gpu_layers = 24;
    HostShare share;
    share.weight_bytes = 12 * published_layer_bytes(shape) + published_embedding_bytes(shape);
    share.free_bytes = 30'000'000'000;
    const std::int64_t weights = published_weight_bytes(shape) - share.weight_bytes;
    const MemoryPlan fine = plan(shape, request, weights, 0, 0, share);
    EXPECT_NO_THROW(require_fit(fine, shape, 50'000'000'000, "a card"));
    const std::string table = to_table(fine, 50'000'000'000);
    EXPECT_NE(table.find("the last 24 layers and the head"), std::string::npos);
    EXPECT_NE(table.find("the embedding and the first 12 layers"), std::string::npos);

    share.free_bytes = 22'000'000'000;
    const std::int32_t context =
        largest_context_that_fits(shape, request, weights, 0, 0, 50'000'000'000, share);
    EXPECT_GT(context, 0);
    EXPECT_LT(context, 131072);
    try {
        require_fit(plan(shape, request, weights, 0, 0, share), shape, 50'000'000'000, "a card");
        FAIL() << "accepted";
    } catch (const Error& error) {
        EXPECT_NE(error.for_people().find("the memory of the host"), std::string::npos);
        EXPECT_NE(error.for_people().find("that fits is " + std::to_string(context)), std::string::npos);
    }
}

}  // namespace
}  // namespace gptoss::model
