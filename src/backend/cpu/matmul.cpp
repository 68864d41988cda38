#include "backend/cpu/matmul.h"

namespace gptoss::backend::cpu {
namespace {

constexpr std::int32_t kPairRows = 2 * kPanelRows;

// Rows of activations that stay in the second-level cache (6.5 KB each at 2880 columns) while panels pass by.
constexpr std::int64_t kRowsAtOnce = 64;

// Enough ranges for threads to even out, few enough that each streams a long stretch of memory.
std::int64_t grain(std::int64_t units, const ThreadPool& pool) {
    return std::max<std::int64_t>(1, units / (std::int64_t{pool.size()} * 8));
}

// Calls done(row, values[32]) for rows of one pair of panels.
template <typename Done>
void for_tiles(PanelDot dot, const std::byte* first, const std::byte* second, std::int32_t blocks,
               std::span<const ActivationRow> rows, Done&& done) {
    alignas(64) float out[kTileRows * kPairRows];
    for (std::size_t row = 0; row < rows.size(); row += kTileRows) {
        const std::size_t count = std::min<std::size_t>(kTileRows, rows.size() - row);
        dot(first, second, blocks, &rows[row], static_cast<std::int32_t>(count), out);
        for (std::size_t i = 0; i < count; ++i) done(row + i, out + i * kPairRows);
    }
}

void project_pair(const Kernels& kernels, const Projection& projection, std::int32_t pair,
                  std::span<const ActivationRow> rows, std::int64_t first_row) {
    const PackedMatrix& matrix = *projection.matrix;
    const std::int32_t last_panel = matrix.group_panels() - 1;
    const std::int32_t first = pair * kPairRows;
    const std::int32_t count = std::min(kPairRows, matrix.group_rows - first);
    for_tiles(kernel_for(kernels, matrix.format), matrix.panel(0, 2 * pair),
              matrix.panel(0, std::min(2 * pair + 1, last_panel)), matrix.blocks(), rows,
              [&](std::size_t row, const float* values) {
                  float* out = projection.out +
                               (first_row + static_cast<std::int64_t>(row)) * projection.out_stride + first;
                  const float* bias = projection.bias == nullptr ? nullptr : projection.bias + first;
                  for (std::int32_t i = 0; i < count; ++i) {
                      const float value = values[i] + (bias == nullptr ? 0.0F : bias[i]);
                      out[i] = projection.accumulate ? out[i] + value : value;
                  }
              });
}

// gate and up of 32 columns of one expert, through SwiGLU, quantised for `down`.
void activate_columns(const Kernels& kernels, const PackedExperts& experts, std::int32_t expert,
                      std::int32_t column, std::span<const ActivationRow> rows, Activations& activated,
                      std::int64_t first_assignment) {
    const std::int32_t width = experts.gate.group_rows;
    const std::int32_t count = std::min(kPairRows, width - column);
    const PanelDot dot = kernel_for(kernels, experts.gate.format);
    for (std::int32_t half = 0; half * kPanelRows < count; ++half) {
        const std::int32_t panel = column / kPanelRows + half;
        const std::int32_t panel_count = std::min(kPanelRows, count - half * kPanelRows);
        const std::int64_t bias = std::int64_t{expert} * width + column + half * kPanelRows;
        for_tiles(dot, experts.gate.panel(expert, panel), experts.up.panel(expert, panel),
                  experts.gate.blocks(), rows, [&](std::size_t row, const float* values) {
                      float gate[kPanelRows] = {}, up[kPanelRows] = {}, act[kPanelRows];
                      for (std::int32_t i = 0; i < panel_count; ++i) {
                          gate[i] = values[i] + experts.gate_bias[bias + i];
                          up[i] = values[kPanelRows + i] + experts.up_bias[bias + i];
                      }
                      kernels.swiglu(gate, up, kPanelRows, act);
                      float* out = activated.floats(first_assignment + static_cast<std::int64_t>(row)) +
                                   column + half * kPanelRows;
                      std::copy_n(act, panel_count, out);
                  });
    }
    for (std::size_t row = 0; row < rows.size(); ++row)
        activated.quantize(kernels, first_assignment + static_cast<std::int64_t>(row), column, kBlockColumns);
}

void down_pair(const Kernels& kernels, const PackedExperts& experts, std::int32_t expert, std::int32_t pair,
               std::span<const ActivationRow> rows, std::span<const Assignment> assignments, float* x,
               std::int64_t x_stride) {
    const PackedMatrix& down = experts.down;
    const std::int32_t last_panel = down.group_panels() - 1;
    const std::int32_t first = pair * kPairRows;
    const std::int32_t count = std::min(kPairRows, down.group_rows - first);
    const float* bias = experts.down_bias + std::int64_t{expert} * down.group_rows + first;
    for_tiles(kernel_for(kernels, down.format), down.panel(expert, 2 * pair),
              down.panel(expert, std::min(2 * pair + 1, last_panel)), down.blocks(), rows,
              [&](std::size_t row, const float* values) {
                  float* out = x + assignments[row].row * x_stride + first;
                  for (std::int32_t i = 0; i < count; ++i)
                      out[i] += assignments[row].weight * (values[i] + bias[i]);
              });
}

}  // namespace

void project(ThreadPool& pool, const Kernels& kernels, std::span<const Projection> projections,
             std::span<const ActivationRow> rows) {
    std::int64_t pairs = 0;
    for (const Projection& projection : projections) pairs += projection.matrix->group_pairs();
    pool.for_ranges(pairs, grain(pairs, pool), [&](std::int64_t begin, std::int64_t end) {
        for (std::size_t row = 0; row < rows.size(); row += kRowsAtOnce) {
            const auto some = rows.subspan(row, std::min<std::size_t>(kRowsAtOnce, rows.size() - row));
            std::int64_t first_pair = 0;
            for (const Projection& projection : projections) {
                const std::int64_t pairs_here = projection.matrix->group_pairs();
                for (std::int64_t pair = std::max(begin, first_pair);
                     pair < std::min(end, first_pair + pairs_here); ++pair)
                    project_pair(kernels, projection, static_cast<std::int32_t>(pair - first_pair), some,
                                 static_cast<std::int64_t>(row));
                first_pair += pairs_here;
            }
        }
    });
}

void apply_experts(ThreadPool& pool, const Kernels& kernels, const PackedExperts& experts,
                   const Routing& routing, std::span<const ActivationRow> rows, Activations& activated,
                   float* x, std::int64_t x_stride) {
    std::vector<ActivationRow> gathered(routing.assignments.size());
    for (std::size_t i = 0; i < gathered.size(); ++i) gathered[i] = rows[routing.assignments[i].row];
    std::vector<std::int32_t> active;  // experts that have rows
    for (std::int32_t expert = 0; expert < experts.gate.groups; ++expert)
        if (!routing.of_expert(expert).empty()) active.push_back(expert);
    // Calls task(expert, first assignment, count) for at most kRowsAtOnce assignments of each active expert.
    const auto for_assignments = [&](std::int32_t expert, auto&& task) {
        const std::int64_t last = routing.first_of_expert[expert + 1];
        for (std::int64_t first = routing.first_of_expert[expert]; first < last; first += kRowsAtOnce)
            task(first, std::min(kRowsAtOnce, last - first));
    };

    const std::int64_t columns = experts.gate.group_pairs();
    const auto units = static_cast<std::int64_t>(active.size()) * columns;
    pool.for_ranges(units, std::min(columns, grain(units, pool)), [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t unit = begin; unit < end;) {
            const std::int32_t expert = active[unit / columns];
            const std::int64_t unit_end = std::min(end, (unit / columns + 1) * columns);
            for_assignments(expert, [&](std::int64_t first, std::int64_t count) {
                for (std::int64_t i = unit; i < unit_end; ++i)
                    activate_columns(kernels, experts, expert,
                                     static_cast<std::int32_t>(i % columns) * kPairRows,
                                     std::span(gathered).subspan(first, count), activated, first);
            });
            unit = unit_end;
        }
    });

    // A thread owns columns of x, so that experts can be added one after the other without a lock.
    const std::int64_t pairs = experts.down.group_pairs();
    pool.for_ranges(pairs, grain(pairs, pool), [&](std::int64_t begin, std::int64_t end) {
        for (const std::int32_t expert : active)
            for_assignments(expert, [&](std::int64_t first, std::int64_t count) {
                for (std::int64_t pair = begin; pair < end; ++pair)
                    down_pair(kernels, experts, expert, static_cast<std::int32_t>(pair),
                              activated.rows(first, count),
                              std::span(routing.assignments).subspan(first, count), x, x_stride);
            });
    });
}

}  // namespace gptoss::backend::cpu
