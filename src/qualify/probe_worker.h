// Another process that computes probes, so that a kernel that crashes the driver or hangs takes nothing with it.
#pragma once

#include <filesystem>
#include <memory>

#include "qualify/child_process.h"
#include "qualify/probe_runner.h"
#include "qualify/scratch_folder.h"

namespace gptoss::qualify {

// `program qualify-probe FOLDER`: one request after another, until one of them is a problem.
class ProbeWorker {
  public:
    explicit ProbeWorker(const std::filesystem::path& program);
    ~ProbeWorker();
    ProbeWorker(const ProbeWorker&) = delete;
    ProbeWorker& operator=(const ProbeWorker&) = delete;

    // It is ended after `most_s` seconds.
    ProbeReply run(const ProbeRequest& request, double most_s);

  private:
    std::string wait(double most_s);

    ScratchFolder folder_;
    int connection_ = -1;
    std::unique_ptr<ChildProcess> process_;
};

// Two workers: the float32 reference has its own, and what a kernel does to the other does nothing to it.
class ChildProbeRunner final : public ProbeRunner {
  public:
    ChildProbeRunner(std::filesystem::path program, double most_s)
        : program_(std::move(program)), most_s_(most_s) {}
    ProbeReply run(const ProbeRequest& request) override;
    void start_anew() override;

  private:
    std::filesystem::path program_;
    double most_s_ = 0;
    std::unique_ptr<ProbeWorker> device_, reference_;
};

// The worker's side. For each byte on standard input, a socket: reads request.json in the folder, writes reply.json and
// logits.f32 there, and sends the byte back. Returns after a problem, since the device may be lost then.
void answer_probe_requests(const std::filesystem::path& folder);

}  // namespace gptoss::qualify
