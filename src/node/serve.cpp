#include "node/serve.h"

#include <malloc.h>
#include <signal.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <future>
#include <optional>
#include <utility>

#include "base/error.h"
#include "http/request_log.h"
#include "http/server.h"
#include "node/application/admin_routes.h"
#include "node/application/console_parts.h"
#include "node/application/routes.h"
#include "node/credited_earnings.h"
#include "node/gpu_monitor.h"
#include "node/load_report.h"
#include "node/loaded_model.h"
#include "node/market_setup.h"
#include "node/model_swap.h"
#include "node/server_setup.h"

namespace gptoss::node {

namespace {

using namespace std::chrono_literals;

// SIGTERM, SIGINT and SIGHUP, taken one by one instead of interrupting whatever runs. Threads made later
// inherit the mask.
class Signals {
  public:
    Signals() {
        sigemptyset(&set_);
        for (const int each : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set_, each);
        pthread_sigmask(SIG_BLOCK, &set_, nullptr);
        // A client that goes away in the middle of a write is an error of that write, not of the process.
        signal(SIGPIPE, SIG_IGN);
    }
    // True when the node is to stop. A SIGHUP is remembered.
    bool stop_within(std::chrono::milliseconds limit) {
        const timespec time{limit.count() / 1000, limit.count() % 1000 * 1'000'000};
        const int taken = sigtimedwait(&set_, nullptr, &time);
        if (taken == SIGHUP) hang_up_ = true;
        return taken == SIGTERM || taken == SIGINT;
    }
    // True once for each SIGHUP.
    bool take_hang_up() { return std::exchange(hang_up_, false); }

