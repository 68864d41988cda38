#include "acceptance/event_stream.h"

namespace gptoss::acceptance {

// Lines end with LF or CRLF, an event with an empty line; comments (":") and other fields matter to nobody
// here.
void EventReader::push(std::string_view bytes, Clock::time_point arrived, std::vector<Event>& events) {
    for (const char byte : bytes) {
        if (byte != '\n') {
            line_ += byte;
            continue;
        }
        if (!line_.empty() && line_.back() == '\r') line_.pop_back();
        if (line_.empty()) {
            if (has_data_) events.push_back({std::move(data_), arrived});
            data_.clear();
            has_data_ = false;
        } else if (line_.starts_with("data:")) {
            if (has_data_) data_ += '\n';
            has_data_ = true;
            data_ += line_.substr(line_.starts_with("data: ") ? 6 : 5);
        }
        line_.clear();
    }
}

}  // namespace gptoss::acceptance
