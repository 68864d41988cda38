#include "node/reload.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <chrono>

#include "base/error.h"
#include "http/request_log.h"
#include "node/server_setup.h"

namespace gptoss::node {

namespace {

// Sockets, threads and watchers are made once.
constexpr std::array<std::string_view, 9> kNeedRestart{
    "GPTOSS_HOST",          "API_PORT",          "GPTOSS_MAX_CONNECTIONS", "GPTOSS_ADMIN_PORT",
    "GPTOSS_ADMIN_KEY",     "GPTOSS_LOG_FORMAT", "GPTOSS_NVML_LIBRARY",    "GPTOSS_POWER_PRICE_PER_MWH",
    "GPTOSS_BODY_BUDGET_MB"};

std::vector<std::string>& place_of(const SettingSpec& spec, SettingsChange& change) {
    if (std::ranges::find(kNeedRestart, spec.name) != kNeedRestart.end() || spec.group == "Chain" ||
        spec.group == "Console")
        return change.after_restart;
    const bool shapes_engine = spec.group == "Model" || spec.group == "Memory" || spec.group == "Computing";
    return shapes_engine ? change.with_the_model : change.at_once;
}

}  // namespace

SettingsChange compare(const Settings& before, const Settings& after) {
    SettingsChange change;
    for (const SettingSpec& spec : setting_specs()) {
        if (value_text(before, spec) != value_text(after, spec))
            place_of(spec, change).emplace_back(spec.name);
    }
    return change;
}

api::Json Reload::apply() {
    const std::lock_guard lock(mutex_);
    if (!read_) throw Error(ErrorCode::request_invalid, "This node cannot read its settings again.");
    const Settings next = read_();
    const SettingsChange change = compare(current_, next);
    const api::Json report{{"changed", change.at_once},
                           {"model", change.with_the_model},
                           {"after_restart", change.after_restart}};
    // All that can be wrong is found before anything changes. Files may have changed where their names did
    // not, so these are always read again.
    auto config = http::Server::prepare(server_options(next), api_keys(next));
    if (change.with_the_model.empty()) {
        put_in_place(next, std::move(config));
        if (const auto service = state_.find_service(); service != nullptr)
            state_.set_ready(service->with_options(service_options(next)));
    } else {
        swap_.start(current_, next, true, [this, next, config = std::move(config)] {
            const std::lock_guard swap_lock(mutex_);
            put_in_place(next, config);
        });
    }
    http::log_fields("settings read again", report);
    return report;
}

api::Json Reload::serve_model(const std::string& path) {
    const std::lock_guard lock(mutex_);
    Settings next = current_;
    next.model_path = path;
    next.synthetic = next.model_name = "";  // of the model before
    swap_.start(current_, next, true, [this, next] {
        const std::lock_guard swap_lock(mutex_);
        current_ = next;
    });
    return {{"model", path}};
}

void Reload::put_in_place(const Settings& next, std::shared_ptr<const http::ServerConfig> config) {
    server_.apply(std::move(config));
    spdlog::set_level(spdlog::level::from_str(next.log_level));
    state_.set_step_limit(std::chrono::seconds(next.step_limit_s));
    current_ = next;
}

Settings Reload::current() const {
    const std::lock_guard lock(mutex_);
    return current_;
}

api::Json Reload::status() const {
    return {{"model", swap_.status()}};
}

}  // namespace gptoss::node
