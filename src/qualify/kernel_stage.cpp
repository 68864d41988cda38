#include "qualify/kernel_stage.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <limits>
#include <map>
#include <numeric>

namespace gptoss::qualify {
namespace {

constexpr std::int32_t kSliceLayers = 2;
constexpr std::string_view kCpuOperation = "cpu";
constexpr std::int32_t kDeep = 2048;
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
        const std::int32_t first_on_device = first_layer_of_device();
        for (std::int32_t first = 0; first < options.shape.layers; first += kSliceLayers) {
            const model::LayerRange layers{first, std::min(first + kSliceLayers, options.shape.layers)};
            if (layers.first < first_on_device) slices_.push_back({layers, "cpu"});
            if (layers.end > first_on_device) slices_.push_back({layers, options.device});
        }
        for (const std::string& kernel : options.kernels)
            of_operation_[operation_of(kernel)].push_back(kernel);
        probes_ = probes_for(options.shape, options.most_tokens, options.most_deep_tokens);
    }

    KernelStageResult run() {
        for (const auto& [operation, kernels] : of_operation_)
            for (const std::string& kernel : kernels) try_kernel(kernel);
        for (const auto& [operation, kernels] : of_operation_) choose_fastest(operation, kernels);
        confirm();
        return std::move(result_);
    }

  private:
    // Two layers, and the device that computes them: of a split model the first ones are the CPU's. Two that
    // the cut parts are computed on both.
    struct Slice {
        model::LayerRange layers;
        std::string device;
    };

    std::int32_t first_layer_of_device() const {
        if (options_.device == "cpu") return 0;
        return model::device_layers(options_.shape, {.gpu_layers = options_.gpu_layers}).first;
    }
    Slice whole() const { return {{}, options_.device}; }
    // Which slices show a kernel: "cpu/avx2" those of the CPU.
    const std::string& device_of(const std::string& kernel) const {
        static const std::string kCpu = "cpu";
        return operation_of(kernel) == kCpu ? kCpu : options_.device;
    }
    // A 16-bit cache that rounds least: what is left is the kernel's own error.
    static model::KvType sharp_kv_type(const Slice& slice) {
        return slice.device == "cpu" ? model::KvType::bf16 : model::KvType::f16;
    }

    ProbeRequest request(const backend::KernelChoice& kernels, const Slice& slice,
                         const std::vector<Probe>& probes, model::KvType kv_type) const {
        return {options_.model,      slice.device,         kernels, false, slice.layers, kv_type,
                options_.gpu_layers, options_.gpu_ordinal, probes,  3};
    }

    // The reference is computed once for each slice and list of steps.
    const ProbeReply& reference(model::LayerRange layers, const std::vector<Probe>& probes) {
        ProbeRequest exact;
        exact.model = options_.model;
        exact.device = "cpu";
        exact.exact = true;
        exact.layers = layers;
        exact.probes = probes;
        exact.passes = 1;
        const auto [found, is_new] = references_.try_emplace(to_json(exact).dump());
        if (is_new) found->second = runner_.run(exact);
        return found->second;
    }

    std::vector<Slice> spread_slices(const std::string& device) const {
        std::vector<Slice> there, some;
        for (const Slice& slice : slices_)
            if (slice.device == device) there.push_back(slice);
        const auto all = static_cast<std::int32_t>(there.size());
        const std::int32_t wanted = std::min(options_.slices_of_each_kernel, all);
        for (std::int32_t i = 0; i < wanted; ++i)
            some.push_back(there[wanted == 1 ? 0 : i * (all - 1) / (wanted - 1)]);
        return some;
    }

