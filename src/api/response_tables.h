// The tables behind ResponseStore. A response or a conversation is a holder: its items are rows of their own, and
// its `size` is what it takes with them. `owners` holds the sum of each owner's sizes, kept by triggers.
#pragma once

#include <cstdint>
#include <string>

#include "api/database.h"
#include "base/limits.h"

namespace gptoss::api {

struct StoreLimits {
    std::int64_t size_bytes = std::int64_t{1}
                              << 30;      // of what is stored; then who holds most loses the oldest
    std::int64_t age_s = 30 * 24 * 3600;  // OpenAI's own
    std::int64_t history_bytes = limits::kHistoryBytes;  // of turns that a request goes on from
};

// Makes what is missing.
void make_response_tables(const Database& database);

std::int64_t stored_bytes(const Database& database);

// `table`: responses or conversations.
void remove_holder(const Database& database, const char* table, const std::string& id);

// What is too old goes, and then as much as does not fit. What still runs stays.
void prune(const Database& database, const StoreLimits& kept);

}  // namespace gptoss::api
