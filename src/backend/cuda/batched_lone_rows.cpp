// The batched forward pass's part for rows that are alone in their segments.
#include <algorithm>

#include "backend/cuda/batched_forward.h"

namespace gptoss::backend::cuda {

// Blocks of keys whose scores have room: the experts' outputs have been added to the residual when attention begins.
std::int64_t BatchedForward::lone_blocks_at_once() const {
    const model::Hyperparameters& shape = model_.weights.shape;
    const std::int64_t bytes =
        std::int64_t{max_rows_} * kExpertsPerToken * shape.hidden * std::int64_t{sizeof(__half)};
    return bytes / (kLoneChainFloats * std::int64_t{sizeof(float)} * shape.kv_heads);
}

// Sorts them: rows with many keys do not make room for those with few.
void BatchedForward::group_lone_rows(const RowInput* inputs, std::span<std::int32_t> lone_rows,
                                     Run* run) const {
    std::ranges::sort(lone_rows, [&](std::int32_t a, std::int32_t b) {
        return std::pair(-inputs[a].position, a) < std::pair(-inputs[b].position, b);
    });
    const std::int64_t room = lone_blocks_at_once();
    for (std::int32_t first = 0; first < run->lone_rows;) {
        const std::int32_t blocks = key_blocks(inputs[lone_rows[static_cast<std::size_t>(first)]].position);
        const auto count =
            static_cast<std::int32_t>(std::min<std::int64_t>(room / blocks, run->lone_rows - first));
        run->lone_groups.push_back({first, count, blocks});
        first += count;
    }
}

// The keys of both kinds of layers dealt out to warps. `work`: pinned, laid out as the device's.
void BatchedForward::deal_out_lone_rows(const RowInput* inputs, std::span<const std::int32_t> lone_rows,
                                        LoneRowShare* work, Run* run, cudaStream_t stream) const {
    if (lone_rows.empty()) return;
    const model::Hyperparameters& shape = model_.weights.shape;
    const std::int32_t workers = count_lone_workers(device_);
    const auto room = static_cast<std::size_t>(workers);
    const std::span list{reinterpret_cast<LoneRow*>(work + 2 * workers), lone_rows.size()};
    std::ranges::transform(lone_rows, list.begin(), [&](std::int32_t row) {
        return LoneRow{row, inputs[row].slot, inputs[row].position};
    });
    run->full.shares = share_lone_rows(list, 0, shape.kv_heads, {work, room});
    run->sliding.shares = share_lone_rows(list, shape.sliding_window, shape.kv_heads, {work + workers, room});
    run->full.work = buffers_.lone_work;
    run->sliding.work = buffers_.lone_work + workers;
    for (ManyLoneRows* kind : {&run->full, &run->sliding}) {
        kind->rows = reinterpret_cast<const LoneRow*>(buffers_.lone_work + 2 * workers);
        kind->count = run->lone_rows;
        kind->partials = buffers_.lone_row_partials;
        kind->semaphores = buffers_.lone_row_semaphores;
    }
    cuda_check(cudaMemcpyAsync(buffers_.lone_work, work, 2 * room * sizeof(LoneRowShare) + list.size_bytes(),
                               cudaMemcpyHostToDevice, stream));
}

void BatchedForward::attend_to_lone_rows(const Run& run, std::int32_t layer,
                                         const PrefillAttention& attention, cudaStream_t stream) {
    const bool slides = model_.weights.shape.slides(layer);
    if (run.plan.shares_lone_rows) {
        launch_many_lone_rows_attention(attention, slides ? run.sliding : run.full, device_, stream);
        return;
    }
    if (!run.plan.lone_rows_in_order) {
        // A window is one part.
        launch_lone_row_attention(attention,
                                  {buffers_.inputs, buffers_.lone_rows, run.lone_rows,
                                   buffers_.lone_row_partials, buffers_.lone_row_semaphores},
                                  {slides ? 1 : run.plan.lone_row_kv_splits, false}, stream);
        return;
    }
    // A window of n keys lies in at most so many blocks.
    const std::int32_t window_blocks = (attention.window + 2 * model::kBlockTokens - 2) / model::kBlockTokens;
    for (const LoneGroup& group : run.lone_groups)
        launch_lone_row_chain_attention(
            attention,
            {buffers_.inputs, buffers_.lone_rows + group.first, group.count,
             slides ? std::min(group.most_blocks, window_blocks) : group.most_blocks,
             reinterpret_cast<float*>(buffers_.expert_outputs), device_.shared_bytes_per_block},
            stream);
}

}  // namespace gptoss::backend::cuda
