#include "qualify/kernel_stage.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <map>
#include <optional>

#include "qualify/kernel_timing.h"
#include "qualify/slice_judge.h"
#include "qualify/stage_plan.h"

namespace gptoss::qualify {
namespace {

// What uses no other kernel, and so shows nothing of theirs (cuda/plan/execution_plan.h).
constexpr std::string_view kDecodePass = "pass/decode", kBatchedPass = "pass/batched";
constexpr std::string_view kPlainest = "/mma";  // on every card and for every number of tokens
// Shares of the time, all from the beginning: until then more steps get a reference, kernels are tried at one more
// place, times are taken, layers checked.
constexpr double kUntilPlaces = 0.6, kReferencesOfIt = 0.6, kUntilTimes = 0.8, kUntilChecks = 0.95;
constexpr std::size_t kStepsAtOnce = 8;

std::string layers_text(const Slice& slice) {
    return fmt::format("layers {} to {}", slice.layers.first, slice.layers.end - 1);
}

class KernelStage {
  public:
    KernelStage(const KernelStageOptions& options, ProbeRunner& runner, const StageProgress& progress,
                const StageFound& found)
        : options_(options),
          runner_(runner),
          progress_(progress),
          found_(found),
          clock_(options.most_s, options.seconds),
          plan_(options),
          judge_(options, runner, clock_) {
        for (const std::string& kernel : options.kernels)
            of_operation_[operation_of(kernel)].push_back(kernel);
    }

    KernelStageResult run() {
        Kernels on_cpu, on_device;
        for (const auto& [operation, kernels] : of_operation_) {
            Kernels& all = operation == kCpuOperation ? on_cpu : on_device;
            all.insert(all.end(), kernels.begin(), kernels.end());
        }
        const double share = on_device.empty() || on_cpu.empty() ? kUntilPlaces : kUntilPlaces / 2;
        double from = 0;
        for (const Kernels& kernels : {on_device, on_cpu}) {
            if (kernels.empty()) continue;
            if (!try_kernels(kernels, from, from + share)) return std::move(result_);
            from += share;
        }
        // The pass first: the other kernels are timed in the one that a step takes.
        for (const bool pass : {true, false})
            for (const auto& [operation, kernels] : of_operation_)
                if ((operation == operation_of(std::string(kDecodePass))) == pass)
                    time_kernels(operation, kernels);
        confirm();
        result_.was_short = clock_.was_short();
        result_.device = judge_.device();
        return std::move(result_);
    }

  private:
    using Kernels = std::vector<std::string>;
    using Faults = std::map<std::string, std::string>;  // by kernel

    Slice whole() const { return {{}, options_.device}; }
    // Which slices show a kernel: "cpu/avx2" those of the CPU.
    const std::string& device_of(const std::string& kernel) const {
        static const std::string kCpu = "cpu";
        return operation_of(kernel) == kCpuOperation ? kCpu : options_.device;
    }
    // A 16-bit cache that rounds least: what is left is the kernel's own error.
    static model::KvType sharp_kv_type(const Slice& slice) {
        return slice.device == "cpu" ? model::KvType::bf16 : model::KvType::f16;
    }

    void note(const std::string& name, Verdict verdict, const std::string& detail) {
        result_.findings.push_back({"kernels", name, verdict, detail});
        found_(result_);
    }
    // Nothing is known of any kernel then, and another time may tell.
    bool cannot_tell(const std::string& name, const std::string& why) {
        result_.decided = false;
        note(name, Verdict::failed, why);
        return false;
    }

    // With these kernels where they can be used, and the program's own choice elsewhere. Empty = right.
    std::string fault_with(const Kernels& kernels, std::span<const Slice> places) {
        backend::KernelChoice choice;
        for (const std::string& kernel : kernels) choice.preferred.push_back({kernel, 1, kAnyTokens});
        for (const Slice& slice : places) {
            const double begin_s = clock_.gone_s();
            std::string fault =
                judge_.fault_of(choice, slice, plan_.steps(slice.device), sharp_kv_type(slice));
            if (!fault.empty()) return fault;
            longest_look_s_ = std::max(longest_look_s_, clock_.gone_s() - begin_s);
        }
        return {};
    }

