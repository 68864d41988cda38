// How the keys of rows that are alone in their segments are dealt out to warps (attention_many_lone_rows.cuh).
#pragma once

#include <cstdint>
#include <span>

namespace gptoss::backend::cuda {

struct DeviceTraits;

inline constexpr std::int32_t kLoneGroupKeys = 32;       // keys a warp takes at a time: a group
inline constexpr std::int32_t kLeastGroupsOfShare = 4;   // fewer cost more to add up than to read
inline constexpr std::int32_t kMostLoneWorkersAnSm = 8;  // warps
inline constexpr std::int32_t kMostLoneWorkers = 1536;   // of any card
// Of a worker. Together more than half of an SM's shared memory: a block on every SM, never two on one and none on
// another.
inline constexpr std::int32_t kLoneRingBytes = 16 * 1024;

// As the kernel reads it, at once.
struct alignas(16) LoneRow {
    std::int32_t row = 0;  // of the batch
    std::int32_t slot = 0;
    std::int32_t position = 0;
};

// A worker's, a warp's, part of the list of all work: of each lone row in order, of each key head in order, the groups
// of keys that the row sees.
struct alignas(16) LoneRowShare {
    std::int32_t lone = 0;    // the first row's place among the lone rows
    std::int32_t group = 0;   // the first group's among this row's, all key heads counted
    std::int32_t groups = 0;  // in the share
    LoneRow row;              // the first
};

// Equal parts of the list, in pieces: groups of keys, or where rows and heads are not divided, all of a row and head.
struct LoneRowShares {
    std::int32_t workers = 0;
    std::int64_t pieces = 0;  // of the list; at least `workers`

    // A worker's first piece; of `workers`, the list's end.
    constexpr std::int64_t begin(std::int32_t worker) const { return pieces * worker / workers; }
    // Whose share has a piece.
    constexpr std::int32_t worker_of(std::int64_t piece) const {
        return static_cast<std::int32_t>(((piece + 1) * workers - 1) / pieces);
    }
};

// The first key that a row at `position` sees, and how many groups have one. `window` 0 = all keys.
constexpr std::int32_t first_lone_key(std::int32_t position, std::int32_t window) {
    return window > 0 && position >= window ? position - window + 1 : 0;
}
constexpr std::int32_t count_lone_groups(std::int32_t position, std::int32_t window) {
    return position / kLoneGroupKeys + 1 - first_lone_key(position, window) / kLoneGroupKeys;
}

// How many warps take part: on an SM, where a card of 99 KB has room for six, and in all.
std::int32_t count_lone_workers_an_sm(const DeviceTraits& device);
std::int32_t count_lone_workers(const DeviceTraits& device);

// Fills `filled`, one for each of at most as many workers. A window is never divided: adding its parts up would cost
// as much as reading it.
LoneRowShares share_lone_rows(std::span<const LoneRow> rows, std::int32_t window, std::int32_t kv_heads,
                              std::span<LoneRowShare> filled);

}  // namespace gptoss::backend::cuda
