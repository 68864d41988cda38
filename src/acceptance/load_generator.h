// Asks a server for many streams at a time, from one thread, and keeps when each token came.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "acceptance/answer.h"
#include "acceptance/load_trace.h"

namespace gptoss::acceptance {

struct LoadOptions {
    std::string url;       // of the server, without /v1
    std::string api_key;   // empty = none is sent
    std::string model;     // empty = none is named
    Json more;             // members added to every request
    double drain_s = 600;  // streams still open so long after the last request are left
};

struct LoadReply {
    double asked_s = 0;            // after the start
    std::vector<double> events_s;  // when each event with a piece of text came
    double end_s = 0;              // when the stream was complete
    std::int64_t prompt_tokens = 0, cached_tokens = 0, completion_tokens = 0;  // as the server counts
    int status = 0;
    std::string problem;  // empty = complete

    double first_token_s() const { return events_s.front() - asked_s; }
};

struct LoadProgress {
    double elapsed_s = 0;
    std::size_t running = 0, complete = 0, failed = 0, events = 0;  // events since the last report
};

// Sends the requests of `first`, each at its time, and after each reply the one that `next` returns (nothing: none), until all
// are complete. Reports about once a second. Throws Error(network_failed) when libcurl cannot start.
std::vector<LoadReply> run_load(
    const LoadOptions& options, std::vector<LoadRequest> first,
    const std::function<std::optional<LoadRequest>(const LoadReply& reply, double now_s)>& next,
    const std::function<void(const LoadProgress&)>& report);

}  // namespace gptoss::acceptance
