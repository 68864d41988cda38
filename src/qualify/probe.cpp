#include "qualify/probe.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <random>

#include "base/check.h"

namespace gptoss::qualify {
namespace {

constexpr std::int32_t kHistoryBlocks = 4;  // real ones, which stand for the whole depth
constexpr std::int32_t kHistoryTokens = kHistoryBlocks * model::kBlockTokens;

constexpr std::int32_t kRowsWanted = 8;
constexpr std::int32_t kTogetherTokens = 1024;  // of a step of several probes

std::int32_t blocks_for(std::int32_t tokens) {
    return (tokens + model::kBlockTokens - 1) / model::kBlockTokens;
}

std::size_t logits_rows_of(const Probe& probe) {
    return static_cast<std::size_t>(probe.sequences) * probe.rows_of_sequence();
}

// One draw of a probe's tokens.
struct Draw {
    const Probe* probe;
    std::int32_t number;
};

// What is computed in one step.
struct StepLimits {
    std::int32_t tokens = 0, sequences = 0, logits_rows = 0, blocks = 0;

    void add(const Probe& probe) {
        tokens += probe.step_tokens();
        sequences += probe.sequences;
        logits_rows += static_cast<std::int32_t>(logits_rows_of(probe));
        blocks += probe.sequences * blocks_for(probe.tokens);
    }
    void raise_to(const StepLimits& other) {
        tokens = std::max(tokens, other.tokens);
        sequences = std::max(sequences, other.sequences);
        logits_rows = std::max(logits_rows, other.logits_rows);
        blocks = std::max(blocks, other.blocks);
    }
};

// Steps of one draw each, or as many draws as kTogetherTokens hold.
std::vector<std::vector<Draw>> steps_of(const std::vector<Probe>& probes, bool together) {
    std::vector<std::vector<Draw>> steps;
    std::int32_t tokens = 0;
    for (const Probe& probe : probes)
        for (std::int32_t number = 0; number < probe.draws(); ++number) {
            tokens += probe.step_tokens();
            if (!together || steps.empty() || tokens > kTogetherTokens) {
                steps.emplace_back();
                tokens = probe.step_tokens();
            }
            steps.back().push_back({&probe, number});
        }
    return steps;
}

// Runs steps whose sequences share one history.
class ProbeRun {
  public:
    ProbeRun(backend::Backend& backend, const model::MemoryPlan& plan, const model::Hyperparameters& shape)
        : backend_(backend), plan_(plan), shape_(shape) {}

    // Fills the blocks that all depths are made of.
    void write_history() {
        std::vector<backend::BlockId> blocks(kHistoryBlocks);
        for (std::int32_t i = 0; i < kHistoryBlocks; ++i) blocks[i] = i;
        const std::vector<TokenId> tokens = random_tokens(kHistoryTokens, 1);
        const std::int32_t step = std::min(kHistoryTokens, plan_.request.max_batch_tokens);
        for (std::int32_t first = 0; first < kHistoryTokens; first += step) {
            const std::int32_t count = std::min(step, kHistoryTokens - first);
            const backend::Segment segment{0, 0, count, first, blocks, blocks};
            backend_.forward({std::span(tokens).subspan(first, count), {&segment, 1}, {}});
            backend_.wait(backend_.sample({}));
        }
    }

    // Computes them together, or the only one piece by piece. Returns milliseconds. `read(draw, row, logits_index)` is called
    // for each of their rows of logits while the backend has it.
    template <typename Read>
    double step(const std::vector<Draw>& draws, bool in_pieces, Read read) {
        std::vector<DrawnTokens> drawn;
        next_block_ = kHistoryBlocks;
        for (const Draw& draw : draws) drawn.push_back(draw_tokens(draw));
        const std::int32_t most =
            std::ranges::max(draws, {}, [](const Draw& draw) { return draw.probe->tokens; }).probe->tokens;
        const std::int32_t piece =
            in_pieces && draws.front().probe->piece > 0 ? draws.front().probe->piece : most;
        double ms = 0;
        for (std::int32_t from = 0; from < most; from += piece)
            ms += step_of_tokens(draws, drawn, from, from + piece, read);
        return ms;
    }

  private:
    struct DrawnTokens {
        std::vector<TokenId> tokens;                               // sequence after sequence
        std::vector<std::vector<backend::BlockId>> full, sliding;  // of each sequence
    };

    // Other tokens for each probe: a fault that few inputs show has many chances. The same ones in pieces and at once.
    DrawnTokens draw_tokens(const Draw& draw) {
        const auto& [probe, number] = draw;
        DrawnTokens drawn;
        drawn.tokens = random_tokens(
            probe->step_tokens(),
            static_cast<std::uint32_t>(2 + probe->depth * 31 + number * 1009 + probe->input * 100'003 +
                                       probe->sequences * 7 + probe->tokens));
        for (std::int32_t i = 0; i < probe->sequences; ++i)
            make_tables(*probe, drawn.full.emplace_back(), drawn.sliding.emplace_back());
        return drawn;
    }

