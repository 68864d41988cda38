#include "http/authenticate.h"

#include "http/replies.h"

namespace gptoss::http {

std::string_view key_of(const Headers& headers) {
    constexpr std::string_view kBearer = "Bearer ";
    const std::string_view authorization = headers.value("Authorization");
    if (equal_without_case(authorization.substr(0, kBearer.size()), kBearer))
        return authorization.substr(kBearer.size());
    return headers.value("X-Api-Key");
}

std::optional<Identity> authenticate(const ApiKeys& keys, const HttpRequest& request,
                                     const std::string& peer_address) {
    if (!keys.required()) return Identity{peer_address, std::nullopt};
    const ApiKeys::Key* key = keys.find(key_of(request.headers));
    if (key == nullptr) return std::nullopt;
    return Identity{key->name, key->limit};
}

api::HttpResponse wrong_key_reply() {
    return error_reply(Error(ErrorCode::unauthorized, "The API key is missing or wrong."));
}

}  // namespace gptoss::http
