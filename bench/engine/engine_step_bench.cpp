// What the engine itself costs a step, over a backend that computes nothing: planning, block tables, the
// batch, handing out tokens. The device works meanwhile, so this only has to stay well below a step of the
// device.
#include <benchmark/benchmark.h>

#include <memory>
#include <random>
#include <vector>

#include "engine/step_loop.h"

namespace {

using namespace gptoss;

class IdleBackend final : public backend::Backend {
  public:
    explicit IdleBackend(bool asynchronous) { info_.asynchronous = asynchronous; }
    const backend::BackendInfo& info() const override { return info_; }
    void forward(const backend::Batch&) override {}
    backend::StepHandle sample(std::span<const backend::SampleRow> rows) override {
        results_[next_ % 3].assign(rows.size(), {.token = 1, .logprob = 0, .top = {}});
        if (waited_ == next_) idle_ns_ += (engine::Clock::now() - began_to_idle_).count();
        return next_++;
    }
    std::span<const backend::SampledToken> wait(backend::StepHandle handle) override {
        waited_ = handle + 1;
        began_to_idle_ = engine::Clock::now();
        return results_[handle % 3];
    }
    // How long nothing was submitted while nothing was left to compute.
    double idle_us() const { return static_cast<double>(idle_ns_) / 1000; }
    void read_logits(std::int32_t, std::span<float>) override {}
    void copy_block(backend::Pool, backend::BlockId, backend::BlockId) override {}

  private:
    backend::BackendInfo info_;
    std::vector<backend::SampledToken> results_[3];
    backend::StepHandle next_ = 0, waited_ = 0;
    engine::Clock::time_point began_to_idle_;
    std::int64_t idle_ns_ = 0;
};

class SilentSink final : public engine::GenerationSink {
  public:
    void on_token(const backend::SampledToken&) override {}
    void on_finish(engine::FinishReason, const engine::Usage&, const std::string&) override {}
};

constexpr std::int32_t kContext = 131072;

engine::EngineOptions options_for(std::int32_t sequences) {
    return {.context_length = kContext,
            .max_sequences = sequences,
            .max_batch_tokens = 2048,
            .full_blocks = 40 * 1024,
            .sliding_blocks = 8 * sequences + 64};
}

void add_request(engine::StepLoop& loop, engine::RequestId id, std::int32_t prompt_count,
                 std::shared_ptr<TokenConstraint> constraint = {}) {
    auto request = std::make_unique<engine::Request>();
    std::mt19937 random(static_cast<unsigned>(id));
    for (std::int32_t i = 0; i < prompt_count; ++i)
        request->tokens.push_back(static_cast<TokenId>(random() % 200000));
    request->id = id;
    request->prompt_count = prompt_count;
    request->token_limit = kContext;
    request->client = "client " + std::to_string(id % 7);
    request->sink = std::make_shared<SilentSink>();
    request->submitted = engine::Clock::now();
    request->constraint = std::move(constraint);
    loop.add(std::move(request));
}

class WaitingConstraint final : public TokenConstraint {
  public:
    std::span<const std::uint32_t> allowed() override { return {}; }
    void accept(TokenId) override {}
    bool depends_on_last_token() const override { return true; }
    std::unique_ptr<TokenConstraint> fork() const override {
        return std::make_unique<WaitingConstraint>(*this);
    }
};

// Every sequence generates, at a context of about 1,000 tokens.
void decode_step(benchmark::State& state) {
    const auto sequences = static_cast<std::int32_t>(state.range(0));
    const auto loop = std::make_unique<engine::StepLoop>(std::make_unique<IdleBackend>(state.range(1) != 0),
                                                         options_for(sequences));
    for (std::int32_t i = 0; i < sequences; ++i) add_request(*loop, i + 1, 1000);
    for (int i = 0; i < 1000; ++i) loop->step();
    for (auto _ : state) loop->step();
    state.counters["running"] = loop->stats().running;
}
BENCHMARK(decode_step)
    ->ArgNames({"sequences", "asynchronous"})
    ->ArgsProduct({{1, 64, 256, 512}, {0, 1}})
    ->Iterations(2000)  // more, and the blocks run out
    ->Unit(benchmark::kMicrosecond);

// One of many sequences wants its last token read before what follows is planned, as in a header: how long the device
// has nothing to do.
void one_waits(benchmark::State& state) {
    const auto sequences = static_cast<std::int32_t>(state.range(0));
    auto made = std::make_unique<IdleBackend>(true);
    const IdleBackend& backend = *made;
    const auto loop = std::make_unique<engine::StepLoop>(std::move(made), options_for(sequences));
    for (std::int32_t i = 0; i < sequences; ++i)
        add_request(*loop, i + 1, 1000, i == 0 ? std::make_shared<WaitingConstraint>() : nullptr);
    for (int i = 0; i < 1000; ++i) loop->step();
    const double before_us = backend.idle_us();
    for (auto _ : state) loop->step();
    state.counters["idle_us"] = (backend.idle_us() - before_us) / static_cast<double>(state.iterations());
}
BENCHMARK(one_waits)
    ->ArgName("sequences")
    ->Arg(64)
    ->Arg(512)
    ->Iterations(2000)
    ->Unit(benchmark::kMicrosecond);

// Four of five tokens are the only ones allowed, as in the header of a call: what taking them without a step
// saves.
class NarrowConstraint final : public TokenConstraint {
  public:
    std::span<const std::uint32_t> allowed() override { return accepted_ % 5 == 0 ? two_ : one_; }
    void accept(TokenId) override { ++accepted_; }
    bool depends_on_last_token() const override { return true; }
    std::unique_ptr<TokenConstraint> fork() const override {
        return std::make_unique<NarrowConstraint>(*this);
    }

