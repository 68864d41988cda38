// Decode steps as smaller cards run them, at the published widths.
#include "backend/cuda/decode_step.h"

#include <cmath>

#include "backend/cuda/batched_support.h"
#include "backend/cuda/repack.h"
#include "backend/cuda/weight_layout.h"
#include "model/rope.h"

namespace gptoss::backend::cuda::test {
namespace {

class DecodeStepTest : public backend::test::GpuTest {};

// Two layers of the 120b with random weights; slot s owns block s.
struct TwoLayers {
    TwoLayers() {
        model::Hyperparameters shape = model::gpt_oss_120b();
        shape.layers = 2;
        device.weights = allocate_weights(shape, published_types(shape));
        fill_synthetic(device.weights, 1, nullptr);
        for (KvPool* pool : {&device.full, &device.sliding}) {
            *pool = {nullptr, model::KvType::bf16, 1, 2, shape.kv_heads, shape.head_size};
            memory.push_back(allocate_device(2 * pool->layer_elements()));
            pool->data = memory.back().get();
            cuda_check(cudaMemset(pool->data, 0, static_cast<std::size_t>(2 * pool->layer_elements())));
        }
        device.tables = {tables.get(), tables.get(), 1};
        const model::RopeTable rope = model::rope_table(shape);
        std::copy(rope.inverse_frequencies.begin(), rope.inverse_frequencies.end(),
                  device.frequencies.inverse);
        device.frequencies.attention_factor = rope.attention_factor;
    }

    // The logits of two sequences' fourth tokens, two rows a step.
    std::vector<float> logits_with(const DeviceTraits& card) {
        const std::int32_t vocabulary = device.weights.shape.vocabulary;
        const DeviceVector<float> logits(std::size_t{2} * static_cast<std::size_t>(vocabulary));
        DecodeStep step(device, last_tokens.get(), logits.get(), vocabulary, card);
        for (std::int32_t position = 0; position < 4; ++position)
            step.run(std::vector<RowInput>{{7 * position + 100, position, 0, position, 0},
                                           {9 * position + 5000, position, 1, position, 1}},
                     nullptr);
        return logits.read();
    }

    DeviceModel device;
    std::vector<DeviceMemory> memory;
    DeviceVector<std::int32_t> tables{std::vector<std::int32_t>{0, 1}}, last_tokens{std::size_t{2}};
};

TEST_F(DecodeStepTest, TwoRowsFitIntoASmallCardsSharedMemory) {
    DeviceTraits small = card_named("rtx-pro-6000");
    small.sm_count = current_device_traits().sm_count;
    TwoLayers model;
    const std::vector<float> expected = model.logits_with(current_device_traits());
    const std::vector<float> found = model.logits_with(small);
    double difference = 0, size = 0;
    for (std::size_t i = 0; i < expected.size(); ++i) {
        difference += std::pow(double{found[i]} - expected[i], 2);
        size += std::pow(double{expected[i]}, 2);
    }
    std::printf("[ measured ] relative difference %.1e\n", std::sqrt(difference / size));
    EXPECT_GT(size, 0);
    EXPECT_LT(difference, 1e-6 * size);
}

}  // namespace
}  // namespace gptoss::backend::cuda::test
