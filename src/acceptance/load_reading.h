// How busy a node is: a reading of its /v1/status and /metrics, and the rates between two readings.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "acceptance/client.h"

namespace gptoss::acceptance {

// A line of Prometheus' text format each: `name` or `name{label="value"}`, as it is spelled there. What is no
// such line is skipped.
using Series = std::map<std::string, double>;
Series read_metrics(std::string_view text);

struct LoadReading {
    Clock::time_point taken;
    std::string problem;  // why there is no reading: network, key, no such node; empty = there is one
    Json status;          // of /v1/status
    Series series;        // of /metrics
};

// Never throws for what the network or the node does: `problem` says what went wrong.
LoadReading read_load(const Client& client);

// Times of what happened between two readings.
struct Latency {
    double mean_ms = 0;
    double p95_ms = 0;  // within the bucket it falls into, as if times were spread evenly there
};

// What was not seen, because nothing of the kind happened, is absent.
struct Load {
    double replies_per_second = 0;           // of endpoints that generate; 0 without an earlier reading
    double refused_per_second = 0;           // of those: 429 and 503
    std::optional<double> prefix_hit_share;  // of prompt tokens
    std::optional<Latency> first_token, next_token;
    double seconds = 0;        // between the readings; 0 when since_start
    bool since_start = false;  // there was no earlier reading to compare with, or the node began anew since
};

// `before` may be null.
Load compare(const LoadReading* before, const LoadReading& now);

}  // namespace gptoss::acceptance