    // Tokens `from` to `until` of each sequence.
    template <typename Read>
    double step_of_tokens(const std::vector<Draw>& draws, const std::vector<DrawnTokens>& drawn,
                          std::int32_t from, std::int32_t until, Read read) {
        struct Row {
            std::size_t draw;
            std::int32_t row;
        };
        std::vector<TokenId> tokens;
        std::vector<backend::Segment> segments;
        std::vector<Row> rows;
        std::vector<std::int32_t> logits_rows;
        std::vector<backend::SampleRow> sampled;
        for (std::size_t at = 0; at < draws.size(); ++at) {
            const Probe& probe = *draws[at].probe;
            const std::int32_t end = std::min(until, probe.tokens), rows_each = probe.rows_of_sequence();
            const auto blocks = static_cast<std::size_t>(blocks_for(probe.depth + end));
            for (std::int32_t i = 0; i < probe.sequences; ++i) {
                const auto slot = static_cast<std::int32_t>(segments.size());
                const auto first = static_cast<std::int32_t>(tokens.size());
                const auto begin = drawn[at].tokens.begin() + std::ptrdiff_t{i} * probe.tokens;
                tokens.insert(tokens.end(), begin + from, begin + end);
                segments.push_back({slot, first, end - from, probe.depth + from,
                                    std::span(drawn[at].full[i]).first(blocks),
                                    std::span(drawn[at].sliding[i]).first(blocks)});
                const std::size_t before = logits_rows.size();
                for (std::int32_t row = 0; row < rows_each; ++row) {
                    const std::int32_t token = (row + 1) * probe.tokens / rows_each - 1;
                    if (token < from || token >= end) continue;
                    rows.push_back({at, i * rows_each + row});
                    logits_rows.push_back(first + token - from);
                }
                if (logits_rows.size() == before) continue;
                sampled.emplace_back().logits_index = static_cast<std::int32_t>(logits_rows.size()) - 1;
                sampled.back().slot = slot;
                sampled.back().parameters.temperature = 0;
            }
        }
        const auto begin = std::chrono::steady_clock::now();
        backend_.forward({tokens, segments, logits_rows});
        backend_.wait(backend_.sample(sampled));
        const double ms =
            std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
        for (std::size_t i = 0; i < rows.size(); ++i)
            read(rows[i].draw, rows[i].row, static_cast<std::int32_t>(i));
        return ms;
    }

    std::vector<TokenId> random_tokens(std::int32_t count, std::uint32_t seed) const {
        std::mt19937 random(seed);
        std::vector<TokenId> tokens(count);
        for (TokenId& token : tokens)
            token = static_cast<TokenId>(random() % static_cast<unsigned>(shape_.vocabulary));
        return tokens;
    }

    // History first, in turn; then blocks of the sequence's own.
    void make_tables(const Probe& probe, std::vector<backend::BlockId>& full,
                     std::vector<backend::BlockId>& sliding) {
        const std::int32_t history = probe.depth / model::kBlockTokens, own = blocks_for(probe.tokens);
        const std::int32_t first_seen = std::max(0, probe.depth - shape_.sliding_window + 1);
        for (std::int32_t block = 0; block < history; ++block) {
            full.push_back(block % kHistoryBlocks);
            sliding.push_back(block < first_seen / model::kBlockTokens ? backend::kNoBlock
                                                                       : block % kHistoryBlocks);
        }
        for (std::int32_t block = 0; block < own; ++block, ++next_block_) {
            full.push_back(next_block_);
            sliding.push_back(next_block_);
        }
        check(full.back() < plan_.full_blocks && sliding.back() < plan_.sliding_blocks,
              "the plan has blocks for every probe");
    }

