// New settings for a running node: what can change without a restart does; the rest is logged.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "http/server.h"
#include "node/application/node_state.h"
#include "node/model_swap.h"
#include "node/settings.h"

namespace gptoss::node {

// Names of the settings that differ, by what it takes to make them effective.
struct SettingsChange {
    std::vector<std::string> at_once;         // the server's, the answers'
    std::vector<std::string> with_the_model;  // it is loaded again
    std::vector<std::string> after_restart;
};
SettingsChange compare(const Settings& before, const Settings& after);

class Reload {
  public:
    using ReadSettings = std::function<Settings()>;

    // All must outlive it. `read` gives the settings as they are now; empty = nothing can be reloaded.
    Reload(Settings current, ReadSettings read, http::Server& server, NodeState& state, ModelSwap& swap)
        : current_(std::move(current)), read_(std::move(read)), server_(server), state_(state), swap_(swap) {}

    // Settings, API keys and certificate are read again, all or nothing. What the model needs waits for the
    // model, and everything else with it; when it cannot be loaded, nothing changes. Tells what will have
    // changed: {"changed", "model", "after_restart"}. Throws Error for settings, keys or certificates that are
    // wrong, and while a model is being loaded; then nothing changes. Any thread.
    api::Json apply();

    // Another model with the settings of now, until the next start or reload. Throws as apply() does.
    api::Json serve_model(const std::string& path);

    Settings current() const;
    api::Json status() const;

  private:
    void put_in_place(const Settings& next, std::shared_ptr<const http::ServerConfig> config);

    mutable std::mutex mutex_;
    Settings current_;
    ReadSettings read_;
    http::Server& server_;
    NodeState& state_;
    ModelSwap& swap_;
};

}  // namespace gptoss::node
