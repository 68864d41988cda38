#include "node/serve.h"

#include <signal.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <future>
#include <optional>

#include "base/error.h"
#include "node/gpu_monitor.h"
#include "node/load_report.h"
#include "node/loaded_model.h"
#include "server/routes.h"
#include "server/server.h"

namespace gptoss::node {

namespace {

using namespace std::chrono_literals;

// SIGTERM and SIGINT, taken one by one instead of interrupting whatever runs. Threads made later inherit the
// mask.
class StopSignals {
  public:
    StopSignals() {
        sigemptyset(&set_);
        sigaddset(&set_, SIGTERM);
        sigaddset(&set_, SIGINT);
        pthread_sigmask(SIG_BLOCK, &set_, nullptr);
        // A client that goes away in the middle of a write is an error of that write, not of the process.
        signal(SIGPIPE, SIG_IGN);
    }
    bool wait_for(std::chrono::milliseconds limit) const {
        const timespec time{limit.count() / 1000, limit.count() % 1000 * 1'000'000};
        return sigtimedwait(&set_, nullptr, &time) > 0;
    }

  private:
    sigset_t set_{};
};

// Every connection is a file descriptor; the usual soft limit of 1024 is for programs that use select().
void raise_descriptor_limit() {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

api::ReasoningFields reasoning_fields(const std::string& name) {
    if (name == "reasoning") return api::ReasoningFields::reasoning;
    if (name == "reasoning_content") return api::ReasoningFields::reasoning_content;
    return name == "none" ? api::ReasoningFields::none : api::ReasoningFields::both;
}

server::ServerOptions server_options(const Settings& settings) {
    server::ServerOptions options;
    options.host = settings.host;
    options.port = static_cast<std::uint16_t>(settings.port);
    options.most_connections = static_cast<int>(settings.most_connections);
    options.body_limit_bytes = static_cast<std::size_t>(settings.body_limit_mb) << 20;
    options.cors_origin = settings.cors_origin;
    return options;
}

bool is_loopback(const std::string& host) {
    return host.starts_with("127.") || host == "::1";
}

std::shared_ptr<api::Service> make_service(const Settings& settings, LoadedModel model,
                                           server::Metrics& metrics) {
    api::ServiceOptions options;
    options.strict_model_name = settings.strict_model_name;
    options.reasoning = reasoning_fields(settings.reasoning_fields);
    options.date = settings.date;
    return std::make_shared<api::Service>(std::move(model.engine), std::move(model.served), options,
                                          &metrics);
}

// Loading runs beside the signals and the server, which already answers /health and /ready.
class Loader {
  public:
    Loader(const Settings& settings, const std::vector<Device>& devices, server::NodeState& state)
        : result_(std::async(std::launch::async, [this, &settings, &devices, &state] {
              return load_model(settings, devices,
                                [this, &state](const std::string& stage, std::int64_t done_bytes,
                                               std::int64_t total_bytes) {
                                    if (stop_) throw Error(ErrorCode::cancelled, "stopped while loading");
                                    state.set_progress(stage, done_bytes, total_bytes);
                                    const std::string line = report_.text(stage, done_bytes, total_bytes);
                                    if (report_.due()) spdlog::info("{}", line);
                                });
          })) {}

    // Nothing while it still loads. Throws what loading threw.
    std::optional<LoadedModel> poll() {
        if (result_.wait_for(0s) != std::future_status::ready) return std::nullopt;
        return result_.get();
    }

    // A stage that cannot be interrupted is left behind: nothing of it has to be saved.
    void abandon() {
        stop_ = true;
        if (result_.wait_for(2s) != std::future_status::ready) std::_Exit(0);
    }

  private:
    std::atomic<bool> stop_ = false;
    LoadReport report_;
    std::future<LoadedModel> result_;  // last: what runs uses the others
};

// What a million generated tokens cost by the energy the GPU really used, idle time included.
void add_cost(server::GpuStatus& status, double price_per_mwh, std::int64_t generated_tokens) {
    const double* joules = status.find("energy_joules");
    if (joules == nullptr || generated_tokens == 0) return;
    const double joules_per_token = *joules / static_cast<double>(generated_tokens);
    status.values.push_back({"joules_per_generated_token",
                             "Energy since the start, idle time included, for each token", joules_per_token});
    constexpr double kJoulesPerMegawattHour = 3.6e9;
    if (price_per_mwh > 0)
        status.values.push_back({"cost_per_million_tokens",
                                 "Power alone, in the currency of the price that is set",
                                 1e6 * joules_per_token / kJoulesPerMegawattHour * price_per_mwh});
}

// Null where no GPU computes and nobody names a library to watch one with. A node without NVML serves, and
// says so.
std::unique_ptr<GpuMonitor> watch_gpu(const Settings& settings, const LoadedModel& model,
                                      server::NodeState& state) {
    if (model.bus_id.empty() && settings.nvml_library.empty()) return nullptr;
    try {
        auto monitor = std::make_unique<GpuMonitor>(
            GpuMonitorOptions{settings.nvml_library, model.bus_id,
                              std::max(model.ceiling_bytes, settings.vram_ceiling_mb << 20)});
        const auto price = static_cast<double>(settings.power_price_per_mwh);
        monitor->start(1s, [&state, price](server::GpuStatus status) {
            const auto service = state.find_service();
            if (service != nullptr) add_cost(status, price, service->engine().stats().generated_tokens);
            state.set_gpu(std::move(status));
        });
        return monitor;
    } catch (const Error& error) {
        if (!settings.nvml_library.empty()) throw;
        spdlog::warn("the GPU is not watched: {}", error.what());
        return nullptr;
    }
}

int shut_down(const Settings& settings, const StopSignals& signals, server::NodeState& state,
              server::Server& server) {
    spdlog::info("shutting down: running answers get {} s to finish", settings.shutdown_grace_s);
    state.set_draining();
    server.drain();
    const auto service = state.find_service();
    std::atomic<bool> hurry = false;
    auto drained = std::async(std::launch::async, [&] {
        const auto deadline =
            std::chrono::steady_clock::now() + std::chrono::seconds(settings.shutdown_grace_s);
        // In short steps, so that a second signal is obeyed.
        while (!hurry && std::chrono::steady_clock::now() < deadline) {
            if (server.wait_until_idle(50ms)) return true;
        }
        return service->engine().drain(0);
    });
    while (drained.wait_for(0s) != std::future_status::ready) {
        if (signals.wait_for(50ms)) hurry = true;
    }
    const bool all_finished = drained.get();
    server.wait_until_idle(2s);  // what was cut off is told so
    server.stop();
    spdlog::info(all_finished ? "all answers finished" : "some answers were cut off");
    return all_finished ? 0 : 1;
}

}  // namespace

int serve(const Settings& settings, const std::vector<Device>& devices) {
    const StopSignals signals;
    raise_descriptor_limit();
    server::Metrics metrics;  // outlives the engine, which reports to it until its end
    server::NodeState state;
    const server::Router router = make_routes(state, metrics);
    const server::ApiKeys keys = settings.api_keys_file.empty()
                                     ? server::ApiKeys()
                                     : server::ApiKeys::from_file(settings.api_keys_file);
    server::Server server(server_options(settings), router, keys, metrics);
    spdlog::info("listening on http://{}:{}", settings.host, server.port());
    if (!is_loopback(settings.host) && !keys.required()) {
        spdlog::warn(
            "everyone who can reach this machine can use the node: set GPTOSS_API_KEYS_FILE to change that");
    }

    Loader loader(settings, devices, state);
    std::unique_ptr<GpuMonitor> monitor;
    for (;;) {
        if (signals.wait_for(20ms)) {
            loader.abandon();
            return 0;
        }
        if (auto model = loader.poll()) {
            spdlog::info("{} on {}", model->served.id, model->engine->backend_info().device);
            monitor = watch_gpu(settings, *model, state);
            state.set_ready(make_service(settings, *std::move(model), metrics));
            break;
        }
    }
    spdlog::info("ready: POST http://{}:{}/v1/chat/completions", settings.host, server.port());
    while (!signals.wait_for(1h)) {
    }
    return shut_down(settings, signals, state, server);
}

}  // namespace gptoss::node
