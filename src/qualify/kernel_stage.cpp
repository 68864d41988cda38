#include "qualify/kernel_stage.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <limits>
#include <map>
#include <numeric>
#include <optional>

#include "qualify/slice_judge.h"

namespace gptoss::qualify {
namespace {

constexpr std::int32_t kSliceLayers = 2;
constexpr std::string_view kCpuOperation = "cpu";
// What uses no other kernel, and so shows nothing of theirs (cuda/plan/execution_plan.h).
constexpr std::string_view kDecodePass = "pass/decode", kBatchedPass = "pass/batched";
constexpr std::string_view kPlainest = "/mma";  // on every card and for every number of tokens
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
        : options_(options), runner_(runner), progress_(progress), judge_(options, runner) {
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
        Kernels on_cpu, on_device;
        for (const auto& [operation, kernels] : of_operation_) {
            Kernels& all = operation == kCpuOperation ? on_cpu : on_device;
            all.insert(all.end(), kernels.begin(), kernels.end());
        }
        for (const Kernels& kernels : {on_device, on_cpu})
            if (!try_kernels(kernels)) return std::move(result_);
        for (const auto& [operation, kernels] : of_operation_) choose_fastest(operation, kernels);
        confirm();
        result_.device = judge_.device();
        return std::move(result_);
    }

  private:
    using Kernels = std::vector<std::string>;
    using Faults = std::map<std::string, std::string>;  // by kernel

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

    void note(const std::string& name, Verdict verdict, const std::string& detail) {
        result_.findings.push_back({"kernels", name, verdict, detail});
    }

    // With these kernels where they can be used, and the program's own choice elsewhere. Empty = right.
    std::string fault_with(const Kernels& kernels, const std::string& device) {
        backend::KernelChoice choice;
        for (const std::string& kernel : kernels) choice.preferred.push_back({kernel, 1, kMostTokens});
        for (const Slice& slice : spread_slices(device))
            if (std::string fault = judge_.fault_of(choice, slice, probes_, sharp_kv_type(slice));
                !fault.empty())
                return fault;
        return {};
    }

    // All kernels of one device. False: there was no room for two layers, and nothing is known of any.
    bool try_kernels(const Kernels& kernels) {
        Faults faults;
        for (const std::string& kernel : kernels) {
            progress_("trying " + kernel);
            std::string fault = fault_with({kernel}, device_of(kernel));
            if (judge_.no_room()) {
                result_.decided = false;
                note("no room to try kernels", Verdict::failed, fault);
                return false;
            }
            if (!fault.empty()) faults[kernel] = std::move(fault);
        }
        const Kernels unseen = faults.empty() ? Kernels() : acquit(kernels, faults);
        for (const std::string& kernel : kernels) {
            if (const auto fault = faults.find(kernel); fault != faults.end()) {
                result_.choice.banned.push_back(kernel);
                note(kernel, Verdict::avoided, "banned: " + fault->second);
            } else if (std::ranges::find(unseen, kernel) != unseen.end()) {
                note(kernel, Verdict::skipped, fmt::format("{} is wrong with every kernel", kBatchedPass));
            } else {
                note(kernel, Verdict::passed,
                     fmt::format("{} steps of {} slices as the reference", probes_.size(),
                                 spread_slices(device_of(kernel)).size()));
            }
        }
        return true;
    }

    // A kernel computes beside others: where one of those was wrong, it looks wrong too. Takes the faults back of those
    // that are right beside right ones. Returns the kernels that nothing was found about.
    Kernels acquit(const Kernels& kernels, Faults& faults) {
        progress_("looking for the kernels that are wrong themselves");
        const std::string& device = device_of(kernels.front());
        if (const std::optional<Kernels> company = right_company(kernels, faults, device)) {
            if (company->empty()) return {};
            for (auto& [kernel, fault] : faults) {
                Kernels beside = *company;
                beside.insert(beside.begin(), kernel);
                fault = fault_with(beside, device);
            }
            std::erase_if(faults, [](const auto& each) { return each.second.empty(); });
            return {};
        }
        if (faults.contains(std::string(kDecodePass)) || !faults.contains(std::string(kBatchedPass)))
            return {};
        // One pass is right and uses none of the others: to ban the other pass is enough.
        Kernels unseen;
        for (const auto& [kernel, fault] : faults)
            if (kernel != kBatchedPass) unseen.push_back(kernel);
        std::erase_if(faults, [](const auto& each) { return each.first != kBatchedPass; });
        return unseen;
    }