    backend::Backend& backend_;
    const model::MemoryPlan& plan_;
    const model::Hyperparameters& shape_;
    std::int32_t next_block_ = 0;
};

}  // namespace

std::int32_t Probe::rows_of_sequence() const {
    return std::min(tokens, std::max(1, kRowsWanted / sequences));
}

std::int32_t Probe::draws() const {
    return std::max(1, kRowsWanted / (sequences * rows_of_sequence()));
}

std::string Probe::name() const {
    std::string text = sequences > 1 ? std::to_string(sequences) + " x " : std::string();
    text += std::to_string(tokens) + (tokens == 1 ? " token" : " tokens");
    if (piece > 0) text += ", " + std::to_string(piece) + " at a time";
    return depth > 0 ? text + " at " + std::to_string(depth) : text;
}

std::vector<Probe> probes_for(const model::Hyperparameters& shape, std::int32_t most_tokens,
                              std::int32_t most_deep_tokens) {
    std::vector<Probe> probes;
    const auto add = [&](std::int32_t sequences, std::int32_t tokens, std::int32_t depth,
                         std::int32_t piece = 0) {
        const Probe probe{sequences, tokens, depth / model::kBlockTokens * model::kBlockTokens, 0, piece};
        if (probe.step_tokens() <= most_tokens && probe.depth >= 0 &&
            probe.depth + tokens <= shape.context_length && std::ranges::find(probes, probe) == probes.end())
            probes.push_back(probe);
    };
    // Decoding: one token each of so many sequences, at depths around those where something changes.
    const std::int32_t last = shape.context_length - model::kBlockTokens;
    for (const std::int32_t depth : {0, 1024, 65'472, 65'536, 66'048, last}) {
        for (const std::int32_t sequences : {1, 2, 4, 5, 8}) add(sequences, 1, depth);
    }
    for (const std::int32_t sequences : {9, 16, 40, 64, 128, 256, 512}) add(sequences, 1, 1024);
    add(std::min(64, most_deep_tokens), 1, last);
    // Prompts: around the sizes of tiles, and deep.
    for (const std::int32_t tokens :
         {7, 9, 16, 33, 64, 100, 128, 129, 200, 256, 257, 512, 600, 1024, 2048, 8192})
        add(1, tokens, 0);
    add(1, 128, 1024);
    for (const std::int32_t depth : {65'472, 66'048}) add(1, most_deep_tokens, depth);
    const std::int32_t to_the_last = std::max(most_deep_tokens, model::kBlockTokens);
    add(1, to_the_last, shape.context_length - to_the_last);
    add(3, 50, 1024);
    // Keys that these kernels wrote, read again: one row a step, eight, a prompt in pieces. Longer than a sliding window.
    add(1, 200, 0, 1);
    add(8, 24, 0, 1);
    add(1, 200, 0, 40);
    return probes;
}

model::PlanRequest plan_request_for(const std::vector<Probe>& probes, const model::Hyperparameters& shape,
                                    const model::KvTypes& kv_types, bool together) {
    StepLimits most{kHistoryTokens, 1, 1, 0};
    for (const std::vector<Draw>& step : steps_of(probes, together)) {
        StepLimits limits;
        for (const Draw& draw : step) limits.add(*draw.probe);
        most.raise_to(limits);
    }
    model::PlanRequest request;
    request.kv_types = kv_types;
    request.max_batch_tokens = most.tokens;
    request.max_sequences = std::max(most.sequences, most.logits_rows);
    request.context_length = shape.context_length;
    request.cache_tokens = std::max<std::int64_t>(
        shape.context_length, std::int64_t{kHistoryBlocks + most.blocks} * model::kBlockTokens);
    request.kept_windows = request.max_sequences + kHistoryBlocks;
    return request;
}

std::vector<ProbeOutcome> run_probes(backend::Backend& backend, const model::MemoryPlan& plan,
                                     const model::Hyperparameters& shape, const std::vector<Probe>& probes,
                                     const ProbeMode& mode) {
    ProbeRun run(backend, plan, shape);
    const auto vocabulary = static_cast<std::size_t>(shape.vocabulary);
    std::vector<ProbeOutcome> outcomes(probes.size());
    std::vector<std::vector<double>> times(probes.size(), std::vector<double>(mode.passes));
    std::vector<float> again(vocabulary);
    for (std::int32_t pass = 0; pass < mode.passes; ++pass) {
        std::vector<std::vector<Draw>> steps = steps_of(probes, mode.together);
        if (pass % 2 != 0) std::ranges::reverse(steps);
        run.write_history();
        for (const std::vector<Draw>& step : steps) {
            if (pass == 0 && !mode.times_alone)
                for (const auto& [probe, number] : step)
                    outcomes[probe - probes.data()].logits.resize(probe->draws() * logits_rows_of(*probe) *
                                                                  vocabulary);
            const double ms = run.step(
                step, !mode.together, [&](std::size_t at, std::int32_t row, std::int32_t logits_index) {
                    if (mode.times_alone) return;
                    const auto& [probe, number] = step[at];
                    ProbeOutcome& outcome = outcomes[probe - probes.data()];
                    const std::span<float> first =
                        std::span(outcome.logits)
                            .subspan((number * logits_rows_of(*probe) + static_cast<std::size_t>(row)) *
                                         vocabulary,
                                     vocabulary);
                    backend.read_logits(logits_index, pass == 0 ? first : again);
                    if (pass > 0 && std::memcmp(again.data(), first.data(), first.size_bytes()) != 0)
                        outcome.repeatable = false;
                });
            for (const auto& [probe, number] : step)
                times[probe - probes.data()][pass] += ms / probe->draws();
        }
    }
    for (std::size_t i = 0; i < probes.size(); ++i) {
        std::ranges::sort(times[i]);
        // The first time a kernel runs it is loaded: the lower median leaves that out.
        outcomes[i].step_ms = times[i][(times[i].size() - 1) / 2];
    }
    return outcomes;
}

model::Weights slice_of(const model::Weights& weights, std::int32_t first, std::int32_t count) {
    check(first % 2 == 0 && count > 0 && first + count <= static_cast<std::int32_t>(weights.layers.size()),
          "a slice begins at a sliding layer and lies in the model");
    model::Weights slice = weights;
    slice.layers.assign(weights.layers.begin() + first, weights.layers.begin() + first + count);
    slice.hyperparameters.layers = count;
    return slice;
}

}  // namespace gptoss::qualify
