// A router with random weights, and what it leaves of some rows.
#pragma once

#include "backend/cuda/batched_routing.h"
#include "backend/cuda/batched_support.h"

namespace gptoss::backend::cuda::test {

// Random weights of a router on the device.
struct RouterWeights {
    RouterWeights(std::int32_t columns, std::int32_t count)
        : hidden(columns),
          experts(count),
          gain(random_floats(columns, 1.0F, 2)),
          router(random_floats(std::size_t(count) * columns, 0.05F, 3)),
          bias(random_floats(count, 0.5F, 4)),
          partial_logits(static_cast<std::size_t>(partial_logits_count(columns))) {}

    std::int32_t hidden, experts;
    DeviceVector<float> gain, router, bias, partial_logits;
};

// What routing leaves of some rows.
struct RoutedRows {
    RoutedRows(std::int32_t count, const RouterWeights& from)
        : rows(count),
          normalised(std::size_t(count) * from.hidden),
          choices(std::size_t(count) * kExpertsPerToken),
          pairs(std::size_t(count) * kExpertsPerToken),
          weights(std::size_t(count) * kExpertsPerToken),
          logits(std::size_t(count) * from.experts),
          groups(std::size_t{1}) {}

    Routing routing(const DeviceVector<float>& residual, const RouterWeights& from) const {
        Routing r;
        r.residual = residual.get();
        r.gain = from.gain.get();
        r.router = from.router.get();
        r.router_bias = from.bias.get();
        r.row_count = rows;
        r.hidden = from.hidden;
        r.experts = from.experts;
        r.epsilon = 1e-5F;
        r.normalised = normalised.get();
        r.choices = choices.get();
        r.routing_weights = weights.get();
        r.logits = logits.get();
        r.groups = groups.get();
        r.partial_logits = from.partial_logits.get();
        r.sorted_pairs = pairs.get();
        return r;
    }

    std::int32_t rows;
    DeviceVector<__half> normalised;
    DeviceVector<std::int32_t> choices, pairs;
    DeviceVector<float> weights, logits;
    DeviceVector<GroupList> groups;
};

}  // namespace gptoss::backend::cuda::test