    struct Look {
        std::string problem;  // nothing was computed
        std::vector<Judgement> judgements;
    };
    Look look(const backend::KernelChoice& kernels, const Slice& slice, const std::vector<Probe>& probes,
              model::KvType kv_type) {
        const ProbeReply& right = reference(slice.layers, probes);
        if (!right.problem.empty()) return {"no reference: " + right.problem, {}};
        const ProbeReply reply = runner_.run(request(kernels, slice, probes, kv_type));
        if (!reply.problem.empty()) {
            no_room_ = reply.does_not_fit;
            return {where(slice) + ": " + reply.problem, {}};
        }
        result_.device = reply.device;
        const Tolerance tolerance = tolerance_for(slice.device, kv_type, slice.layers.empty());
        Look all;
        for (std::size_t i = 0; i < probes.size(); ++i)
            all.judgements.push_back(
                judge(reply.outcomes[i], right.outcomes[i], options_.shape.vocabulary, tolerance));
        return all;
    }

    static std::string where(const Slice& slice) {
        if (slice.layers.empty()) return "whole model";
        return fmt::format("layers {} to {}", slice.layers.first, slice.layers.end - 1);
    }

    // Empty = right everywhere; else the first thing that is wrong, and where. What may be rounding is wrong when two
    // other inputs show it too.
    std::string fault_of(const backend::KernelChoice& kernels, const Slice& slice,
                         const std::vector<Probe>& probes, model::KvType kv_type) {
        const Look first = look(kernels, slice, probes, kv_type);
        if (!first.problem.empty()) return first.problem;
        std::vector<std::string> doubts;
        std::vector<Probe> again;
        for (std::size_t i = 0; i < probes.size(); ++i) {
            const Judgement& each = first.judgements[i];
            if (each.fault.empty()) continue;
            doubts.push_back(fmt::format("{}, {}: {}", where(slice), probes[i].name(), each.fault));
            if (!each.may_be_rounding) return doubts.back();
            for (const std::int32_t input : {1, 2}) {
                again.push_back(probes[i]);
                again.back().input = input;
            }
        }
        if (doubts.empty()) return {};
        const Look second = look(kernels, slice, again, kv_type);
        if (!second.problem.empty()) return second.problem;
        for (std::size_t i = 0; i < doubts.size(); ++i)
            if (!second.judgements[2 * i].fault.empty() && !second.judgements[2 * i + 1].fault.empty())
                return doubts[i];
        return {};
    }

    void note(const std::string& name, Verdict verdict, const std::string& detail) {
        result_.findings.push_back({"kernels", name, verdict, detail});
    }

    void try_kernel(const std::string& kernel) {
        progress_("trying " + kernel);
        const std::vector<Slice> slices = spread_slices(device_of(kernel));
        for (const Slice& slice : slices) {
            const std::string fault = fault_of(forced(kernel, {}), slice, probes_, sharp_kv_type(slice));
            if (fault.empty()) continue;
            result_.choice.banned.push_back(kernel);
            note(kernel, Verdict::avoided, "banned: " + fault);
            return;
        }
        note(kernel, Verdict::passed,
             fmt::format("{} steps of {} slices as the reference", probes_.size(), slices.size()));
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
        std::map<std::string, std::vector<double>> shares;  // of the time of the program's own choice
        for (const std::string& kernel : right)
            if (auto each = shares_of(times(forced(kernel, own), probes), own_ms, operation); !each.empty())
                shares[kernel] = std::move(each);
        // Those that were faster once more, by turns: a step of a small model takes microseconds, and one
        // lucky run is no reason. Of two that are faster twice, the one that is faster over both.
        std::erase_if(shares, [](const auto& each) {
            return std::ranges::none_of(each.second, [](double share) { return is_faster(share); });
        });
        const std::vector<double> own_again_ms = shares.empty() ? own_ms : times(own, probes);
        std::map<std::string, std::vector<double>> again;
        for (const auto& [kernel, first] : shares)
            if (auto each = shares_of(times(forced(kernel, own), probes), own_again_ms, operation);
                !each.empty())
                again[kernel] = std::move(each);
        const std::size_t sizes = operation == kCpuOperation ? 1 : probes.size();
        for (std::size_t i = 0; i < sizes; ++i) {
            std::string best;
            double best_share = 1;
            for (const auto& [kernel, second] : again) {
                const double first = shares[kernel][i], both = (first + second[i]) / 2;
                if (!is_faster(first) || !is_faster(second[i]) || both >= best_share) continue;
                best = kernel;
                best_share = both;
            }
            if (best.empty()) continue;
            const bool everywhere = sizes == 1;
            const std::int32_t to = i + 1 < sizes ? probes[i + 1].step_tokens() - 1 : kMostTokens;
            result_.choice.preferred.push_back({best, everywhere ? 1 : probes[i].step_tokens(), to});
            note(best + " preferred" + (everywhere ? "" : " for " + probes[i].name()),
                 best_share * kSlow < 1 ? Verdict::avoided : Verdict::passed,
                 fmt::format("the program's own choice takes {:.2f} times as long", 1 / best_share));
        }
    }

