#include "qualify/kernel_stage.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <limits>
#include <map>

namespace gptoss::qualify {
namespace {

constexpr std::int32_t kSliceLayers = 2;
constexpr double kFasterByAtLeast = 1.02, kSlow = 2;
constexpr std::int32_t kMostTokens = std::numeric_limits<std::int32_t>::max();

std::string operation_of(const std::string& kernel) {
    return kernel.substr(0, kernel.find('/'));
}

backend::KernelChoice forced(const std::string& kernel, const backend::KernelChoice& base) {
    backend::KernelChoice choice = base;
    choice.preferred.insert(choice.preferred.begin(), {kernel, 1, kMostTokens});
    return choice;
}

class KernelStage {
  public:
    KernelStage(const KernelStageOptions& options, ProbeRunner& runner, const StageProgress& progress)
        : options_(options), runner_(runner), progress_(progress) {
        for (std::int32_t first = 0; first < options.shape.layers; first += kSliceLayers)
            slices_.push_back({first, std::min(first + kSliceLayers, options.shape.layers)});
        for (const std::string& kernel : options.kernels)
            of_operation_[operation_of(kernel)].push_back(kernel);
        probes_ = probes_for(options.shape, options.most_tokens);
        // A 16-bit cache that rounds least: what is left is the kernel's own error.
        sharp_kv_type_ = options.device == "cpu" ? model::KvType::bf16 : model::KvType::f16;
    }

    KernelStageResult run() {
        for (const auto& [operation, kernels] : of_operation_)
            for (const std::string& kernel : kernels) try_kernel(kernel);
        for (const auto& [operation, kernels] : of_operation_) choose_fastest(operation, kernels);
        confirm();
        return std::move(result_);
    }

  private:
    ProbeRequest request(const backend::KernelChoice& kernels, model::LayerRange layers,
                         const std::vector<Probe>& probes, model::KvType kv_type) const {
        return {options_.model, options_.device,     kernels, false, layers,
                kv_type,        options_.gpu_layers, probes,  3};
    }

    // The reference is computed once for each slice.
    const ProbeReply& reference(model::LayerRange layers, const std::vector<Probe>& probes) {
        const auto key = std::pair(layers.first, layers.end);
        if (const auto found = references_.find(key); found != references_.end()) return found->second;
        ProbeRequest exact{options_.model, "cpu", {}, true, layers, model::KvType::bf16, 99, probes, 1};
        return references_[key] = runner_.run(exact);
    }

    std::vector<model::LayerRange> spread_slices() const {
        const auto all = static_cast<std::int32_t>(slices_.size());
        const std::int32_t wanted = std::min(options_.slices_of_each_kernel, all);
        std::vector<model::LayerRange> some;
        for (std::int32_t i = 0; i < wanted; ++i)
            some.push_back(slices_[wanted == 1 ? 0 : i * (all - 1) / (wanted - 1)]);
        return some;
    }

    // Empty = right everywhere; else the first thing that is wrong, and where.
    std::string fault_of(const backend::KernelChoice& kernels, model::LayerRange layers,
                         const std::vector<Probe>& probes, model::KvType kv_type) {
        const ProbeReply& right = reference(layers, probes);
        if (!right.problem.empty()) return "no reference: " + right.problem;
        const ProbeReply reply = runner_.run(request(kernels, layers, probes, kv_type));
        const std::string where =
            layers.empty() ? "whole model" : fmt::format("layers {} to {}", layers.first, layers.end - 1);
        if (!reply.problem.empty()) {
            no_room_ = reply.does_not_fit;
            return where + ": " + reply.problem;
        }
        result_.device = reply.device;
        const Tolerance tolerance = tolerance_for(options_.device, kv_type, layers.empty());
        for (std::size_t i = 0; i < probes.size(); ++i)
            if (const std::string fault =
                    judge(reply.outcomes[i], right.outcomes[i], options_.shape.vocabulary, tolerance);
                !fault.empty())
                return fmt::format("{}, {}: {}", where, probes[i].name(), fault);
        return {};
    }

    void note(const std::string& name, Verdict verdict, const std::string& detail) {
        result_.findings.push_back({"kernels", name, verdict, detail});
    }

    void try_kernel(const std::string& kernel) {
        progress_("trying " + kernel);
        for (const model::LayerRange& slice : spread_slices()) {
            const std::string fault = fault_of(forced(kernel, {}), slice, probes_, sharp_kv_type_);
            if (fault.empty()) continue;
            result_.choice.banned.push_back(kernel);
            note(kernel, Verdict::avoided, "banned: " + fault);
            return;
        }
        note(kernel, Verdict::passed,
             fmt::format("{} steps of {} slices as the reference", probes_.size(), spread_slices().size()));
    }

    std::vector<Probe> timing_probes() const {
        std::vector<Probe> probes;
        for (const std::int32_t sequences : {1, 2, 4, 8, 16, 64, 256, 512})
            if (sequences <= options_.most_tokens) probes.push_back({sequences, 1, 1024});
        for (const std::int32_t tokens : {1024, 2048, 8192})
            if (tokens <= options_.most_tokens) probes.push_back({1, tokens, 0});
        std::erase_if(probes, [&](const Probe& probe) {
            return probe.depth + probe.tokens > options_.shape.context_length;
        });
        return probes;
    }

