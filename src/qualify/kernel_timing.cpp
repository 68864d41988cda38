#include "qualify/kernel_timing.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <map>
#include <numeric>

namespace gptoss::qualify {
namespace {

constexpr double kFasterByAtLeast = 1.02, kSlow = 2;

bool is_faster(double share) {
    return share * kFasterByAtLeast <= 1;
}

// Each time beside the own choice's; of the CPU, which has one set of kernels for all steps, their mean.
std::vector<double> shares_of(const std::vector<double>& ms, const std::vector<double>& own_ms,
                              const std::string& operation) {
    if (ms.size() != own_ms.size()) return {};
    std::vector<double> shares;
    for (std::size_t i = 0; i < ms.size(); ++i) shares.push_back(ms[i] / own_ms[i]);
    if (operation != kCpuOperation) return shares;
    return {std::accumulate(shares.begin(), shares.end(), 0.0) / static_cast<double>(shares.size())};
}

}  // namespace

std::string operation_of(const std::string& kernel) {
    return kernel.substr(0, kernel.find('/'));
}

backend::KernelChoice forced(const std::string& kernel, const backend::KernelChoice& base) {
    backend::KernelChoice choice = base;
    choice.preferred.insert(choice.preferred.begin(), {kernel, 1, kAnyTokens});
    return choice;
}

void choose_fastest(const std::string& operation, const std::vector<std::string>& kernels,
                    const std::vector<Probe>& probes, const std::vector<double>& own_ms,
                    const TimeProbes& times, backend::KernelChoice& choice, std::vector<Finding>& findings) {
    const backend::KernelChoice own = choice;
    if (own_ms.empty()) return;
    std::map<std::string, std::vector<double>> shares;  // of the time of the program's own choice
    for (const std::string& kernel : kernels)
        if (auto each = shares_of(times(forced(kernel, own)), own_ms, operation); !each.empty())
            shares[kernel] = std::move(each);
    // Those that were faster once more, by turns: a step of a small model takes microseconds, and one
    // lucky run is no reason. Of two that are faster twice, the one that is faster over both.
    std::erase_if(shares, [](const auto& each) {
        return std::ranges::none_of(each.second, [](double share) { return is_faster(share); });
    });
    const std::vector<double> own_again_ms = shares.empty() ? own_ms : times(own);
    const std::vector<double> noise = shares_of(own_again_ms, own_ms, operation);
    if (noise.empty()) return;
    std::map<std::string, std::vector<double>> again;
    for (const auto& [kernel, first] : shares)
        if (auto each = shares_of(times(forced(kernel, own)), own_again_ms, operation); !each.empty())
            again[kernel] = std::move(each);
    const std::size_t sizes = operation == kCpuOperation ? 1 : probes.size();
    for (std::size_t i = 0; i < sizes; ++i) {
        std::string best;
        double best_share = 1;
        // By so much the own choice, which has not changed, was faster or slower the second time.
        const double apart = std::max(noise[i], 1 / noise[i]);
        for (const auto& [kernel, second] : again) {
            const double first = shares[kernel][i], both = (first + second[i]) / 2;
            if (!is_faster(first * apart) || !is_faster(second[i] * apart) || both >= best_share) continue;
            best = kernel;
            best_share = both;
        }
        if (best.empty()) continue;
        const bool everywhere = sizes == 1;
        const std::int32_t to = i + 1 < sizes ? probes[i + 1].step_tokens() - 1 : kAnyTokens;
        choice.preferred.push_back({best, everywhere ? 1 : probes[i].step_tokens(), to});
        findings.push_back(
            {"kernels", best + " preferred" + (everywhere ? "" : " for " + probes[i].name()),
             best_share * kSlow < 1 ? Verdict::avoided : Verdict::passed,
             fmt::format("the program's own choice takes {:.2f} times as long", 1 / best_share)});
    }
}

}  // namespace gptoss::qualify
