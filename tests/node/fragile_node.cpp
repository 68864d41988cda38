// A node on a CPU that fails when it is told to, as a GPU that falls off the bus does: for
// e2e/recovery.test.mjs. Its settings come from the environment.
//
// FRAGILE_STATE names a file: a step fails while it holds "fails", and a device cannot be made while it holds
// "broken".
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

#include "base/error.h"
#include "node/serve.h"
#include "node/settings_loader.h"

namespace gptoss {
namespace {

void fail_when_told(const std::string& when) {
    const char* file = std::getenv("FRAGILE_STATE");
    std::string told;
    if (file != nullptr) std::ifstream(file) >> told;
    if (told == when) throw Error(ErrorCode::device_failed, "the device is gone (it was told so)");
}

class FragileBackend final : public backend::Backend {
  public:
    explicit FragileBackend(std::unique_ptr<backend::Backend> inner) : inner_(std::move(inner)) {}
    const backend::BackendInfo& info() const override { return inner_->info(); }
    void forward(const backend::Batch& batch) override {
        fail_when_told("fails");
        inner_->forward(batch);
    }
    backend::StepHandle sample(std::span<const backend::SampleRow> rows) override {
        return inner_->sample(rows);
    }
    std::span<const backend::SampledToken> wait(backend::StepHandle handle) override {
        return inner_->wait(handle);
    }
    void read_logits(std::int32_t index, std::span<float> out) override { inner_->read_logits(index, out); }
    void copy_block(backend::Pool pool, backend::BlockId from, backend::BlockId to) override {
        inner_->copy_block(pool, from, to);
    }

  private:
    std::unique_ptr<backend::Backend> inner_;
};

node::Device fragile_device() {
    node::Device device;
    device.name = "cpu";
    device.needs = [](const model::Weights& weights, const model::PlanRequest& request) {
        return backend::cpu_needs(weights.hyperparameters, request);
    };
    device.make = [](const model::Weights& weights, const backend::BackendOptions& options,
                     const backend::LoadProgress&) -> std::unique_ptr<backend::Backend> {
        fail_when_told("broken");
        return std::make_unique<FragileBackend>(backend::make_cpu_backend(weights, options));
    };
    return device;
}

node::Settings read_settings() {
    node::SettingSources sources;
    sources.environment = node::read_environment();
    return node::load_settings(sources).values;
}

}  // namespace
}  // namespace gptoss

int main() {
    spdlog::set_default_logger(spdlog::stderr_color_mt("fragile_node"));
    try {
        return gptoss::node::serve(gptoss::read_settings(), {gptoss::fragile_device()},
                                   gptoss::read_settings);
    } catch (const gptoss::Error& error) {
        std::fprintf(stderr, "error: %s\n", error.for_people().c_str());
        return 1;
    }
}
