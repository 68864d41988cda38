// The turns of one connection: what was said there can be gone on from without being stored or sent again.
#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "api/json_reader.h"
#include "base/limits.h"

namespace gptoss::api {

// How many bytes the turns of all connections hold. Thread-safe.
class TurnBudget {
  public:
    bool take(const std::string& owner, std::size_t bytes);
    void give_back(const std::string& owner, std::size_t bytes);

  private:
    std::mutex mutex_;
    std::size_t held_bytes_ = 0;
    std::map<std::string, std::size_t> by_owner_;  // only those that hold something
};

// One thread at a time.
class TurnMemory : public std::enable_shared_from_this<TurnMemory> {
  public:
    static constexpr std::size_t kTurnsKept = 4;  // an agent goes on from the last one

    TurnMemory(std::shared_ptr<TurnBudget> budget, std::string owner)
        : budget_(std::move(budget)), owner_(std::move(owner)) {}
    ~TurnMemory();
    TurnMemory(const TurnMemory&) = delete;
    TurnMemory& operator=(const TurnMemory&) = delete;

    // The items up to and with that response; null = not one of the last turns here.
    const Json* find(const std::string& id) const;

    // Not kept, and older turns neither, where there is no room: the client then sends its history again.
    void remember(const std::string& id, Json items, const Json& response);

    // What a failed request went on from: its client cannot know what became of it.
    void forget(const std::string& id);

  private:
    struct Turn {
        std::string id;
        Json items;
        std::size_t size_bytes = 0;
    };
    void drop_oldest();

    std::shared_ptr<TurnBudget> budget_;
    std::string owner_;
    std::deque<Turn> turns_;  // newest first
    std::size_t held_bytes_ = 0;
};

}  // namespace gptoss::api
