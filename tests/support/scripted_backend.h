// A backend without a model. What it "computes" is the history of each row's sequence, read through the block
// tables exactly as attention would read keys and values; what it "samples" is what a script says should
// follow that history. A block given away too early, shared wrongly, copied wrongly or missing from the
// window changes the history, and is reported.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "backend/backend.h"
#include "engine/engine.h"

namespace gptoss::test {

// What the script is asked: the token after `history` (prompt and answer so far).
struct Moment {
    std::span<const TokenId> history;
    std::uint64_t step = 0;  // tokens of the answer so far: history.size() - step is the prompt's length
    std::uint64_t seed = 0;

    std::span<const TokenId> prompt() const { return history.first(history.size() - step); }
};
using TokenSource = std::function<TokenId(const Moment&)>;

// A token that depends on every token before it, and on the seed.
TokenSource hashed_source(TokenId vocabulary);

// The token itself if the mask allows it (an empty one allows all), or else the next one that it does.
TokenId nearest_allowed(std::span<const std::uint32_t> mask, TokenId token, TokenId vocabulary);

// Answers a prompt with a given list of tokens, then with `end`. Scripts are found by the prompt's last
// tokens, or, if none fits, `otherwise` speaks.
class ScriptBook {
  public:
    ScriptBook(TokenId end, TokenSource otherwise) : end_(end), otherwise_(std::move(otherwise)) {}
    // May be called while an engine runs.
    void add(std::vector<TokenId> prompt_ending, std::vector<TokenId> answer);
    // Valid as long as the book.
    TokenSource source();

  private:
    TokenId end_;
    TokenSource otherwise_;
    std::mutex mutex_;
    std::map<std::vector<TokenId>, std::vector<TokenId>> answers_;  // prompt ending, reversed
};

struct ScriptedOptions {
    std::int32_t vocabulary = 1000;
    std::int32_t full_blocks = 64;
    std::int32_t sliding_blocks = 32;
    std::int32_t sliding_window = 128;
    std::int32_t max_sequences = 8;
    std::int32_t max_batch_tokens = 512;
    bool asynchronous = false;
    std::int64_t fail_at_step = -1;   // forward() number at which the device "fails"
    double step_ms = 0;               // what wait() takes, to give tests time to interfere
    bool computes_meanwhile = false;  // those run from sample() on, one step after the other, as on a device
};

// `options` with what an engine and its backend must agree about taken from the backend; the context, if it
// is not set, is all the blocks.
engine::EngineOptions engine_options(const ScriptedOptions& backend, engine::EngineOptions options = {});

class ScriptedBackend final : public backend::Backend {
  public:
    ScriptedBackend(const ScriptedOptions& options, TokenSource source);

    const backend::BackendInfo& info() const override { return info_; }
    void forward(const backend::Batch& batch) override;
    backend::StepHandle sample(std::span<const backend::SampleRow> rows) override;
    std::span<const backend::SampledToken> wait(backend::StepHandle handle) override;
    void read_logits(std::int32_t logits_index, std::span<float> out) override;
    void copy_block(backend::Pool pool, backend::BlockId from, backend::BlockId to) override;

    // Counted on the engine's thread: read them when the engine is idle or gone.
    struct Counts {
        std::int64_t steps = 0, rows = 0, copies = 0;
        std::int32_t most_rows_in_a_step = 0;
    };
    const Counts& counts() const { return counts_; }

  private:
    // One position's place in a block: what was written there.
    struct Cell {
        TokenId token = -1;
        std::int32_t position = -1;
        std::int64_t step = -1;     // forward() that wrote it
        std::int32_t segment = -1;  // and for which of its segments
    };
    using PoolCells = std::vector<Cell>;

    void write_segment(const backend::Batch& batch, std::int32_t index);
    void check_segment(const backend::Batch& batch, std::int32_t index);
    Cell& cell(PoolCells& cells, std::span<const backend::BlockId> table, std::int32_t position);
    TokenId choose(const backend::SampleRow& row);

    ScriptedOptions options_;
    TokenSource source_;
    backend::BackendInfo info_;
    PoolCells full_, sliding_;
    std::vector<TokenId> last_sampled_;                        // by slot
    std::vector<std::vector<TokenId>> histories_;              // by logits index of the last forward()
    std::vector<std::vector<backend::SampledToken>> results_;  // a ring of three handles
    std::vector<std::chrono::steady_clock::time_point> ends_;  // of their steps
    std::chrono::steady_clock::time_point device_free_;
    backend::StepHandle next_handle_ = 0, next_wait_ = 0;
    Counts counts_;
};

}  // namespace gptoss::test
