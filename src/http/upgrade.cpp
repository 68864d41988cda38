#include "http/upgrade.h"

namespace gptoss::http {

bool asks_for_websocket(const HttpRequest& request) {
    return request.minor_version >= 1 && request.headers.lists("Connection", "upgrade") &&
           request.headers.lists("Upgrade", "websocket");
}

}  // namespace gptoss::http
