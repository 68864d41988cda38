// The turns of one connection: what was said there can be gone on from without being stored or sent again.
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <string>
#include <utility>

#include "api/json_reader.h"

namespace gptoss::api {

// One thread at a time.
class TurnMemory : public std::enable_shared_from_this<TurnMemory> {
  public:
    static constexpr std::size_t kTurnsKept = 4;  // an agent goes on from the last one

    // The items up to and with that response; null = not one of the last turns here.
    const Json* find(const std::string& id) const {
        for (const auto& [known, items] : turns_) {
            if (known == id) return &items;
        }
        return nullptr;
    }

    void remember(const std::string& id, Json items, const Json& response) {
        for (const Json& item : response.value("output", Json::array())) items.push_back(item);
        turns_.emplace_front(id, std::move(items));
        if (turns_.size() > kTurnsKept) turns_.pop_back();
    }

  private:
    std::deque<std::pair<std::string, Json>> turns_;
};

}  // namespace gptoss::api
