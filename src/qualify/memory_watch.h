// Does a node's memory grow under load? What its cache takes is no growth: it is claimed at start, and becomes resident
// on a CPU block by block, as tokens first fill it.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace gptoss::qualify {

class MemoryWatch {
  public:
    // `cache_on_gpu`: all of the cache, or what is not in the status's host_bytes.
    explicit MemoryWatch(bool cache_on_gpu) : cache_on_gpu_(cache_on_gpu) {}

    // `status`: the reply of GET /v1/status; anything else leaves what is known of the cache as it was.
    void look(std::int64_t resident_bytes, const nlohmann::json& status);

    // Since the first quarter of the looks, by more than noise.
    bool grew() const;
    std::string text() const;

  private:
    std::int64_t settled_bytes() const;

    bool cache_on_gpu_;
    std::int64_t filled_bytes_ = 0;    // of the cache, the most so far
    std::int64_t windows_bytes_ = 0;   // of sliding layers: filled early, and nobody counts how far
    std::vector<std::int64_t> bytes_;  // resident, without the filled cache
};

}  // namespace gptoss::qualify