    // Kernels beside which a right one is seen to be right: none where the program's own choice is right already.
    std::optional<Kernels> right_company(const Kernels& kernels, const Faults& faults,
                                         const std::string& device) {
        if (fault_with({}, device).empty()) return Kernels();
        for (const std::string& kernel : kernels)
            if (kernel != kDecodePass && !faults.contains(kernel)) return Kernels{kernel};
        // Several are wrong: those of one instruction, say.
        Kernels plain;
        for (const std::string& kernel : kernels)
            if (kernel.ends_with(kPlainest)) plain.push_back(kernel);
        if (!plain.empty() && fault_with(plain, device).empty()) return plain;
        plain.emplace_back(kBatchedPass);
        if (faults.contains(plain.back()) && fault_with(plain, device).empty()) return plain;
        return std::nullopt;
    }

    // Times the right kernels of one operation, and prefers the fastest at each number of tokens.
    void choose_fastest(const std::string& operation, const std::vector<std::string>& kernels) {
        std::vector<std::string> right;
        for (const std::string& kernel : kernels)
            if (!result_.choice.bans(kernel)) right.push_back(kernel);
        if (right.size() < 2) return;
        progress_("timing the kernels of " + operation);
        const std::vector<Probe> probes = timing_probes(options_);
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
        ProbeRequest request = judge_.request(kernels, whole(), probes, options_.kv_types);
        request.times_alone = true;
        const ProbeReply reply = runner_.run(request);
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
            if (const std::string fault = judge_.fault_of(result_.choice, slice, steps, sharp_kv_type(slice));
                !fault.empty())
                return note("no right kernel", Verdict::failed, fault);
        }
        note("layer by layer", Verdict::passed,
             fmt::format("{} slices, {} steps", slices_.size(), steps_done));
        progress_("checking the whole model");
        const std::vector<Probe> probes = few_probes();
        const std::string fault = judge_.fault_of(result_.choice, whole(), probes, options_.kv_types);
        if (judge_.no_room())
            return note("whole model", Verdict::skipped,
                        "there is no room for it beside what runs: " + fault);
        note(fault.empty() ? "whole model" : "no right kernel",
             fault.empty() ? Verdict::passed : Verdict::failed,
             fault.empty()
                 ? fmt::format("{} steps, up to position {}", probes.size(), options_.shape.context_length)
                 : fault);
        if (!fault.empty()) return;
        const std::vector<Probe> timed = timing_probes(options_);
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
    SliceJudge judge_;
    KernelStageResult result_;
};

}  // namespace

std::vector<Probe> timing_probes(const KernelStageOptions& options) {
    std::vector<Probe> probes;
    for (const std::int32_t sequences : {1, 2, 4, 8, 16, 64, 256, 512})
        if (sequences <= options.most_tokens) probes.push_back({sequences, 1, 1024});
    for (const std::int32_t tokens : {1024, 2048, 8192})
        if (tokens <= options.most_tokens) probes.push_back({1, tokens, 0});
    std::erase_if(probes, [&](const Probe& probe) {
        return probe.depth + probe.tokens > options.shape.context_length;
    });
    return probes;
}

KernelStageResult qualify_kernels(const KernelStageOptions& options, ProbeRunner& runner,
                                  const StageProgress& progress) {
    return KernelStage(options, runner, progress).run();
}

}  // namespace gptoss::qualify
