// Server-sent events as they come in: what each said and when its last byte arrived.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace gptoss::acceptance {

using Clock = std::chrono::steady_clock;

struct Event {
    std::string data;  // the lines of `data:`, joined by line ends
    Clock::time_point arrived;
};

class EventReader {
  public:
    // Takes any piece of the stream; appends the events that it completed to `events`.
    void push(std::string_view bytes, Clock::time_point arrived, std::vector<Event>& events);

  private:
    std::string line_, data_;
    bool has_data_ = false;
};

}  // namespace gptoss::acceptance