    // The references of the first place, the steps of few_steps() first; those that there is no time for are left out of
    // all that follows. Empty = there are some.
    std::string compute_references(const Slice& slice, double until) {
        const std::size_t few = plan_.few_steps(slice.device).size();
        const std::vector<Probe> order = plan_.few_first(slice.device);
        double seconds_of_token = 0;  // of the last ones
        std::size_t done = 0;
        while (done < order.size()) {
            const std::size_t end = done < few ? few : std::min(done + kStepsAtOnce, order.size());
            const std::vector<Probe> portion(order.begin() + static_cast<std::ptrdiff_t>(done),
                                             order.begin() + static_cast<std::ptrdiff_t>(end));
            double tokens = 0;
            for (const Probe& probe : portion) tokens += probe.step_tokens() * probe.draws();
            if (done >= few && !clock_.has(until, seconds_of_token * tokens)) break;
            progress_(fmt::format("float32 reference of {}: {} of {} steps", layers_text(slice), done,
                                  order.size()));
            const double begin_s = clock_.gone_s();
            if (std::string problem = judge_.compute_references(slice.layers, portion); !problem.empty())
                return problem;
            done = end;
            seconds_of_token = (clock_.gone_s() - begin_s) / tokens;
            if (done == few) seconds_of_few_ = clock_.gone_s() - begin_s;
        }
        if (done == order.size()) return {};
        note("steps", Verdict::skipped,
             fmt::format("{} of {} were left out: no time for their references", order.size() - done,
                         order.size()));
        plan_.keep(slice.device, {order.begin(), order.begin() + static_cast<std::ptrdiff_t>(done)});
        return {};
    }
    // Of so many layers' references of few_steps().
    double seconds_for(std::int32_t layers) const { return seconds_of_few_ * layers / kSliceLayers; }

    // All kernels of one device. False: nothing is known of any.
    bool try_kernels(const Kernels& kernels, double from, double until) {
        const std::vector<Slice> places = plan_.places(device_of(kernels.front()));
        const double begin_s = clock_.gone_s();
        Faults faults;
        std::size_t tried = 0;
        double first_place_s = 0;
        for (; tried < places.size() && (tried == 0 || clock_.has(until, first_place_s)); ++tried) {
            const Slice& place = places[tried];
            if (tried == 0)
                if (const std::string problem =
                        compute_references(place, from + kReferencesOfIt * (until - from));
                    !problem.empty())
                    return cannot_tell("no reference", problem);
            for (const std::string& kernel : kernels) {
                if (faults.contains(kernel)) continue;
                if (!clock_.has(1))
                    return cannot_tell("no time to try kernels",
                                       kernel + " and what comes after it were not tried: give more minutes");
                progress_(fmt::format("trying {} on {}", kernel, layers_text(place)));
                std::string fault = fault_with({kernel}, {&place, 1});
                if (judge_.no_room()) return cannot_tell("no room to try kernels", fault);
                if (!fault.empty()) faults[kernel] = std::move(fault);
                show_so_far(kernels, faults, kernel, tried);
            }
            if (tried == 0) first_place_s = clock_.gone_s() - begin_s;
            tried_.push_back(place);
        }
        const std::span<const Slice> seen(places.data(), tried);
        const Kernels unseen = faults.empty() ? Kernels() : acquit(kernels, faults, seen);
        for (const std::string& kernel : kernels) {
            if (const auto fault = faults.find(kernel); fault != faults.end()) {
                result_.choice.banned.push_back(kernel);
                note(kernel, Verdict::avoided, "banned: " + fault->second);
            } else if (std::ranges::find(unseen, kernel) != unseen.end()) {
                note(kernel, Verdict::skipped, fmt::format("{} is wrong with every kernel", kBatchedPass));
            } else {
                note(kernel, Verdict::passed,
                     fmt::format("{} steps of {} slices as the reference{}",
                                 plan_.steps(device_of(kernel)).size(), tried,
                                 tried < places.size()
                                     ? fmt::format(", no time for {} more", places.size() - tried)
                                     : ""));
            }
        }
        return true;
    }

