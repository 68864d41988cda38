// What DETERMINISM=on costs on random weights of a true shape: steps of 1 to 256 sequences, prompts, and a reply of
// 1,000 tokens, generated and then computed again by one prompt as `receipt replay` does. With and without, by turns.
// And what fingerprints cost, of every 32nd token of each sequence.
//
//   bench_cuda_determinism [gpt-oss-120b | gpt-oss-20b] [layers] [rounds] [without=KERNEL,...] [WORDS]
//
// Words: steps, deep, prompts, reply, fingerprints, operations; without one, all. `without` adds a column: with
// DETERMINISM=on, but those kernels.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "backend/cuda/cuda_backend.h"
#include "backend/sequence_runner.h"
#include "base/error.h"

namespace gptoss::backend {
namespace {

constexpr std::int32_t kMostSequences = 256, kDeep = 100000, kPrompt = 8192, kReply = 1000;
constexpr std::int32_t kReplayRows = 64;  // node/replay_model.h, kReplayRowsAtOnce
constexpr std::int32_t kFingerprintEvery = 32, kFingerprintValues = 16;  // engine/fingerprint.h

class Bench {
  public:
    Bench(const model::Hyperparameters& shape, const KernelChoice& kernels) {
        BackendOptions options;
        model::PlanRequest request;
        request.context_length = kDeep + 1024;
        request.cache_tokens = std::int64_t{kMostSequences} * 1280 + request.context_length;
        request.max_sequences = kMostSequences;
        request.max_batch_tokens = kPrompt;
        options.plan = model::plan(shape, request, 0, 0, 0);
        options.kernels = kernels;
        backend_ = make_synthetic_cuda_backend(shape, options, 1);
        runner_ = std::make_unique<SequenceRunner>(*backend_, options.plan, shape.sliding_window);
    }

    // Milliseconds of a generated token of each of `count` sequences, the sampled token fed without a look at it.
    double step_ms(std::int32_t count, std::int32_t depth, int steps) {
        for (std::int32_t slot = 0; slot < count; ++slot) {
            runner_->clear(slot);
            runner_->pretend(slot, depth);
        }
        // The same texts each time: how many experts a step reads depends on them.
        steps_ = samples_ = 0;
        for (int warm_up = 0; warm_up < 3; ++warm_up) generate(count, warm_up == 0);
        const double ms = time_ms([&] {
                              for (int i = 0; i < steps; ++i) generate(count);
                          }) /
                          steps;
        for (std::int32_t slot = 0; slot < count; ++slot) runner_->clear(slot);
        return ms;
    }

    // The same with a fingerprint of each sequence once in kFingerprintEvery steps, of as many in each step as in any.
    double step_with_fingerprints_ms(std::int32_t count, std::int32_t depth, int steps) {
        fingerprints_ = true;
        const double ms = step_ms(count, depth, steps);
        fingerprints_ = false;
        return ms;
    }

    double prompt_ms(std::int32_t length) {
        const std::vector<TokenId> tokens = some_tokens(length);
        double best = 1e30;
        for (int i = 0; i < 3; ++i) {
            runner_->clear(0);
            best = std::min(best, time_ms([&] { runner_->prefill(0, tokens); }));
        }
        runner_->clear(0);
        return best;
    }

    // What each operation of a step takes, by a clock between them.
    void print_operations(std::int32_t count, std::int32_t depth, const char* kind) {
        for (std::int32_t slot = 0; slot < count; ++slot) {
            runner_->clear(slot);
            runner_->pretend(slot, depth);
        }
        for (int warm_up = 0; warm_up < 3; ++warm_up) generate(count);
        settle();
        std::vector<OperationTime> times;
        backend_->time_operations(&times);
        for (int i = 0; i < 5; ++i) generate(count);
        settle();
        backend_->time_operations(nullptr);
        for (const OperationTime& time : times)
            std::printf("%d rows at %d, %s: %-20s %7.1f us a call\n", count, depth, kind, time.name.c_str(),
                        time.seconds / time.calls * 1e6);
        for (std::int32_t slot = 0; slot < count; ++slot) runner_->clear(slot);
    }

    // A reply's tokens as a prompt, each row's token drawn.
    double replay_ms() {
        const std::vector<TokenId> tokens = some_tokens(kReply);
        runner_->clear(0);
        const double ms = time_ms([&] {
            for (std::int32_t first = 0; first < kReply; first += kReplayRows) {
                const std::int32_t rows = std::min(kReplayRows, kReply - first);
                const SequenceRunner::Feed feed{0,
                                                std::span(tokens).subspan(static_cast<std::size_t>(first),
                                                                          static_cast<std::size_t>(rows)),
                                                rows};
                runner_->forward({&feed, 1});
                sample(rows);
            }
        });
        runner_->clear(0);
        return ms;
    }

  private:
    static std::vector<TokenId> some_tokens(std::int32_t count) {
        std::vector<TokenId> tokens;
        for (std::int32_t i = 0; i < count; ++i) tokens.push_back(i * 7919 % 200000);
        return tokens;
    }
    void generate(std::int32_t count, bool first = false) {
        std::vector<TokenId> tokens = some_tokens(count);
        if (!first) std::ranges::fill(tokens, kTokenFromLastSample);
        std::vector<SequenceRunner::Feed> feeds;
        for (std::int32_t slot = 0; slot < count; ++slot)
            feeds.push_back({slot, std::span(tokens).subspan(static_cast<std::size_t>(slot), 1), 1});
        runner_->forward(feeds);
        sample(count);
    }
    void sample(std::int32_t rows) {
        std::vector<SampleRow> samples(static_cast<std::size_t>(rows));
        for (std::int32_t row = 0; row < rows; ++row) {
            SampleRow& each = samples[static_cast<std::size_t>(row)];
            each.logits_index = each.slot = row;
            each.step = ++steps_;
            if (fingerprints_ && (samples_ + static_cast<std::uint64_t>(row)) % kFingerprintEvery == 0)
                each.hidden_values = kFingerprintValues;
        }
        ++samples_;
        const StepHandle last = backend_->sample(samples);
        if (outstanding_) backend_->wait(before_);
        before_ = last;
        outstanding_ = true;
    }
    template <typename Run>
    double time_ms(const Run& run) {
        settle();
        const auto begin = std::chrono::steady_clock::now();
        run();
        settle();
        return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
    }
    // Everything that was submitted is done.
    void settle() {
        if (outstanding_) backend_->wait(before_);
        outstanding_ = false;
        backend_->wait(backend_->sample({}));
    }

