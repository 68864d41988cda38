#include "base/bounded_json.h"

#include "base/limits.h"

namespace gptoss {

nlohmann::json parse_bounded_json(std::string_view text) {
    using Json = nlohmann::json;
    using Event = Json::parse_event_t;
    struct TooMuch {};
    std::size_t values = 0;
    const auto count = [&](int depth, Event event, Json&) {
        const bool opens = event == Event::array_start || event == Event::object_start;
        if (opens && static_cast<std::size_t>(depth) >= limits::kJsonDepth) throw TooMuch();
        if ((opens || event == Event::value) && ++values > limits::kJsonValues) throw TooMuch();
        return true;
    };
    try {
        return Json::parse(text, count, false);
    } catch (const TooMuch&) {
        return Json::value_t::discarded;
    }
}

}  // namespace gptoss
