// What the settings mean to the server and the API.
#pragma once

#include "api/service.h"
#include "http/server.h"
#include "node/settings.h"

namespace gptoss::node {

http::ServerOptions server_options(const Settings& settings);

// The operators' server: 127.0.0.1, without TLS and limits.
http::ServerOptions admin_options(const Settings& settings);

// None when no file is named. Throws what ApiKeys::from_file throws.
http::ApiKeys api_keys(const Settings& settings);

api::ServiceOptions service_options(const Settings& settings);

}  // namespace gptoss::node
