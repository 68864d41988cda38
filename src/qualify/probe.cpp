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

std::int32_t blocks_for(std::int32_t tokens) {
    return (tokens + model::kBlockTokens - 1) / model::kBlockTokens;
}

// Runs steps whose sequences share one history.
class ProbeRun {
  public:
    ProbeRun(backend::Backend& backend, const model::MemoryPlan& plan, const model::Hyperparameters& shape,
             bool times_alone)
        : backend_(backend), plan_(plan), shape_(shape), times_alone_(times_alone) {}

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

    // Milliseconds of one step; the logits of all draws into `logits`.
    double step(const Probe& probe, std::vector<float>& logits) {
        logits.clear();
        double ms = 0;
        for (std::int32_t draw = 0; draw < probe.draws(); ++draw) ms += step(probe, draw, logits);
        return ms / probe.draws();
    }

  private:
    double step(const Probe& probe, std::int32_t draw, std::vector<float>& logits) {
        std::vector<std::vector<backend::BlockId>> full(probe.sequences), sliding(probe.sequences);
        std::vector<backend::Segment> segments;
        std::vector<std::int32_t> logits_rows;
        std::vector<backend::SampleRow> rows(probe.sequences);
        for (std::int32_t i = 0; i < probe.sequences; ++i) {
            make_tables(probe, i, full[i], sliding[i]);
            segments.push_back({i, i * probe.tokens, probe.tokens, probe.depth, full[i], sliding[i]});
            for (std::int32_t row = 1; row <= probe.rows_of_sequence(); ++row)
                logits_rows.push_back(i * probe.tokens + row * probe.tokens / probe.rows_of_sequence() - 1);
            rows[i].logits_index = static_cast<std::int32_t>(logits_rows.size()) - 1;
            rows[i].slot = i;
            rows[i].parameters.temperature = 0;
        }
        // Other tokens for each probe: a fault that few inputs show has many chances.
        const std::vector<TokenId> tokens = random_tokens(
            probe.step_tokens(),
            static_cast<std::uint32_t>(2 + probe.depth * 31 + draw * 1009 + probe.input * 100'003 +
                                       probe.sequences * 7 + probe.tokens));
        const auto begin = std::chrono::steady_clock::now();
        backend_.forward({tokens, segments, logits_rows});
        backend_.wait(backend_.sample(rows));
        const double ms =
            std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
        for (std::size_t i = 0; !times_alone_ && i < logits_rows.size(); ++i) {
            logits.resize(logits.size() + shape_.vocabulary);
            backend_.read_logits(static_cast<std::int32_t>(i), std::span(logits).last(shape_.vocabulary));
        }
        return ms;
    }

    std::vector<TokenId> random_tokens(std::int32_t count, std::uint32_t seed) const {
        std::mt19937 random(seed);
        std::vector<TokenId> tokens(count);
        for (TokenId& token : tokens)
            token = static_cast<TokenId>(random() % static_cast<unsigned>(shape_.vocabulary));
        return tokens;
    }

    // History first, in turn; then blocks of the sequence's own, from the pools' other end.
    void make_tables(const Probe& probe, std::int32_t sequence, std::vector<backend::BlockId>& full,
                     std::vector<backend::BlockId>& sliding) const {
        const std::int32_t history = probe.depth / model::kBlockTokens, own = blocks_for(probe.tokens);
        const std::int32_t first_seen = std::max(0, probe.depth - shape_.sliding_window + 1);
        for (std::int32_t block = 0; block < history; ++block) {
            full.push_back(block % kHistoryBlocks);
            sliding.push_back(block < first_seen / model::kBlockTokens ? backend::kNoBlock
                                                                       : block % kHistoryBlocks);
        }
        for (std::int32_t block = 0; block < own; ++block) {
            full.push_back(kHistoryBlocks + sequence * own + block);
            sliding.push_back(kHistoryBlocks + sequence * own + block);
        }
        check(full.back() < plan_.full_blocks && sliding.back() < plan_.sliding_blocks,
              "the plan has blocks for every probe");
    }

    backend::Backend& backend_;
    const model::MemoryPlan& plan_;
    const model::Hyperparameters& shape_;
    bool times_alone_;
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
    return depth > 0 ? text + " at " + std::to_string(depth) : text;
}

std::vector<Probe> probes_for(const model::Hyperparameters& shape, std::int32_t most_tokens,
                              std::int32_t most_deep_tokens) {
    std::vector<Probe> probes;
    const auto add = [&](std::int32_t sequences, std::int32_t tokens, std::int32_t depth) {
        const Probe probe{sequences, tokens, depth / model::kBlockTokens * model::kBlockTokens};
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
    return probes;
}

model::PlanRequest plan_request_for(const std::vector<Probe>& probes, const model::Hyperparameters& shape,
                                    const model::KvTypes& kv_types) {
    model::PlanRequest request;
    request.kv_types = kv_types;
    request.max_batch_tokens = kHistoryTokens;
    std::int32_t own_blocks = 0;
    for (const Probe& probe : probes) {
        request.max_batch_tokens = std::max(request.max_batch_tokens, probe.step_tokens());
        request.max_sequences = std::max(request.max_sequences, probe.sequences * probe.rows_of_sequence());
        own_blocks = std::max(own_blocks, probe.sequences * blocks_for(probe.tokens));
    }
    request.context_length = shape.context_length;
    request.cache_tokens = std::max<std::int64_t>(
        shape.context_length, std::int64_t{kHistoryBlocks + own_blocks} * model::kBlockTokens);
    request.kept_windows = request.max_sequences + kHistoryBlocks;
    return request;
}

std::vector<ProbeOutcome> run_probes(backend::Backend& backend, const model::MemoryPlan& plan,
                                     const model::Hyperparameters& shape, const std::vector<Probe>& probes,
                                     std::int32_t passes, bool times_alone) {
    ProbeRun run(backend, plan, shape, times_alone);
    std::vector<ProbeOutcome> outcomes(probes.size());
    std::vector<std::vector<double>> times(probes.size());
    std::vector<float> logits;
    for (std::int32_t pass = 0; pass < passes; ++pass) {
        run.write_history();
        for (std::size_t i = 0; i < probes.size(); ++i) {
            const std::size_t at = pass % 2 == 0 ? i : probes.size() - 1 - i;
            times[at].push_back(run.step(probes[at], logits));
            if (pass == 0)
                outcomes[at].logits = logits;
            else if (!logits.empty() && std::memcmp(logits.data(), outcomes[at].logits.data(),
                                                    logits.size() * sizeof(float)) != 0)
                outcomes[at].repeatable = false;
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
