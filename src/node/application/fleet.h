// The other nodes of a fleet, for the console's machine page: a page may ask its own node alone, so the node asks the
// others for their GET /v1/status while somebody looks. Thread-safe.
#pragma once

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <map>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>

#include "http/router.h"

namespace gptoss::node {

class Fleet {
  public:
    // `file` as named_addresses.h has it, each URL a node's origin; empty = no fleet. Read whenever the nodes are asked.
    // Throws what reading it throws.
    explicit Fleet(std::filesystem::path file);

    //   GET /v1/fleet   {"nodes": [{"name", "status" or "problem"; neither: not asked yet}]}
    void add_routes(http::Router& router);

  private:
    void watch(const std::stop_token& stop);
    api::Json look();

    const std::filesystem::path file_;
    std::mutex mutex_;
    std::condition_variable_any wanted_;
    std::chrono::steady_clock::time_point last_asked_for_;
    std::map<std::string, api::Json> found_;  // by name
    std::jthread thread_;                     // last: it uses the others
};

}  // namespace gptoss::node
