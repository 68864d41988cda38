// Routing that is not even, as that of a trained model: some experts get many times the tokens of others. Random weights
// route evenly, so benchmarks that want the other case give the router biases for it.
#pragma once

#include <cuda_runtime.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <random>
#include <vector>

#include "backend/cuda/batched_routing.h"
#include "backend/cuda/cuda_device.h"
#include "backend/cuda/device_model.h"
#include "backend/cuda/memory.h"

namespace gptoss::backend::cuda {

struct RoutingCounts {
    std::int32_t experts_hit = 0;
    double hottest_to_mean = 0;  // tokens of the hottest expert beside the mean of all experts
};

// Of one layer, for `rows` random residual rows.
inline RoutingCounts count_routing(const DeviceModel& model, std::int32_t layer, std::int32_t rows,
                                   cudaStream_t stream) {
    const model::Hyperparameters& shape = model.weights.shape;
    const std::int64_t pairs = std::int64_t{rows} * kExpertsPerToken;
    std::vector<float> residual(static_cast<std::size_t>(rows) * static_cast<std::size_t>(shape.hidden));
    std::mt19937 random(1);
    std::normal_distribution<float> normal;
    for (float& value : residual) value = normal(random);
    const DeviceMemory input = allocate_device(static_cast<std::int64_t>(residual.size()) * 4),
                       normalised = allocate_device(static_cast<std::int64_t>(residual.size()) * 2),
                       choices = allocate_device(pairs * 4), weights = allocate_device(pairs * 4),
                       sorted = allocate_device(pairs * 4), groups = allocate_device(sizeof(GroupList));
    cuda_check(cudaMemcpy(input.get(), residual.data(), residual.size() * 4, cudaMemcpyHostToDevice));
    const DeviceLayer& from = model.weights.layers[static_cast<std::size_t>(layer)];
    Routing routing;
    routing.residual = reinterpret_cast<const float*>(input.get());
    routing.gain = from.expert_norm;
    routing.router = from.router;
    routing.router_bias = from.router_bias;
    routing.row_count = rows;
    routing.hidden = shape.hidden;
    routing.experts = shape.experts;
    routing.epsilon = static_cast<float>(shape.rms_epsilon);
    routing.normalised = reinterpret_cast<__half*>(normalised.get());
    routing.choices = reinterpret_cast<std::int32_t*>(choices.get());
    routing.routing_weights = reinterpret_cast<float*>(weights.get());
    routing.sorted_pairs = reinterpret_cast<std::int32_t*>(sorted.get());
    routing.groups = reinterpret_cast<GroupList*>(groups.get());
    launch_routing(routing, stream);
    GroupList list;
    cuda_check(cudaStreamSynchronize(stream));
    cuda_check(cudaMemcpy(&list, groups.get(), sizeof(list), cudaMemcpyDeviceToHost));
    // The largest group comes first.
    return {list.group_count, double(list.groups[0].row_count) * shape.experts / double(pairs)};
}

// Biases from a normal distribution, other experts hot in every layer, as wide as makes the hottest expert of the first
// layer get `hottest_to_mean` times the mean of 2,048 tokens.
inline void skew_routing(const DeviceModel& model, double hottest_to_mean, cudaStream_t stream) {
    const std::int32_t experts = model.weights.shape.experts;
    const auto set_biases = [&](std::int32_t layer, double width) {
        std::mt19937 random(static_cast<unsigned>(layer) + 1);
        std::normal_distribution<float> normal;
        std::vector<float> biases(static_cast<std::size_t>(experts));
        for (float& bias : biases) bias = static_cast<float>(width) * normal(random);
        // The bench made these weights: nobody else reads them.
        cuda_check(
            cudaMemcpy(const_cast<float*>(model.weights.layers[static_cast<std::size_t>(layer)].router_bias),
                       biases.data(), biases.size() * 4, cudaMemcpyHostToDevice));
    };
    double low = 0, high = 8;
    for (int i = 0; i < 12; ++i) {
        const double middle = (low + high) / 2;
        set_biases(0, middle);
        (count_routing(model, 0, 2048, stream).hottest_to_mean < hottest_to_mean ? low : high) = middle;
    }
    for (std::int32_t layer = 0; layer < static_cast<std::int32_t>(model.weights.layers.size()); ++layer)
        set_biases(layer, high);
}

inline void print_experts_hit(const DeviceModel& model, cudaStream_t stream) {
    for (const std::int32_t rows : {16, 64, 256, 512, 2048}) {
        const RoutingCounts counts = count_routing(model, 0, rows, stream);
        std::printf("%4d rows hit %3d experts of a layer, the hottest gets %.1f times the mean\n", rows,
                    counts.experts_hit, counts.hottest_to_mean);
    }
}

}  // namespace gptoss::backend::cuda