    // What is known while kernels are still being tried: whoever is interrupted has that much.
    void show_so_far(const Kernels& kernels, const Faults& faults, const std::string& last,
                     std::size_t places) const {
        KernelStageResult so_far = result_;
        bool tried_here = true;
        for (const std::string& kernel : kernels) {
            const auto fault = faults.find(kernel);
            const std::size_t right_at = places + (tried_here ? 1 : 0);
            if (kernel == last) tried_here = false;
            if (fault != faults.end())
                so_far.findings.push_back(
                    {"kernels", kernel, Verdict::skipped, "wrong so far: " + fault->second});
            else if (right_at > 0)
                so_far.findings.push_back(
                    {"kernels", kernel, Verdict::skipped, fmt::format("right so far, {} slices", right_at)});
        }
        found_(so_far);
    }

    // A kernel computes beside others: where one of those was wrong, it looks wrong too. Takes the faults back of those
    // that are right beside right ones. Returns the kernels that nothing was found about.
    Kernels acquit(const Kernels& kernels, Faults& faults, std::span<const Slice> places) {
        progress_("looking for the kernels that are wrong themselves");
        if (const std::optional<Kernels> company = right_company(kernels, faults, places)) {
            if (company->empty()) return {};
            for (auto& [kernel, fault] : faults) {
                Kernels beside = *company;
                beside.insert(beside.begin(), kernel);
                progress_(fmt::format("trying {} beside right ones", kernel));
                fault = fault_with(beside, places);
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
                                         std::span<const Slice> places) {
        if (fault_with({}, places).empty()) return Kernels();
        for (const std::string& kernel : kernels)
            if (kernel != kDecodePass && !faults.contains(kernel)) return Kernels{kernel};
        // Several are wrong: those of one instruction, say.
        Kernels plain;
        for (const std::string& kernel : kernels)
            if (kernel.ends_with(kPlainest)) plain.push_back(kernel);
        if (!plain.empty() && fault_with(plain, places).empty()) return plain;
        plain.emplace_back(kBatchedPass);
        if (faults.contains(plain.back()) && fault_with(plain, places).empty()) return plain;
        return std::nullopt;
    }

    // Prefers the fastest of the right kernels of one operation.
    void time_kernels(const std::string& operation, const Kernels& kernels) {
        Kernels right;
        for (const std::string& kernel : kernels)
            if (!result_.choice.bans(kernel)) right.push_back(kernel);
        if (right.size() < 2) return;
        const auto no_time = [&] {
            note("times of " + operation, Verdict::skipped, "no time: the program's own choice is used");
        };
        if (!clock_.has(kUntilTimes)) return no_time();
        progress_("timing the kernels of " + operation);
        const std::vector<Probe> probes = timing_probes(options_);
        if (seconds_of_times_ == 0) times(result_.choice, probes);  // loads the model
        const std::vector<double> own_ms = times(result_.choice, probes);
        if (own_ms.empty()) return;
        const auto has_time = [&](double more) { return clock_.has(kUntilTimes, more * seconds_of_times_); };
        if (!has_time(static_cast<double>(right.size()))) return no_time();
        const auto measure = [&](const backend::KernelChoice& choice, const std::vector<Probe>& some) {
            return times(choice, some);
        };
        choose_fastest(operation, right, {probes, measure, has_time, options_.step_text}, own_ms,
                       result_.choice, result_.findings);
        found_(result_);
    }

    // Milliseconds of each probe on the whole model; empty when it could not be computed.
    std::vector<double> times(const backend::KernelChoice& kernels, const std::vector<Probe>& probes) {
        const double begin_s = clock_.gone_s();
        ProbeRequest request = judge_.request(kernels, whole(), probes, options_.kv_types);
        request.times_alone = true;
        const ProbeReply reply = runner_.run(request);
        // Of all of them, where these are some.
        seconds_of_times_ = (clock_.gone_s() - begin_s) *
                            static_cast<double>(timing_probes(options_).size()) /
                            static_cast<double>(probes.size());
        std::vector<double> ms;
        for (const ProbeOutcome& outcome : reply.outcomes) ms.push_back(outcome.step_ms);
        return ms;
    }

    // The whole model first, which is loaded already where kernels were timed.
    void confirm() {
        const std::string fault = check_whole();
        std::size_t steps_done = 0, slices_done = 0;
        for (const Slice& slice : plan_.slices()) {
            const bool tried = std::ranges::find(tried_, slice) != tried_.end();
            const double reference_s = tried ? 0 : seconds_for(kSliceLayers);
            // What is left after a ban is seen to be right, whatever the time, or the machine is not fit.
            const bool must = tried && !result_.choice.banned.empty();
            if (!must && !clock_.has(kUntilChecks, reference_s + longest_look_s_)) continue;
            progress_("checking " + layers_text(slice));
            const std::vector<Probe> steps =
                tried ? plan_.steps(slice.device) : plan_.few_steps(slice.device);
            if (const std::string here = judge_.fault_of(result_.choice, slice, steps, sharp_kv_type(slice));
                !here.empty())
                return note("no right kernel", Verdict::failed, here);
            steps_done += steps.size();
            ++slices_done;
        }
        note("layer by layer", slices_done == 0 ? Verdict::skipped : Verdict::passed,
             fmt::format("{} of {} slices, {} steps{}", slices_done, plan_.slices().size(), steps_done,
                         slices_done < plan_.slices().size() ? "; no time for the others" : ""));
        if (!fault.empty()) note("no right kernel", Verdict::failed, fault);
    }

    // Empty = right, or it could not be seen.
    std::string check_whole() {
        std::vector<Probe> probes = plan_.few_steps(options_.device);
        const std::size_t all = probes.size();
        const auto needed_s = [&] {
            return longest_look_s_ + 2 * seconds_of_times_ +
                   seconds_for(options_.shape.layers) * static_cast<double>(probes.size()) /
                       static_cast<double>(all);
        };
        while (!probes.empty() && !clock_.has(kUntilChecks, needed_s())) probes.pop_back();
        if (probes.empty()) {
            note("whole model", Verdict::skipped, "no time for its reference");
            return {};
        }
        progress_("checking the whole model");
        std::string fault = judge_.fault_of(result_.choice, whole(), probes, options_.kv_types);
        if (judge_.no_room()) {
            note("whole model", Verdict::skipped, "there is no room for it beside what runs: " + fault);
            return {};
        }
        if (!fault.empty()) return fault;
        note("whole model", Verdict::passed,
             fmt::format("{} steps, up to position {}", probes.size(), options_.shape.context_length));
        const std::vector<Probe> timed = timing_probes(options_);
        const std::vector<double> ms = times(result_.choice, timed);
        for (std::size_t i = 0; i < ms.size(); ++i)
            result_.figures.push_back(
                {"step of " + timed[i].name(), "tok/s", timed[i].step_tokens() / ms[i] * 1000, 0, true});
        return {};
    }

    const KernelStageOptions& options_;
    ProbeRunner& runner_;
    const StageProgress& progress_;
    const StageFound& found_;
    StageClock clock_;
    std::map<std::string, Kernels> of_operation_;
    StagePlan plan_;
    SliceJudge judge_;
    double seconds_of_few_ = 0;    // what the references of few_steps() took on two layers
    double longest_look_s_ = 0;    // what a kernel took on two layers
    double seconds_of_times_ = 0;  // what taking times took, the last time
    std::vector<Slice> tried_;     // where every kernel was
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
                                  const StageProgress& progress, const StageFound& found) {
    KernelStageResult result = KernelStage(options, runner, progress, found).run();
    runner.start_anew();  // gives back the memory of what was computed last
    return result;
}

}  // namespace gptoss::qualify