    std::unique_ptr<Backend> backend_;
    std::unique_ptr<SequenceRunner> runner_;
    StepHandle before_ = 0;
    bool outstanding_ = false;
    std::uint64_t steps_ = 0, samples_ = 0;
    bool fingerprints_ = false;
};

struct Wishes {
    std::vector<std::string> words;  // none: all
    bool want(const char* word) const {
        return words.empty() || std::ranges::find(words, word) != words.end();
    }
};

// What is measured, by name, in the order of the table.
using Figures = std::vector<std::pair<std::string, double>>;

void measure_fingerprints(Bench& bench, const char* kind) {
    for (const std::int32_t count : {1, 8, 64}) {
        double without = 1e30, with = 1e30;
        for (int turn = 0; turn < 2; ++turn) {
            const int steps = count > 8 ? kFingerprintEvery : 4 * kFingerprintEvery;
            without = std::min(without, bench.step_ms(count, 1024, steps));
            with = std::min(with, bench.step_with_fingerprints_ms(count, 1024, steps));
        }
        std::printf("%d rows at 1,024, %s: %.4f ms, with fingerprints %.4f ms: %+.2f %%\n", count, kind,
                    without, with, 100 * (with / without - 1));
    }
}

// `kind`: off, on, without.
Figures measure(const model::Hyperparameters& shape, const char* kind, const KernelChoice& kernels,
                const Wishes& wishes, bool first) {
    Bench bench(shape, kernels);
    Figures figures;
    const auto add = [&](std::string name, double ms) {
        std::printf("%s, %s: %.3f ms\n", kind, name.c_str(), ms);
        std::fflush(stdout);
        figures.emplace_back(std::move(name), ms);
    };
    if (wishes.want("steps"))
        for (const std::int32_t count : {1, 2, 8, 16, 64, 256})
            add(std::to_string(count) + " rows at 1,024", bench.step_ms(count, 1024, count > 8 ? 20 : 50));
    if (wishes.want("deep")) add("1 row at 100,000", bench.step_ms(1, kDeep, 20));
    if (wishes.want("prompts"))
        for (const std::int32_t length : {1024, kPrompt})
            add("prompt of " + std::to_string(length), bench.prompt_ms(length));
    if (wishes.want("reply")) {
        add("1,000 tokens generated", bench.step_ms(1, 1, kReply) * kReply);
        add("1,000 tokens replayed", bench.replay_ms());
    }
    if (first && wishes.want("fingerprints")) measure_fingerprints(bench, kind);
    if (first && wishes.want("operations") && kernels.batch_invariant)
        for (const std::int32_t count : {1, 8, 64, 256}) bench.print_operations(count, 1024, kind);
    std::fflush(stdout);
    return figures;
}

void run(const model::Hyperparameters& shape, int rounds, const std::vector<std::string>& without,
         const Wishes& wishes) {
    KernelChoice invariant, fewer;
    invariant.batch_invariant = fewer.batch_invariant = true;
    fewer.banned = without;
    for (int round = 0; round < rounds; ++round) {
        const bool first = round == 0;
        const Figures off = measure(shape, "off", {}, wishes, first),
                      on = measure(shape, "on", invariant, wishes, first);
        const Figures other = without.empty() ? on : measure(shape, "without", fewer, wishes, first);
        for (std::size_t i = 0; i < off.size(); ++i) {
            std::printf("%-24s off %9.3f ms, on %9.3f ms: %+6.1f %%", off[i].first.c_str(), off[i].second,
                        on[i].second, 100 * (on[i].second / off[i].second - 1));
            if (!without.empty()) std::printf(", without %9.3f ms", other[i].second);
            std::printf("\n");
        }
        if (wishes.want("reply"))
            std::printf("a replay takes 1 / %.1f of the generation that it checks\n",
                        on[on.size() - 2].second / on.back().second);
        std::fflush(stdout);
    }
}

}  // namespace
}  // namespace gptoss::backend

int main(int argc, char** argv) {
    using namespace gptoss;
    const std::string name = argc > 1 ? argv[1] : "gpt-oss-120b";
    model::Hyperparameters shape = name == "gpt-oss-20b" ? model::gpt_oss_20b() : model::gpt_oss_120b();
    if (argc > 2) shape.layers = std::atoi(argv[2]);
    try {
        std::vector<std::string> without;
        backend::Wishes wishes;
        for (int i = 4; i < argc; ++i) {
            std::string word = argv[i];
            constexpr std::string_view kWithout = "without=";
            if (!word.starts_with(kWithout)) {
                wishes.words.push_back(std::move(word));
                continue;
            }
            std::istringstream names(word.substr(kWithout.size()));
            for (std::string each; std::getline(names, each, ',');) without.push_back(each);
        }
        backend::run(shape, argc > 3 ? std::atoi(argv[3]) : 2, without, wishes);
    } catch (const Error& error) {
        std::printf("%s\n", error.for_people().c_str());
        return 1;
    }
    return 0;
}
