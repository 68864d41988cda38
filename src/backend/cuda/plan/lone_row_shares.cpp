#include "backend/cuda/plan/lone_row_shares.h"

#include <algorithm>

#include "backend/cuda/plan/execution_plan.h"

namespace gptoss::backend::cuda {

std::int32_t count_lone_workers_an_sm(const DeviceTraits& device) {
    return std::min(device.shared_bytes_per_block / kLoneRingBytes, kMostLoneWorkersAnSm);
}

std::int32_t count_lone_workers(const DeviceTraits& device) {
    return std::min(device.sm_count * count_lone_workers_an_sm(device), kMostLoneWorkers);
}

LoneRowShares share_lone_rows(std::span<const LoneRow> rows, std::int32_t window, std::int32_t kv_heads,
                              std::span<LoneRowShare> filled) {
    const bool divides = window == 0;
    // What is dealt out: groups, or all that a key head has for a row.
    const auto pieces_of = [&](const LoneRow& row) {
        return std::int64_t{kv_heads} * (divides ? count_lone_groups(row.position, window) : 1);
    };
    LoneRowShares shares;
    for (const LoneRow& row : rows) shares.pieces += pieces_of(row);
    if (shares.pieces == 0) return shares;
    shares.workers = static_cast<std::int32_t>(
        std::clamp<std::int64_t>(shares.pieces / (divides ? kLeastGroupsOfShare : 1), 1, std::ssize(filled)));
    std::int32_t worker = 0, lone = 0;
    std::int64_t before = 0;  // pieces of the rows before
    for (const LoneRow& row : rows) {
        const std::int32_t groups_of_piece = divides ? 1 : count_lone_groups(row.position, window);
        const std::int64_t end = before + pieces_of(row);
        for (; worker < shares.workers && shares.begin(worker) < end; ++worker)
            filled[static_cast<std::size_t>(worker)] = {
                lone, static_cast<std::int32_t>(shares.begin(worker) - before) * groups_of_piece, 0, row};
        // Of this row, the shares' pieces from the last worker that began before it on.
        for (std::int32_t each = shares.worker_of(before); each < worker; ++each)
            filled[static_cast<std::size_t>(each)].groups +=
                static_cast<std::int32_t>(std::min(shares.begin(each + 1), end) -
                                          std::max(shares.begin(each), before)) *
                groups_of_piece;
        before = end;
        ++lone;
    }
    return shares;
}

}  // namespace gptoss::backend::cuda