  private:
    static std::vector<std::uint32_t> mask(std::uint32_t word) {
        std::vector<std::uint32_t> words(201088 / 32);
        words[0] = word;
        return words;
    }
    std::vector<std::uint32_t> one_ = mask(2), two_ = mask(6);
    std::int64_t accepted_ = 0;
};

void forced_tokens(benchmark::State& state) {
    engine::EngineOptions options = options_for(64);
    options.jump_ahead = state.range(0) != 0;
    const auto loop = std::make_unique<engine::StepLoop>(std::make_unique<IdleBackend>(true), options);
    for (std::int32_t i = 0; i < 64; ++i)
        add_request(*loop, i + 1, 1000, std::make_shared<NarrowConstraint>());
    for (int i = 0; i < 1000; ++i) loop->step();
    const engine::EngineStats before = loop->stats();
    for (auto _ : state) loop->step();
    const engine::EngineStats after = loop->stats();
    state.counters["tokens_a_step"] = static_cast<double>(after.generated_tokens - before.generated_tokens) /
                                      static_cast<double>(after.steps - before.steps) / 64;
}
BENCHMARK(forced_tokens)->ArgName("jumps")->Arg(0)->Arg(1)->Iterations(2000)->Unit(benchmark::kMicrosecond);

// A prompt of 100,000 tokens that was computed before: found, taken and given back.
void admit_cached_prompt(benchmark::State& state) {
    engine::StepLoop loop(std::make_unique<IdleBackend>(false), options_for(4));
    engine::RequestId id = 1;
    const auto tokens = [] {
        std::mt19937 random(1);
        std::vector<TokenId> made(100000);
        for (TokenId& token : made) token = static_cast<TokenId>(random() % 200000);
        return made;
    }();
    for (auto _ : state) {
        auto request = std::make_unique<engine::Request>();
        request->tokens = tokens;
        request->id = id++;
        request->prompt_count = static_cast<std::int32_t>(tokens.size());
        request->token_limit = request->prompt_count + 1;
        request->sink = std::make_shared<SilentSink>();
        loop.add(std::move(request));
        while (loop.busy()) loop.step();
    }
}
BENCHMARK(admit_cached_prompt)->Unit(benchmark::kMicrosecond);

}  // namespace
