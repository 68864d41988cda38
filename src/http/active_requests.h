// The requests being answered now, for whoever looks after the node. Thread-safe.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_set>
#include <vector>

#include "api/response_stream.h"

namespace gptoss::http {

struct ActiveRequest {
    std::string id;      // X-Request-Id
    std::string client;  // key's name or address
    std::string method, path;
    std::chrono::steady_clock::time_point began = std::chrono::steady_clock::now();
    std::function<void()> wake;  // so that its session looks at `cancelled`
    std::atomic<std::int64_t> prompt_tokens = 0, cached_tokens = 0, completion_tokens = 0;
    api::PromptRead prompt_read = api::kWaitsForItsTurn;
    std::atomic<bool> cancelled = false;

    std::int64_t age_ms() const {
        return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - began)
            .count();
    }
};

class ActiveRequests {
  public:
    void add(std::shared_ptr<ActiveRequest> request) {
        const std::lock_guard lock(mutex_);
        requests_.insert(std::move(request));
    }
    void remove(const std::shared_ptr<ActiveRequest>& request) {
        const std::lock_guard lock(mutex_);
        requests_.erase(request);
    }
    std::vector<std::shared_ptr<ActiveRequest>> all() const {
        const std::lock_guard lock(mutex_);
        return {requests_.begin(), requests_.end()};
    }
    // How many had that id: clients may use one twice.
    int cancel(const std::string& id) {
        int found = 0;
        for (const auto& request : all()) {
            if (request->id != id) continue;
            request->cancelled = true;
            request->wake();
            ++found;
        }
        return found;
    }

  private:
    mutable std::mutex mutex_;
    std::unordered_set<std::shared_ptr<ActiveRequest>> requests_;
};

// In the list of those that operators see, for as long as it lives.
class ListedRequest {
  public:
    ListedRequest(ActiveRequests& list, std::shared_ptr<ActiveRequest> record)
        : list_(list), record_(std::move(record)) {
        list_.add(record_);
    }
    ~ListedRequest() { list_.remove(record_); }
    ListedRequest(const ListedRequest&) = delete;
    ListedRequest& operator=(const ListedRequest&) = delete;

  private:
    ActiveRequests& list_;
    std::shared_ptr<ActiveRequest> record_;
};

}  // namespace gptoss::http
