#include "backend/gpu_cards.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace gptoss::backend {
namespace {

TEST(GpuCards, KnowsCardsByNameAndBytesByUnit) {
    EXPECT_EQ(free_bytes_of_card("h100"), 81'559LL * 1024 * 1024 / 100 * 99);
    EXPECT_EQ(free_bytes_of_card("RTX-4090"), free_bytes_of_card("4090"));
    EXPECT_EQ(free_bytes_of_card("24GB"), 24'000'000'000);
    EXPECT_EQ(free_bytes_of_card("24G"), 24'000'000'000);
    EXPECT_EQ(free_bytes_of_card("1.5GiB"), 3LL << 29);
    EXPECT_EQ(free_bytes_of_card("85899345920"), 85'899'345'920);
    EXPECT_EQ(name_of_card("24GB"), "a GPU with 24.0 GB free");
}

TEST(GpuCards, RefusesWhatIsNeitherAndSaysWhatIsKnown) {
    for (const char* text : {"", "h1000", "-5G", "24 bananas", "0", "1e99", "nan", "0x10"}) {
        try {
            free_bytes_of_card(text);
            ADD_FAILURE() << text;
        } catch (const Error& error) {
            EXPECT_EQ(error.code(), ErrorCode::setting_invalid);
            EXPECT_NE(error.hint().find("pro6000"), std::string::npos);
        }
    }
}

TEST(GpuCards, PlansThePublishedModelsWhereTheyAreKnownToFit) {
    const auto total_bytes = [](const char* card, const model::Hyperparameters& shape, std::int32_t context) {
        model::PlanRequest request;
        request.context_length = context;
        const DeviceNeeds needs = needs_of_card(card, shape, request, 0);
        return model::plan(shape, request, needs.weight_bytes, needs.workspace_bytes, needs.runtime_bytes)
            .total_bytes();
    };
    EXPECT_LT(total_bytes("h100", model::gpt_oss_120b(), 131072), free_bytes_of_card("h100"));
    EXPECT_GT(total_bytes("a100-40", model::gpt_oss_120b(), 8192), free_bytes_of_card("a100-40"));
    EXPECT_LT(total_bytes("4090", model::gpt_oss_20b(), 131072), free_bytes_of_card("4090"));
}

TEST(GpuCards, ASplitModelTakesLess) {
    model::PlanRequest request;
    const auto whole = needs_of_card("4090", model::gpt_oss_120b(), request, 0);
    request.gpu_layers = 10;
    const auto part = needs_of_card("4090", model::gpt_oss_120b(), request, 0);
    EXPECT_LT(part.weight_bytes, whole.weight_bytes / 3);
}

}  // namespace
}  // namespace gptoss::backend