    static bool is_faster(double share) { return share * kFasterByAtLeast <= 1; }

    // Each time beside the own choice's; of the CPU, which has one set of kernels for all steps, their mean.
    static std::vector<double> shares_of(const std::vector<double>& ms, const std::vector<double>& own_ms,
                                         const std::string& operation) {
        if (ms.size() != own_ms.size()) return {};
        std::vector<double> shares;
        for (std::size_t i = 0; i < ms.size(); ++i) shares.push_back(ms[i] / own_ms[i]);
        if (operation != kCpuOperation) return shares;
        return {std::accumulate(shares.begin(), shares.end(), 0.0) / static_cast<double>(shares.size())};
    }

    // Milliseconds of each probe on the whole model; empty when it could not be computed.
    std::vector<double> times(const backend::KernelChoice& kernels, const std::vector<Probe>& probes) {
        const ProbeReply reply = runner_.run(request(kernels, whole(), probes, options_.kv_type));
        std::vector<double> ms;
        for (const ProbeOutcome& outcome : reply.outcomes) ms.push_back(outcome.step_ms);
        return ms;
    }

    // Few steps, where the reference in float32 on the CPU would take long: of the whole model, and of the layers
    // that the kernels were not tried on. Kernels are the same in every layer; there the weights alone are new.
    std::vector<Probe> few_probes() const {
        std::vector<Probe> probes;
        for (const Probe& probe : probes_) {
            const bool deep = probe.depth > kDeep, prompt = probe.depth == 0 && probe.step_tokens() == 64;
            if (prompt || probe.step_tokens() == 8 || (!deep && probe.step_tokens() <= 16))
                probes.push_back(probe);
        }
        return probes;
    }
    bool tried(const Slice& slice) const {
        return std::ranges::any_of(spread_slices(slice.device), [&](const Slice& each) {
            return each.layers.first == slice.layers.first;
        });
    }

    void confirm() {
        std::size_t steps_done = 0;
        for (const Slice& slice : slices_) {
            progress_(fmt::format("checking layers {} to {}", slice.layers.first, slice.layers.end - 1));
            const std::vector<Probe> steps = tried(slice) ? probes_ : few_probes();
            steps_done += steps.size();
            if (const std::string fault = fault_of(result_.choice, slice, steps, sharp_kv_type(slice));
                !fault.empty())
                return note("no right kernel", Verdict::failed, fault);
        }
        note("layer by layer", Verdict::passed,
             fmt::format("{} slices, {} steps", slices_.size(), steps_done));
        progress_("checking the whole model");
        const std::vector<Probe> probes = few_probes();
        const std::string fault = fault_of(result_.choice, whole(), probes, options_.kv_type);
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
    std::vector<Slice> slices_;
    std::map<std::string, std::vector<std::string>> of_operation_;
    std::vector<Probe> probes_;
    bool no_room_ = false;                          // the last reply's problem was memory that others hold
    std::map<std::string, ProbeReply> references_;  // by request
    KernelStageResult result_;
};

}  // namespace

KernelStageResult qualify_kernels(const KernelStageOptions& options, ProbeRunner& runner,
                                  const StageProgress& progress) {
    return KernelStage(options, runner, progress).run();
}

}  // namespace gptoss::qualify
