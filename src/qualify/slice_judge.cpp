#include "qualify/slice_judge.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>

namespace gptoss::qualify {
namespace {

constexpr std::size_t kDoubtsAtOnce = 4;

// One for a text in pieces and at once: in the reference they are the same.
std::array<std::int32_t, 6> key_of(model::LayerRange layers, const Probe& probe) {
    return {layers.first, layers.end, probe.sequences, probe.tokens, probe.depth, probe.input};
}

std::string where(const Slice& slice) {
    if (slice.layers.empty()) return "whole model";
    return fmt::format("layers {} to {}", slice.layers.first, slice.layers.end - 1);
}

}  // namespace

ProbeRequest SliceJudge::request(const backend::KernelChoice& kernels, const Slice& slice,
                                 const std::vector<Probe>& probes, const model::KvTypes& kv_types) const {
    ProbeRequest request{options_.model,      slice.device,         kernels, false, slice.layers, kv_types,
                         options_.gpu_layers, options_.gpu_ordinal, probes,  3};
    if (slice.device != "cpu") request.most_s = clock_.patience_s();
    return request;
}

// Each is computed once: float32 on the CPU takes most of the time.
std::string SliceJudge::compute_references(model::LayerRange layers, const std::vector<Probe>& probes) {
    ProbeRequest exact;
    exact.model = options_.model;
    exact.device = "cpu";
    exact.exact = true;
    exact.layers = layers;
    exact.passes = 1;
    const auto is_asked_for = [&](const Probe& probe) {
        return std::ranges::any_of(
            exact.probes, [&](const Probe& each) { return key_of(layers, each) == key_of(layers, probe); });
    };
    for (const Probe& probe : probes)
        if (!references_.contains(key_of(layers, probe)) && !is_asked_for(probe))
            exact.probes.push_back(probe);
    if (exact.probes.empty()) return {};
    ProbeReply reply = runner_.run(exact);
    if (!reply.problem.empty()) return reply.problem;
    for (std::size_t i = 0; i < exact.probes.size(); ++i)
        references_[key_of(layers, exact.probes[i])] = std::move(reply.outcomes[i]);
    return {};
}

SliceJudge::Look SliceJudge::look(const backend::KernelChoice& kernels, const Slice& slice,
                                  const std::vector<Probe>& probes, const model::KvTypes& kv_types) {
    no_room_ = true;
    if (const std::string problem = compute_references(slice.layers, probes); !problem.empty())
        return {"no reference: " + problem, {}};
    const ProbeReply reply = runner_.run(request(kernels, slice, probes, kv_types));
    no_room_ = reply.does_not_fit;
    if (!reply.problem.empty()) return {where(slice) + ": " + reply.problem, {}};
    device_ = reply.device;
    const Tolerance tolerance = tolerance_for(slice.device, kv_types, slice.layers.empty());
    Look all;
    for (std::size_t i = 0; i < probes.size(); ++i)
        all.judgements.push_back(judge(reply.outcomes[i], references_.at(key_of(slice.layers, probes[i])),
                                       options_.shape.vocabulary, tolerance));
    return all;
}

std::string SliceJudge::fault_of(const backend::KernelChoice& kernels, const Slice& slice,
                                 const std::vector<Probe>& probes, const model::KvTypes& kv_types) {
    std::string fault = look_for_fault(kernels, slice, probes, kv_types);
    if (!fault.empty()) runner_.start_anew();  // it may have written where it should not
    return fault;
}

std::string SliceJudge::look_for_fault(const backend::KernelChoice& kernels, const Slice& slice,
                                       const std::vector<Probe>& probes, const model::KvTypes& kv_types) {
    const Look first = look(kernels, slice, probes, kv_types);
    if (!first.problem.empty()) return first.problem;
    std::vector<std::string> doubts;
    std::vector<Probe> again;
    for (std::size_t i = 0; i < probes.size(); ++i) {
        const Judgement& each = first.judgements[i];
        if (each.fault.empty()) continue;
        doubts.push_back(fmt::format("{}, {}: {}", where(slice), probes[i].name(), each.fault));
        if (!each.may_be_rounding) return doubts.back();
        again.push_back(probes[i]);
    }
    // A few at a time: what is wrong everywhere is seen at once, and every other input wants its reference.
    for (std::size_t begin = 0; begin < doubts.size(); begin += kDoubtsAtOnce) {
        const std::size_t end = std::min(begin + kDoubtsAtOnce, doubts.size());
        std::vector<Probe> others;
        for (std::size_t i = begin; i < end; ++i)
            for (const std::int32_t input : {1, 2}) {
                others.push_back(again[i]);
                others.back().input = input;
            }
        const Look second = look(kernels, slice, others, kv_types);
        if (!second.problem.empty()) return second.problem;
        for (std::size_t i = begin; i < end; ++i)
            if (!second.judgements[2 * (i - begin)].fault.empty() &&
                !second.judgements[2 * (i - begin) + 1].fault.empty())
                return doubts[i];
    }
    return {};
}

}  // namespace gptoss::qualify
