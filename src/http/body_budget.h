// How many bytes of request bodies a server holds at once, over all connections, and how many of one client.
// Bytes count when they have come, not when they are promised. Thread-safe.
#pragma once

#include <cstddef>
#include <map>
#include <mutex>
#include <string>

namespace gptoss::http {

class BodyBudget {
  public:
    BodyBudget(std::size_t total_bytes, std::size_t client_bytes)
        : total_bytes_(total_bytes), client_bytes_(client_bytes) {}

    // What one body takes, given back when it goes. Move-only. Must not outlive the budget.
    class Share {
      public:
        Share() = default;
        Share(BodyBudget& budget, std::string client) : budget_(&budget), client_(std::move(client)) {}
        Share(Share&& other) noexcept { swap(other); }
        Share& operator=(Share&& other) noexcept {
            swap(other);
            return *this;
        }
        ~Share() {
            if (budget_ != nullptr) budget_->give_back(client_, bytes_);
        }
        // False when there is no room for that many more bytes; then nothing is taken.
        bool grow(std::size_t bytes);

      private:
        void swap(Share& other) noexcept {
            std::swap(budget_, other.budget_);
            std::swap(client_, other.client_);
            std::swap(bytes_, other.bytes_);
        }
        BodyBudget* budget_ = nullptr;
        std::string client_;
        std::size_t bytes_ = 0;
    };

    std::size_t held_bytes() const {
        const std::lock_guard lock(mutex_);
        return held_bytes_;
    }

  private:
    bool take(const std::string& client, std::size_t bytes);
    void give_back(const std::string& client, std::size_t bytes);

    const std::size_t total_bytes_, client_bytes_;
    mutable std::mutex mutex_;
    std::size_t held_bytes_ = 0;
    std::map<std::string, std::size_t> by_client_;  // only those that hold something
};

}  // namespace gptoss::http
