#include "backend/cpu/matmul.h"

namespace gptoss::backend::cpu {
namespace {

// The least a thread takes at a time: 100 to 200 KB of weights, 2 to 4 microseconds of reading.
constexpr std::int64_t kGrain = 2;

// Calls done(row, values[32]) for at most kMostRows rows times one panel; done() may change the values.
template <typename Done>
void for_rows(PanelDot dot, const std::byte* panel, std::int32_t blocks, std::span<const ActivationRow> rows,
              Done&& done) {
    alignas(64) float out[kMostRows * kPanelRows];
    dot(panel, blocks, rows.data(), static_cast<std::int32_t>(rows.size()), out);
    for (std::size_t row = 0; row < rows.size(); ++row) done(row, out + row * kPanelRows);
}

void project_panel(const Kernels& kernels, const Projection& projection, std::int32_t panel,
                   std::span<const ActivationRow> rows, std::int64_t first_row) {
    const PackedMatrix& matrix = *projection.matrix;
    const std::int32_t first = panel * kPanelRows;
    const std::int32_t count = std::min(kPanelRows, matrix.group_rows - first);
    const float* bias = projection.bias == nullptr ? nullptr : projection.bias + first;
    for_rows(kernel_for(kernels, matrix.format), matrix.panel(0, panel), matrix.blocks(), rows,
             [&](std::size_t row, const float* values) {
                 float* out = projection.out +
                              (first_row + static_cast<std::int64_t>(row)) * projection.out_stride + first;
                 for (std::int32_t i = 0; i < count; ++i) {
                     const float value = values[i] + (bias == nullptr ? 0.0F : bias[i]);
                     out[i] = projection.accumulate ? out[i] + value : value;
                 }
             });
}

// gate and up of 32 columns of one expert (two panels), through SwiGLU, quantised for `down`.
void activate_columns(const Kernels& kernels, const PackedExperts& experts, std::int32_t expert,
                      std::int32_t first_panel, std::span<const ActivationRow> rows, Activations& activated,
                      std::int64_t first_assignment) {
    const PackedMatrix& gate_up = experts.gate_up;
    const std::int32_t last_panel = std::min(first_panel + 2, gate_up.panels);
    for (std::int32_t panel = first_panel; panel < last_panel; ++panel) {
        const std::int32_t column = panel * kHalfRows;
        const std::int32_t count = std::min(kHalfRows, gate_up.group_rows - column);
        const std::int64_t bias = std::int64_t{expert} * gate_up.group_rows + column;
        for_rows(kernel_for(kernels, gate_up.format), gate_up.panel(expert, panel), gate_up.blocks(), rows,
                 [&](std::size_t row, const float* values) {
                     float gate[kHalfRows] = {}, up[kHalfRows] = {}, act[kHalfRows];
                     for (std::int32_t i = 0; i < count; ++i) {
                         gate[i] = values[i] + experts.gate_bias[bias + i];
                         up[i] = values[kHalfRows + i] + experts.up_bias[bias + i];
                     }
                     kernels.swiglu(gate, up, kHalfRows, act);
                     std::copy_n(
                         act, count,
                         activated.floats(first_assignment + static_cast<std::int64_t>(row)) + column);
                 });
    }
    for (std::size_t row = 0; row < rows.size(); ++row)
        activated.quantize(kernels, first_assignment + static_cast<std::int64_t>(row),
                           first_panel * kHalfRows, kBlockColumns);
}

// Calls put(row, first column, values, count) with a panel's part of the experts' outputs, bias included.
template <typename Put>
void down_panel(const Kernels& kernels, const PackedExperts& experts, std::int32_t expert, std::int32_t panel,
                std::span<const ActivationRow> rows, Put&& put) {
    const PackedMatrix& down = experts.down;
    const std::int32_t first = panel * kPanelRows;
    const std::int32_t count = std::min(kPanelRows, down.group_rows - first);
    const float* bias = experts.down_bias + std::int64_t{expert} * down.group_rows + first;
    for_rows(kernel_for(kernels, down.format), down.panel(expert, panel), down.blocks(), rows,
             [&](std::size_t row, float* values) {
                 for (std::int32_t i = 0; i < count; ++i) values[i] += bias[i];
                 put(row, first, values, count);
             });
}

void add_weighted(float weight, const float* values, std::int64_t count, float* out) {
    for (std::int64_t i = 0; i < count; ++i) out[i] += weight * values[i];
}

// `down` for a generated token or two: every expert's matrix from its beginning to its end, because where
// reading jumps, memory waits. What the experts say is added afterwards, in the same order as ever.
void apply_down_to_few(ThreadPool& pool, const Kernels& kernels, const PackedExperts& experts,
                       const Routing& routing, std::span<const std::int32_t> active,
                       const Activations& activated, float* x, std::int64_t x_stride) {
    const std::int64_t panels = experts.down.panels, width = experts.down.group_rows;
    std::vector<float> outputs(routing.assignments.size() * static_cast<std::size_t>(width));
    pool.for_ranges(
        static_cast<std::int64_t>(active.size()) * panels, kGrain, [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t unit = begin; unit < end; ++unit) {
                const std::int32_t expert = active[unit / panels];
                const std::int64_t first = routing.first_of_expert[expert],
                                   count = routing.first_of_expert[expert + 1] - first;
                down_panel(kernels, experts, expert, static_cast<std::int32_t>(unit % panels),
                           activated.rows(first, count),
                           [&](std::size_t row, std::int32_t column, const float* values,
                               std::int32_t values_count) {
                               std::copy_n(values, values_count,
                                           outputs.data() + (first + static_cast<std::int64_t>(row)) * width +
                                               column);
                           });
            }
        });
    for (std::size_t i = 0; i < routing.assignments.size(); ++i)
        add_weighted(routing.assignments[i].weight, outputs.data() + i * width, width,
                     x + routing.assignments[i].row * x_stride);
}

}  // namespace