    // Times the right kernels of one operation, and prefers the fastest at each number of tokens.
    void choose_fastest(const std::string& operation, const std::vector<std::string>& kernels) {
        std::vector<std::string> right;
        for (const std::string& kernel : kernels)
            if (!result_.choice.bans(kernel)) right.push_back(kernel);
        if (right.size() < 2) return;
        progress_("timing the kernels of " + operation);
        const std::vector<Probe> probes = timing_probes();
        const backend::KernelChoice own = result_.choice;
        const std::vector<double> own_ms = times(own, probes);
        if (own_ms.empty()) return;
        std::map<std::string, std::vector<double>> ms;
        for (const std::string& kernel : right)
            if (std::vector<double> each = times(forced(kernel, own), probes); !each.empty())
                ms[kernel] = std::move(each);
        if (operation == "cpu") return choose_cpu(right.front(), ms, own_ms);
        // Once more, by turns: a step of a small model takes microseconds, and one lucky run is no reason.
        std::map<std::string, std::vector<double>> again;
        const std::vector<double> own_again_ms = times(own, probes);
        for (std::size_t i = 0; i < own_again_ms.size(); ++i) {
            const auto best =
                std::ranges::min_element(ms, {}, [i](const auto& each) { return each.second[i]; });
            if (best == ms.end() || own_ms[i] < kFasterByAtLeast * best->second[i]) continue;
            if (!again.contains(best->first)) again[best->first] = times(forced(best->first, own), probes);
            const std::vector<double>& again_ms = again[best->first];
            if (again_ms.empty() || own_again_ms[i] < kFasterByAtLeast * again_ms[i]) continue;
            const std::int32_t to = i + 1 < probes.size() ? probes[i + 1].step_tokens() - 1 : kMostTokens;
            result_.choice.preferred.push_back({best->first, probes[i].step_tokens(), to});
            note(best->first + " preferred for " + probes[i].name(),
                 own_ms[i] > kSlow * best->second[i] ? Verdict::avoided : Verdict::passed,
                 fmt::format("{:.3g} ms, the program's own choice takes {:.3g}", best->second[i], own_ms[i]));
        }
    }

    // One set of kernels for steps of every size: the one whose times, each beside its own, are least.
    // `first` is the program's own choice.
    void choose_cpu(const std::string& first, const std::map<std::string, std::vector<double>>& ms,
                    const std::vector<double>& own_ms) {
        const auto slowness = [&](const std::vector<double>& times_ms) {
            double sum = 0;
            for (std::size_t i = 0; i < times_ms.size(); ++i) sum += times_ms[i] / own_ms[i];
            return sum / static_cast<double>(times_ms.size());
        };
        const auto best =
            std::ranges::min_element(ms, {}, [&](const auto& each) { return slowness(each.second); });
        if (best == ms.end() || best->first == first || slowness(best->second) * kFasterByAtLeast >= 1)
            return;
        result_.choice.preferred.push_back({best->first, 1, kMostTokens});
        note(best->first + " preferred",
             slowness(best->second) * kSlow < 1 ? Verdict::avoided : Verdict::passed,
             fmt::format("{} takes {:.2f} times as long", first, 1 / slowness(best->second)));
    }

    // Milliseconds of each probe on the whole model; empty when it could not be computed.
    std::vector<double> times(const backend::KernelChoice& kernels, const std::vector<Probe>& probes) {
        const ProbeReply reply = runner_.run(request(kernels, {}, probes, options_.kv_type));
        std::vector<double> ms;
        for (const ProbeOutcome& outcome : reply.outcomes) ms.push_back(outcome.step_ms);
        return ms;
    }

    // Few steps of the whole model: the reference computes it in float32 on the CPU.
    std::vector<Probe> whole_probes() const {
        std::vector<Probe> probes;
        for (const Probe& probe : probes_)
            if (probe.step_tokens() <= 16 || (probe.depth == 0 && probe.step_tokens() == 64))
                probes.push_back(probe);
        return probes;
    }

    void confirm() {
        for (const model::LayerRange& slice : slices_) {
            progress_(fmt::format("checking layers {} to {}", slice.first, slice.end - 1));
            if (const std::string fault = fault_of(result_.choice, slice, probes_, sharp_kv_type_);
                !fault.empty())
                return note("no right kernel", Verdict::failed, fault);
        }
        note("layer by layer", Verdict::passed,
             fmt::format("{} slices, {} steps each", slices_.size(), probes_.size()));
        progress_("checking the whole model");
        const std::vector<Probe> probes = whole_probes();
        const std::string fault = fault_of(result_.choice, {}, probes, options_.kv_type);
        if (no_room_)
            return note("whole model", Verdict::skipped,
                        "there is no room for it beside what runs: " + fault);
        note(fault.empty() ? "whole model" : "no right kernel",
             fault.empty() ? Verdict::passed : Verdict::failed,
             fault.empty()
                 ? fmt::format("{} steps, up to position {}", probes.size(), options_.shape.context_length)
                 : fault);
        if (!fault.empty()) return;
        const std::vector<Probe> timed = timing_probes();
        const std::vector<double> ms = times(result_.choice, timed);
        for (std::size_t i = 0; i < ms.size(); ++i)
            result_.figures.push_back(
                {"step of " + timed[i].name(), "tok/s", timed[i].step_tokens() / ms[i] * 1000, 0, true});
    }

    const KernelStageOptions& options_;
    ProbeRunner& runner_;
    const StageProgress& progress_;
    std::vector<model::LayerRange> slices_;
    std::map<std::string, std::vector<std::string>> of_operation_;
    std::vector<Probe> probes_;
    model::KvType sharp_kv_type_ = model::KvType::bf16;
    bool no_room_ = false;  // the last reply's problem was memory that others hold
    std::map<std::pair<std::int32_t, std::int32_t>, ProbeReply> references_;
    KernelStageResult result_;
};

}  // namespace

KernelStageResult qualify_kernels(const KernelStageOptions& options, ProbeRunner& runner,
                                  const StageProgress& progress) {
    return KernelStage(options, runner, progress).run();
}

}  // namespace gptoss::qualify