  private:
    sigset_t set_{};
    bool hang_up_ = false;
};

// Every connection is a file descriptor; the usual soft limit of 1024 is for programs that use select().
void raise_descriptor_limit() {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

bool is_loopback(const std::string& host) {
    return host.starts_with("127.") || host == "::1";
}

// "http://[::]:8080"
std::string origin_of(const Settings& settings, const std::string& host, int port) {
    const std::string address = host.find(':') == std::string::npos ? host : "[" + host + "]";
    return (settings.tls_certificate_file.empty() ? "http://" : "https://") + address + ":" +
           std::to_string(port);
}

// Where a browser on this machine finds what listens on all addresses.
std::string reachable(const std::string& host) {
    if (host == "0.0.0.0") return "127.0.0.1";
    return host == "::" ? "::1" : host;
}

std::shared_ptr<api::Service> make_service(const Settings& settings, LoadedModel model,
                                           const AgentState& agents, Metrics& metrics) {
    api::ServiceOptions options = service_options(settings);
    options.seal = agents.seal;
    options.stored = agents.stored;
    return std::make_shared<api::Service>(std::move(model.engine), std::move(model.served),
                                          std::move(options), &metrics);
}

// Loading runs beside the signals and the server, which already answers /health and /ready.
class Loader {
  public:
    Loader(const Settings& settings, const std::vector<Device>& devices, NodeState& state)
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
void add_cost(GpuStatus& status, double price_per_mwh, std::int64_t generated_tokens) {
    const double* joules = status.find("energy_joules");
    if (joules == nullptr || generated_tokens == 0) return;
    const double joules_per_token = *joules / static_cast<double>(generated_tokens);
    status.add("joules_per_generated_token", "Energy since the start, idle time included, for each token",
               joules_per_token);
    constexpr double kJoulesPerMegawattHour = 3.6e9;
    if (price_per_mwh > 0)
        status.add("cost_per_million_tokens", "Power alone, in the currency of the price that is set",
                   1e6 * joules_per_token / kJoulesPerMegawattHour * price_per_mwh);
}

// Null where no GPU computes and nobody names a library to watch one with. A node without NVML serves, and
// says so.
std::unique_ptr<GpuMonitor> watch_gpu(const Settings& settings, const LoadedModel& model, NodeState& state) {
    if (model.bus_id.empty() && settings.nvml_library.empty()) return nullptr;
    try {
        auto monitor = std::make_unique<GpuMonitor>(
            GpuMonitorOptions{settings.nvml_library, model.bus_id,
                              std::max(model.ceiling_bytes, settings.vram_ceiling_mb << 20)});
        const auto price = static_cast<double>(settings.power_price_per_mwh);
        monitor->start(1s, [&state, price](GpuStatus status) {
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

int shut_down(const Settings& settings, Signals& signals, NodeState& state, http::Server& server) {
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
        return service == nullptr || service->engine().drain(0);
    });
    while (drained.wait_for(0s) != std::future_status::ready) {
        if (signals.stop_within(50ms)) hurry = true;
    }
    const bool all_finished = drained.get();
    server.wait_until_idle(2s);  // whoever was cut off gets an error that says so
    server.stop();
    spdlog::info(all_finished ? "all answers finished" : "some answers were cut off");
    return all_finished ? 0 : 1;
}

// Tells when a batch begins to take too long, and when it is over.
class StepWatch {
  public:
    void look(const NodeState& state) {
        const bool stuck = state.is_stuck();
        if (stuck && !was_stuck_) spdlog::error("a batch takes longer than it may: the node is not ready");
        if (!stuck && was_stuck_) spdlog::warn("the batch is over: the node goes on");
        was_stuck_ = stuck;
    }

  private:
    bool was_stuck_ = false;
};

// A device that failed may work again with everything made anew. Not tried in a loop: a node that fails all
// the time must not look as if it served.
class Recovery {
  public:
    void look(const NodeState& state, const Reload& reload, ModelSwap& swap) {
        const std::string failure = state.failure();
        if (failure.empty()) return;
        const auto now = std::chrono::steady_clock::now();
        if (now < next_try_) return;
        next_try_ = now + 1min;
        spdlog::error("the engine failed ({}): the model is loaded again", failure);
        try {
            swap.start(reload.current(), reload.current(), false);
        } catch (const Error& error) {
            spdlog::error("{}", error.what());
        }
    }

    // Somebody has looked after the device: the next look tries at once.
    void try_at_once() { next_try_ = {}; }

  private:
    std::chrono::steady_clock::time_point next_try_;
};

void reload_and_tell(Reload& reload) {
    try {
        reload.apply();
    } catch (const Error& error) {
        spdlog::error("nothing was changed: {}", error.for_people());
    }
}

// Null where no port for operators is wanted.
std::unique_ptr<http::Server> open_admin_port(const Settings& settings, const http::Router& router,
                                              http::ReplyMeter& meter) {
    if (settings.admin_port < 0) return nullptr;
    const http::ApiKeys keys =
        settings.admin_key.empty() ? http::ApiKeys() : http::ApiKeys::single("admin", settings.admin_key);
    auto admin = std::make_unique<http::Server>(admin_options(settings), router, keys, meter);
    spdlog::info("operators: http://127.0.0.1:{}/admin/status", admin->port());
    return admin;
}

std::optional<std::string> find_receipt(const NodeState& state, const std::string& id) {
    try {
        const auto service = state.find_service();
        if (service) return service->receipt(id).body;
    } catch (const Error&) {  // there is none, or it cannot be read: the proof names the answer alone
    }
    return std::nullopt;
}

void prepare(NodeState& state, const Settings& settings) {
    state.set_step_limit(std::chrono::seconds(settings.step_limit_s));
    state.set_market(
        open_market(settings, [&state](const std::string& id) { return find_receipt(state, id); }));
}

void prepare_process() {
    raise_descriptor_limit();
    umask(S_IRWXG | S_IRWXO);  // whatever this node keeps is its own user's
    // What a large request held goes back to the system when it is freed; by itself the bound grows to 32 MB.
    mallopt(M_MMAP_THRESHOLD, 1 << 20);
}

}  // namespace

int serve(const Settings& settings, const std::vector<Device>& devices,
          const Reload::ReadSettings& read_settings) {
    Signals signals;
    prepare_process();
    if (settings.log_format == LogFormat::json) http::log_as_json();
    Metrics metrics;  // outlives the engine, which reports to it until its end
    NodeState state;
    prepare(state, settings);
    std::function<api::Json(const std::string&)> serve_model;  // once there is something to do it with
    ConsoleParts parts(metrics, console_options(settings, [&serve_model](const std::string& path) {
                           return serve_model(path);
                       }));
    const http::Router router = parts.with_routes(make_routes(state, metrics));
    const http::ApiKeys keys = api_keys(settings);
    http::Server server(server_options(settings), router, keys, parts.history);
    const std::string origin = origin_of(settings, settings.host, server.port());
    spdlog::info("listening on {}", origin);
    if (!is_loopback(settings.host) && !keys.required()) {
        spdlog::warn(
            "everyone who can reach this machine can use the node: set GPTOSS_API_KEYS_FILE to change that");
    }

    const AgentState agents = open_agent_state(settings);
    ModelSwap swap(devices, state, [&metrics, &agents](const Settings& with, LoadedModel model) {
        return make_service(with, std::move(model), agents, metrics);
    });
    Reload reload(settings, read_settings, server, state, swap);
    serve_model = [&reload](const std::string& path) { return reload.serve_model(path); };
    const AdminActions actions{[&reload] { return reload.apply(); }, [&reload] { return reload.status(); },
                               credited_earnings(settings)};
    http::Router admin_router =
        make_admin_routes(server, state, actions, parts.with_routes(make_routes(state, metrics, true)));
    parts.download.add_routes(admin_router);
    std::unique_ptr<http::Server> admin;

    Loader loader(settings, devices, state);
    std::unique_ptr<GpuMonitor> monitor;
    for (;;) {
        if (signals.stop_within(20ms)) {
            loader.abandon();
            return 0;
        }
        if (auto model = loader.poll()) {
            spdlog::info("{} on {}", model->served.id, model->engine->backend_info().device);
            monitor = watch_gpu(settings, *model, state);
            state.set_ready(make_service(settings, *std::move(model), agents, metrics));
            break;
        }
    }
    admin = open_admin_port(settings, admin_router, parts.history);
    spdlog::info("ready: POST {}/v1/chat/completions", origin);
    spdlog::info("console: {}/", origin_of(settings, reachable(settings.host), server.port()));
    StepWatch step_watch;
    Recovery recovery;
    while (!signals.stop_within(1s)) {
        if (signals.take_hang_up()) {
            reload_and_tell(reload);
            recovery.try_at_once();
        }
        step_watch.look(state);
        parts.history.look(state, std::time(nullptr));
        state.tend_market();
        recovery.look(state, reload, swap);
    }
    admin.reset();
    swap.stop();
    const int exit_code = shut_down(settings, signals, state, server);
    if (agents.stored) agents.stored->runs().stop();
    return exit_code;
}

}  // namespace gptoss::node
