#include "qualify/kernel_timing.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <array>

namespace gptoss::qualify {
namespace {

constexpr double kFasterByAtLeast = 1.02, kWorthAnotherLook = 1.01, kSlow = 2;
constexpr int kTurns = 8;  // own, other, other, own, and all again

bool is_faster(double share, double by = kFasterByAtLeast) {
    return share * by <= 1;
}

// Of what runs without a kernel, the time that it takes, at some of the probes.
using Shares = std::vector<double>;

class Turns {
  public:
    Turns(const KernelTimes& times, const backend::KernelChoice& own, std::vector<double> own_ms, bool as_one)
        : times_(times), own_(own), own_ms_(std::move(own_ms)), as_one_(as_one) {}

    // Where the kernel would run.
    std::vector<std::size_t> places_of(const std::string& kernel) const {
        std::vector<std::size_t> places;
        for (std::size_t i = 0; i < times_.probes.size(); ++i)
            if (as_one_ || changes(times_.step_text, times_.probes[i], own_, forced(kernel, own_)))
                places.push_back(i);
        return places;
    }

    // Once: a look that leaves out what is slower.
    Shares glance(const std::string& kernel, const std::vector<std::size_t>& places) const {
        std::vector<double> own_ms;
        for (const std::size_t i : places) own_ms.push_back(own_ms_[i]);
        return shares({times(forced(kernel, own_), places)}, {own_ms});
    }

    bool has_time(const std::vector<std::size_t>& places) const {
        return times_.has_time(kTurns * static_cast<double>(places.size()) /
                               static_cast<double>(times_.probes.size()));
    }

    // Clocks fall while a card grows warm, and a step takes longer after a large one: own, other, other, own.
    Shares half(const std::string& kernel, const std::vector<std::size_t>& places) const {
        const backend::KernelChoice other = forced(kernel, own_);
        const std::vector<double> before = times(own_, places), first = times(other, places),
                                  second = times(other, places), after = times(own_, places);
        return shares({first, second}, {before, after});
    }

  private:
    std::vector<double> times(const backend::KernelChoice& kernels,
                              const std::vector<std::size_t>& places) const {
        std::vector<Probe> some;
        for (const std::size_t i : places) some.push_back(times_.probes[i]);
        return times_.measure(kernels, some);
    }

    // Empty where something could not be computed. As one: their mean everywhere.
    Shares shares(const std::vector<std::vector<double>>& other,
                  const std::vector<std::vector<double>>& own) const {
        Shares all;
        const std::size_t count = own.front().size();
        for (const auto* each : {&other, &own})
            if (std::ranges::any_of(*each, [&](const auto& ms) { return ms.size() != count; })) return all;
        for (std::size_t i = 0; i < count; ++i) {
            double other_ms = 0, own_ms = 0;
            for (const auto& ms : other) other_ms += ms[i];
            for (const auto& ms : own) own_ms += ms[i];
            all.push_back(other_ms / own_ms);
        }
        if (!as_one_) return all;
        double sum = 0;
        for (const double share : all) sum += share;
        return Shares(count, sum / static_cast<double>(count));
    }

    const KernelTimes& times_;
    const backend::KernelChoice& own_;
    std::vector<double> own_ms_;
    bool as_one_;
};

}  // namespace

bool changes(const backend::StepText& text, const Probe& step, const backend::KernelChoice& from,
             const backend::KernelChoice& to) {
    const auto of = [&](const backend::KernelChoice& kernels) {
        return text(kernels, step.sequences, step.tokens, step.depth);
    };
    return !text || of(from) != of(to);
}

std::string operation_of(const std::string& kernel) {
    return kernel.substr(0, kernel.find('/'));
}

backend::KernelChoice forced(const std::string& kernel, const backend::KernelChoice& base) {
    backend::KernelChoice choice = base;
    choice.preferred.insert(choice.preferred.begin(), {kernel, 1, kAnyTokens});
    return choice;
}

void choose_fastest(const std::string& operation, const std::vector<std::string>& kernels,
                    const KernelTimes& times, const std::vector<double>& own_ms,
                    backend::KernelChoice& choice, std::vector<Finding>& findings) {
    const backend::KernelChoice own = choice;
    const std::vector<Probe>& probes = times.probes;
    if (own_ms.size() != probes.size()) return;
    const bool everywhere = operation == kCpuOperation;
    const Turns turns(times, own, own_ms, everywhere);
    struct Best {
        std::string kernel;
        double share = 1;
    };
    std::vector<Best> best(probes.size());
    for (const std::string& kernel : kernels) {
        std::vector<std::size_t> places = turns.places_of(kernel), worth;
        if (places.empty()) continue;
        const Shares first = turns.glance(kernel, places);
        for (std::size_t i = 0; i < first.size(); ++i)
            if (is_faster(first[i], kWorthAnotherLook)) worth.push_back(places[i]);
        if (worth.empty() || !turns.has_time(worth)) continue;
        const std::array<Shares, 2> halves{turns.half(kernel, worth), turns.half(kernel, worth)};
        if (halves[0].size() != worth.size() || halves[1].size() != worth.size()) continue;
        for (std::size_t i = 0; i < worth.size(); ++i) {
            const double share = (halves[0][i] + halves[1][i]) / 2;
            if (is_faster(halves[0][i]) && is_faster(halves[1][i]) && share < best[worth[i]].share)
                best[worth[i]] = {kernel, share};
        }
    }
    for (std::size_t i = 0; i < (everywhere ? 1 : probes.size()); ++i) {
        if (best[i].kernel.empty()) continue;
        const std::int32_t to =
            everywhere || i + 1 == probes.size() ? kAnyTokens : probes[i + 1].step_tokens() - 1;
        choice.preferred.push_back({best[i].kernel, everywhere ? 1 : probes[i].step_tokens(), to});
        findings.push_back(
            {"kernels", best[i].kernel + " preferred" + (everywhere ? "" : " for " + probes[i].name()),
             best[i].share * kSlow < 1 ? Verdict::avoided : Verdict::passed,
             fmt::format("the program's own choice takes {:.2f} times as long", 1 / best[i].share)});
    }
}

}  // namespace gptoss::qualify
