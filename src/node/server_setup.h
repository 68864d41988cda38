// What the settings mean to the server and the API.
#pragma once

#include "api/service.h"
#include "node/settings.h"
#include "server/server.h"

namespace gptoss::node {

server::ServerOptions server_options(const Settings& settings);

// The operators' server: 127.0.0.1, without TLS and limits.
server::ServerOptions admin_options(const Settings& settings);

// None when no file is named. Throws what ApiKeys::from_file throws.
server::ApiKeys api_keys(const Settings& settings);

api::ServiceOptions service_options(const Settings& settings);

}  // namespace gptoss::node
