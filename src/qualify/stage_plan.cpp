#include "qualify/stage_plan.h"

#include <algorithm>

namespace gptoss::qualify {
namespace {

constexpr std::int32_t kDeep = 2048;
// Of a CPU, where a float32 reference takes as long as what it checks.
constexpr std::int32_t kMostCpuTokens = 512, kMostDeepCpuTokens = 16, kCpuPlaces = 1;

bool contains(const std::vector<Probe>& probes, const Probe& probe) {
    return std::ranges::find(probes, probe) != probes.end();
}

}  // namespace

StagePlan::StagePlan(const KernelStageOptions& options) : most_places_(options.slices_of_each_kernel) {
    const std::int32_t first_on_device =
        options.device == "cpu"
            ? 0
            : model::device_layers(options.shape, {.gpu_layers = options.gpu_layers}).first;
    for (std::int32_t first = 0; first < options.shape.layers; first += kSliceLayers) {
        const model::LayerRange layers{first, std::min(first + kSliceLayers, options.shape.layers)};
        if (layers.first < first_on_device) slices_.push_back({layers, "cpu"});
        if (layers.end > first_on_device) slices_.push_back({layers, options.device});
    }
    steps_["cpu"] = probes_for(options.shape, std::min(options.most_tokens, kMostCpuTokens),
                               std::min(options.most_deep_tokens, kMostDeepCpuTokens));
    if (options.device != "cpu")
        steps_[options.device] = probes_for(options.shape, options.most_tokens, options.most_deep_tokens);
}

std::vector<Slice> StagePlan::places(const std::string& device) const {
    std::vector<Slice> there, some;
    for (const Slice& slice : slices_)
        if (slice.device == device) there.push_back(slice);
    const auto all = static_cast<std::int32_t>(there.size());
    const std::int32_t most = device == "cpu" ? std::min(most_places_, kCpuPlaces) : most_places_;
    const std::int32_t wanted = std::min(most, all);
    for (std::int32_t i = 0; i < wanted; ++i)
        some.push_back(there[wanted == 1 ? 0 : i * (all - 1) / (wanted - 1)]);
    return some;
}

std::vector<Probe> StagePlan::few_steps(const std::string& device) const {
    std::vector<Probe> few;
    for (const Probe& probe : steps(device)) {
        const bool deep = probe.depth > kDeep, prompt = probe.depth == 0 && probe.step_tokens() == 64;
        if (prompt || probe.step_tokens() == 8 || (!deep && probe.step_tokens() <= 16)) few.push_back(probe);
    }
    return few;
}

std::vector<Probe> StagePlan::few_first(const std::string& device) const {
    std::vector<Probe> order = few_steps(device), rest;
    for (const Probe& probe : steps(device))
        if (!contains(order, probe)) rest.push_back(probe);
    std::ranges::stable_sort(rest, {}, [](const Probe& probe) { return probe.step_tokens(); });
    order.insert(order.end(), rest.begin(), rest.end());
    return order;
}

void StagePlan::keep(const std::string& device, const std::vector<Probe>& steps) {
    std::erase_if(steps_.at(device), [&](const Probe& probe) { return !contains(steps, probe); });
}

}  // namespace gptoss::qualify
