// Who counts the replies: the node's metrics.
#pragma once

#include <string>

namespace gptoss::http {

class ReplyMeter {
  public:
    virtual ~ReplyMeter() = default;
    // Any thread. `route` is a route's pattern, never a client's spelling: a label takes memory for ever.
    virtual void on_reply(const std::string& route, int status) = 0;
};

}  // namespace gptoss::http
