// Who asks: the place where a request is refused for its key.
#pragma once

#include <optional>
#include <string>

#include "api/response_stream.h"
#include "http/api_keys.h"
#include "http/http_request.h"

namespace gptoss::http {

struct Identity {
    std::string name;                  // the key's, or the peer's address where no keys are set
    std::optional<ClientLimit> limit;  // the key's own
};

// The key of "Authorization: Bearer KEY", or of "X-Api-Key: KEY" as Anthropic's clients send it; empty when
// there is neither.
std::string_view key_of(const Headers& headers);

// Nothing when the key is missing or wrong; without keys everyone is known by address.
std::optional<Identity> authenticate(const ApiKeys& keys, const HttpRequest& request,
                                     const std::string& peer_address);

api::HttpResponse wrong_key_reply();  // 401

}  // namespace gptoss::http
