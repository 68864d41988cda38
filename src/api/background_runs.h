// Generations that go on without their client: their events are kept, any number of connections may follow
// them, from the beginning or from where one broke off.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/response_stream.h"

namespace gptoss::api {

class BackgroundRun;

// Thread-safe.
class BackgroundRuns {
  public:
    // Called when a run is over, with all of its events; on the runs' own thread.
    using Finished = std::function<void(const std::string& id, const Events& events)>;

    BackgroundRuns(std::size_t most_runs, Finished finished);
    ~BackgroundRuns();  // stop()

    // Cancels what runs and begins nothing more. The generations hold what they use: a node that ends must
    // say so.
    void stop();

    // `begin` starts the generation, a streaming one, for the caller it is given. Throws what it throws, and
    // Error(queue_full) when too many run.
    void start(const std::string& owner, const std::string& id,
               const std::function<std::unique_ptr<ResponseStream>(const Caller& caller)>& begin);

    // Where a run stands.
    struct Standing {
        std::string id, owner;
        std::chrono::steady_clock::time_point began;
        std::int32_t prompt_read = kWaitsForItsTurn;
        ResponseStream::TokenUsage spent;
    };
    std::vector<Standing> all() const;
    std::optional<Standing> find(const std::string& owner, const std::string& id) const;

    // The events behind the one numbered `after` (-1 = all), those that come too. Null when it does not run.
    std::unique_ptr<ResponseStream> follow(const std::string& owner, const std::string& id,
                                           std::int64_t after, std::function<void()> wake);

    // Asks for an early end. False when it does not run.
    bool cancel(const std::string& owner, const std::string& id);
    bool cancel(const std::string& id);  // whosever it is: for operators

  private:
    struct State;
    std::unique_ptr<State> state_;
};

// A stream of events that are all there already, from the one behind number `after`.
std::unique_ptr<ResponseStream> replay_events(const std::vector<std::string>& events, std::int64_t after);

}  // namespace gptoss::api