void project(ThreadPool& pool, const Kernels& kernels, std::span<const Projection> projections,
             std::span<const ActivationRow> rows) {
    std::int64_t panels = 0;
    for (const Projection& projection : projections) panels += projection.matrix->panels;
    pool.for_ranges(panels, kGrain, [&](std::int64_t begin, std::int64_t end) {
        for (std::size_t row = 0; row < rows.size(); row += kMostRows) {
            const auto some = rows.subspan(row, std::min<std::size_t>(kMostRows, rows.size() - row));
            std::int64_t first = 0;  // panel of the projection
            for (const Projection& projection : projections) {
                const std::int64_t last = first + projection.matrix->panels;
                for (std::int64_t panel = std::max(begin, first); panel < std::min(end, last); ++panel)
                    project_panel(kernels, projection, static_cast<std::int32_t>(panel - first), some,
                                  static_cast<std::int64_t>(row));
                first = last;
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
    for (std::int32_t expert = 0; expert < experts.down.groups; ++expert)
        if (!routing.of_expert(expert).empty()) active.push_back(expert);
    // Calls task(first assignment, count) for at most kMostRows assignments of an expert at a time.
    const auto for_assignments = [&](std::int32_t expert, auto&& task) {
        const std::int64_t last = routing.first_of_expert[expert + 1];
        for (std::int64_t first = routing.first_of_expert[expert]; first < last; first += kMostRows)
            task(first, std::min<std::int64_t>(kMostRows, last - first));
    };

    const std::int64_t columns =
        (experts.gate_up.panels + 1) / 2;  // in blocks of 32: two panels of gate and up
    const auto units = static_cast<std::int64_t>(active.size()) * columns;
    pool.for_ranges(units, kGrain, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t unit = begin; unit < end;) {
            const std::int32_t expert = active[unit / columns];
            const std::int64_t unit_end = std::min(end, (unit / columns + 1) * columns);
            for_assignments(expert, [&](std::int64_t first, std::int64_t count) {
                for (std::int64_t i = unit; i < unit_end; ++i)
                    activate_columns(kernels, experts, expert, static_cast<std::int32_t>(i % columns) * 2,
                                     std::span(gathered).subspan(first, count), activated, first);
            });
            unit = unit_end;
        }
    });

    constexpr std::size_t kFewAssignments = 8;
    if (routing.assignments.size() <= kFewAssignments)
        return apply_down_to_few(pool, kernels, experts, routing, active, activated, x, x_stride);
    // A thread owns columns of x, so that experts can be added one after the other without a lock.
    const std::int64_t panels = experts.down.panels;
    pool.for_ranges(panels, kGrain, [&](std::int64_t begin, std::int64_t end) {
        for (const std::int32_t expert : active)
            for_assignments(expert, [&](std::int64_t first, std::int64_t count) {
                for (std::int64_t panel = begin; panel < end; ++panel)
                    down_panel(kernels, experts, expert, static_cast<std::int32_t>(panel),
                               activated.rows(first, count),
                               [&](std::size_t row, std::int32_t column, const float* values,
                                   std::int32_t values_count) {
                                   const Assignment& assignment = routing.assignments[first + row];
                                   add_weighted(assignment.weight, values, values_count,
                                                x + assignment.row * x_stride + column);
                               });
            });
    });
}

}  // namespace gptoss::backend::cpu
