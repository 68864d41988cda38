// What the node did in the last day, kept by the node itself: one sample every ten seconds in a ring of fixed size, and
// the replies that were not what the client asked for, by minute, for an hour. Thread-safe.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "http/meter.h"
#include "http/router.h"
#include "node/application/node_state.h"

namespace gptoss::node {

inline constexpr std::int64_t kHistoryInterval_s = 10;
inline constexpr std::int64_t kHistoryKept_s = 24 * 3600;
inline constexpr std::int64_t kErrorsKept_s = 3600;

struct HistorySample {
    std::int64_t time_s = 0;  // since 1970, of its end
    double prompt = 0, cached = 0,
           generation = 0;            // tokens a second over the interval; prompt: those computed
    double running = 0, waiting = 0;  // sequences, at its end
    std::optional<double> busy, temperature, power;  // of the card: %, °C, W
};

// Counts replies on their way to `next`, and looks at the engine in look().
class DayHistory final : public http::ReplyMeter {
  public:
    explicit DayHistory(http::ReplyMeter& next) : next_(next) {}

    void on_reply(const std::string& route, int status) override;

    // Takes a sample when one is due. Called about once a second.
    void look(const NodeState& state, std::int64_t now_s);
    void add(const HistorySample& sample);
    void add_error(const std::string& route, int status, std::int64_t now_s);

    // The last `span_s` seconds as columns of at most `points` means, oldest first:
    // {"interval_s", "time": […], "prompt": […], …, "errors": [{"route", "status", "count", "last_s"}]}
    api::Json to_json(std::int64_t span_s, std::int64_t points, std::int64_t now_s) const;

  private:
    struct Counters {
        std::int64_t time_s = 0, prompt = 0, cached = 0, generated = 0;
    };
    struct Errors {
        std::int64_t count = 0, last_s = 0;
    };
    using ErrorsOfMinute = std::map<std::pair<std::string, int>, Errors>;

    http::ReplyMeter& next_;
    mutable std::mutex mutex_;
    std::deque<HistorySample> samples_;
    std::optional<Counters> last_;
    std::map<std::int64_t, ErrorsOfMinute> errors_;  // by minute; routes are patterns, so this stays small
};

//   GET /v1/history?seconds=3600&points=360
void add_history_routes(http::Router& router, const DayHistory& history);

}  // namespace gptoss::node
