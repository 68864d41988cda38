// The whole contract between the engine and whatever computes. A backend gets the weights and a memory plan
// once; after that only coarse calls. A batch is flat: prefill chunks and decode rows of many sequences
// travel together. Logits stay where they were computed. A sampled token can feed the next forward without a
// trip to the host.
//
// Threading: one caller thread. forward() and sample() may return before the work is done; wait() blocks.
// What spans in the arguments point to is read during the call only. Calls take effect in the order they are
// made, so a block that is given up may be written for another sequence by the next call. Errors:
// Error(device_failed) from any call; after it the backend is unusable until it is made anew.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "backend/kernel_choice.h"
#include "backend/sampling.h"
#include "base/types.h"
#include "model/layer_range.h"
#include "model/plan.h"
#include "model/weights.h"

namespace gptoss::backend {

using BlockId = std::int32_t;
inline constexpr BlockId kNoBlock = -1;

// In Batch::tokens: use the token last sampled for the segment's slot, which never left the device.
inline constexpr TokenId kTokenFromLastSample = -1;

// Consecutive rows of one sequence at consecutive positions.
struct Segment {
    std::int32_t slot = 0;  // 0 .. max_sequences - 1: where the last sampled token is kept
    std::int32_t first_row = 0;
    std::int32_t row_count = 0;
    std::int32_t first_position = 0;
    // Block tables, indexed by position / kBlockTokens and covering every position up to the segment's last
    // one. Keys and values of this segment's rows are written into these blocks; earlier positions are read
    // from them.
    std::span<const BlockId> full_blocks;
    std::span<const BlockId> sliding_blocks;  // blocks wholly before the first row's window may be kNoBlock
};

struct Batch {
    std::span<const TokenId> tokens;            // one a row, or kTokenFromLastSample
    std::span<const Segment> segments;          // cover all rows in order, no slot twice
    std::span<const std::int32_t> logits_rows;  // ascending rows that want logits
    // [row][hidden]: what the layers before the backend's first one made of the tokens. For a backend that
    // has not got all layers (split_backend.h), and only for it.
    std::span<const float> residual = {};
};

// One row to sample from, after a forward().
struct SampleRow {
    std::int32_t logits_index = 0;  // index into Batch::logits_rows of the last forward()
    std::int32_t slot = 0;          // the sampled token becomes this slot's last token
    SamplingParameters parameters;
    std::uint64_t step = 0;                  // how many tokens this sequence has sampled: varies the noise
    std::span<const std::uint32_t> allowed;  // bit per token, set = allowed; empty = all but padding
    std::uint64_t allowed_id = 0;            // equal non-zero ids = equal masks: upload it once; 0 = unknown
    std::span<const TokenBias> biases;       // logit_bias
    std::span<const TokenCount> counts;      // occurrences so far, for the penalties; empty when they are off
    std::int32_t hidden_values = 0;          // so many of the hidden state's largest are returned
    // The slot's last sampled token has not been read yet, so `counts` lacks it: count it once more.
    bool last_is_uncounted = false;
};

struct BackendOptions {
    model::MemoryPlan plan;    // pools and limits; everything is claimed from it at construction
    model::LayerRange layers;  // computed here; empty = all. Weights and pools of the others aren't held
    std::int32_t padding_from = -1;  // first token id that must never be sampled (padding rows); -1 = none
    std::int32_t threads = 0;        // CPU: 0 = all cores
    bool exact = false;              // CPU: float32 reference path
    KernelChoice kernels;            // what was found right and fast on this machine
};

struct BackendInfo {
    std::string device;     // "CPU (AVX-512 BF16), 2 threads", "NVIDIA H100 80GB HBM3"
    std::string placement;  // "all 36 layers and head on GPU 0"
    // What the bits of its results depend on beside weights and tokens: "cpu; order 1; AVX2 kernels; bf16 cache".
    std::string numerics;
    bool batch_invariant =
        false;  // a token's bits do not depend on what is computed beside it (docs/numerics.md)
    bool reports_hidden = false;  // SampleRow::hidden_values is obeyed
    std::int64_t claimed_bytes = 0;
    // forward() and sample() return before the work is done: the engine then submits one step ahead.
    bool asynchronous = false;
};

// What one operation of forward() took, over all layers together.
struct OperationTime {
    std::string name;  // "gate, up"
    std::int32_t calls = 0;
    double seconds = 0;
};

enum class Pool { full, sliding };

using StepHandle = std::uint64_t;

class Backend {
  public:
    virtual ~Backend() = default;

    virtual const BackendInfo& info() const = 0;

    // Computes the batch: fills KV blocks, leaves logits for logits_rows. At most max_batch_tokens rows,
    // max_sequences segments and max_sequences logits rows.
    virtual void forward(const Batch& batch) = 0;

    // Samples one token a row from the logits of the last forward(). At most two handles may be outstanding.
    // With no rows the handle only marks the end of that forward().
    virtual StepHandle sample(std::span<const SampleRow> rows) = 0;

    // The tokens of that sample(), in the order of its rows. Valid until the handle after the next one.
    virtual std::span<const SampledToken> wait(StepHandle handle) = 0;

    // Copies one logits row of the last forward() to the host: [vocabulary]. For `logits`, tests and echo.
    virtual void read_logits(std::int32_t logits_index, std::span<float> out) = 0;

    // From now on forward() has a clock between its operations and adds what each took to `times`, in the order
    // in which they first run; null = no longer. Operations then wait for each other, so together they take
    // longer than without. A backend without such a clock adds nothing.
    virtual void time_operations(std::vector<OperationTime>* times) { static_cast<void>(times); }

    // From now on forward() computes with these kernels, as if the backend had been made with them. False: it cannot
    // change them, and nothing has changed.
    virtual bool choose_kernels(const KernelChoice& kernels) {
        static_cast<void>(kernels);
        return false;
    }

    // Copies a KV block within its pool: before a shared, partly filled block is written by one of its
    // owners.
    virtual void copy_block(Pool pool, BlockId from, BlockId to) = 0;
};

// weights (and the file behind them) must outlive the backend. With `options.layers` the last layers and the
// head, or all.
std::unique_ptr<Backend> make_cpu_backend(const model::Weights& weights, const BackendOptions& options);

}  // namespace gptoss::backend
