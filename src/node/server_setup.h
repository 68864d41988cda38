// What the settings mean to the server and the API.
#pragma once

#include "api/service.h"
#include "http/server.h"
#include "node/application/console_parts.h"
#include "node/settings.h"

namespace gptoss::node {

http::ServerOptions server_options(const Settings& settings);

// The operators' server: 127.0.0.1, without TLS and limits.
http::ServerOptions admin_options(const Settings& settings);

// None when no file is named. Throws what ApiKeys::from_file throws.
http::ApiKeys api_keys(const Settings& settings);

// Without an agent state: that is opened once.
api::ServiceOptions service_options(const Settings& settings);

// HF_ENDPOINT and HF_TOKEN of the environment count, as for `download`. `serve`: puts a downloaded model in place.
ConsoleOptions console_options(const Settings& settings,
                               std::function<api::Json(const std::string& path)> serve);

// What outlives the models that are exchanged: stored responses, and the keys of what clients keep for us.
struct AgentState {
    std::shared_ptr<const api::SealedText> seal;
    std::shared_ptr<api::StoredResponses> stored;  // null: nothing is stored
};

// Throws Error(file_unreadable), Error(setting_invalid) for files that cannot be used.
AgentState open_agent_state(const Settings& settings);

}  // namespace gptoss::node
