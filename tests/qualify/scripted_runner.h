// Probes whose outcomes are written down: what the kernel stage asks for, and what it makes of times.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "qualify/kernel_stage.h"

namespace gptoss::test {

class ScriptedRunner final : public qualify::ProbeRunner {
  public:
    // Milliseconds of a probe with the kernel that is forced ("" = none is); `request` counts from 0.
    using Time = std::function<double(const std::string& kernel, const qualify::Probe& probe, int request)>;

    ScriptedRunner(Time time, std::string wrong_kernel = {})
        : time_(std::move(time)), wrong_kernel_(std::move(wrong_kernel)) {}

    qualify::ProbeReply run(const qualify::ProbeRequest& request) override {
        const std::string kernel = !request.kernels.preferred.empty() && !request.exact
                                       ? request.kernels.preferred.front().kernel
                                       : std::string();
        const int number = static_cast<int>(requests.size());
        requests.push_back(request);
        qualify::ProbeReply reply;
        reply.device = request.device;
        for (const qualify::Probe& probe : request.probes) {
            const float logit = request.exact ? 1 : logit_of(kernel, probe);
            reply.outcomes.push_back(
                {std::vector<float>(static_cast<std::size_t>(probe.sequences) * kVocabulary, logit), true,
                 time_(kernel, probe, number)});
        }
        return reply;
    }

    static constexpr std::int32_t kVocabulary = 2;
    // All logits of a probe with the kernel that is forced; 1 is right.
    std::function<float(const std::string& kernel, const qualify::Probe& probe)> logit_of =
        [this](const std::string& kernel, const qualify::Probe&) {
            return !kernel.empty() && kernel == wrong_kernel_ ? 2.0F : 1.0F;
        };
    std::vector<qualify::ProbeRequest> requests;

  private:
    Time time_;
    std::string wrong_kernel_;
};

}  // namespace gptoss::test
