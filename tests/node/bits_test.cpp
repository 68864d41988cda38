// The same bits, whatever the batch: requests of every kind in a crowd (random batches and chunks, a cache that
// comes and goes, preemption, cancellations), alone, and as one prompt over everything that was said.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>

#include "node/receipt_replay.h"
#include "node/sampling_text.h"
#include "signing_node.h"
#include "support/rounds.h"

namespace gptoss::node {
namespace {

struct Said {
    TokenId token = 0;
    float logprob = 0;
    std::vector<std::pair<TokenId, float>> top;
    bool operator==(const Said&) const = default;
};

std::vector<Said> said(const std::vector<backend::SampledToken>& tokens) {
    std::vector<Said> all;
    for (const backend::SampledToken& token : tokens) {
        Said each{token.token, token.logprob, {}};
        for (const backend::TokenLogprob& other : token.top)
            each.top.emplace_back(other.token, other.logprob);
        all.push_back(std::move(each));
    }
    return all;
}

class KeepingSink final : public engine::GenerationSink {
  public:
    void on_token(const backend::SampledToken& token) override { tokens_.push_back(token); }
    void on_finish(engine::FinishReason, const engine::Usage&, const std::string& error) override {
        EXPECT_EQ(error, "");
        done_ = true;
        done_.notify_all();
    }
    bool done() const { return done_; }
    // Of a finished generation.
    std::vector<Said> wait() {
        done_.wait(false);
        return said(tokens_);
    }

  private:
    std::vector<backend::SampledToken> tokens_;
    std::atomic<bool> done_ = false;
};

// What was asked once, to be asked again.
struct Case {
    chain::ReplyReceipt receipt;
    RecordedTokens told;
    api::ReplyForm form;
};

Case case_of(const nlohmann::json& document) {
    Case made{chain::receipt_from_json(document).receipt, read_recorded_tokens(document["tokens"]), {}};
    made.form = api::read_form(*made.told.form);
    return made;
}

// Requests, asked three times: in a crowd, alone, as one prompt.
class Comparison {
  public:
    // `seed`: which requests, and when others come and go.
    Comparison(std::size_t count, unsigned seed) : count_(count), seed_(seed) {}
    void run();

    std::size_t compared = 0;
    std::int64_t preemptions = 0, cached = 0;

  private:
    static Settings settings(std::int64_t batch_tokens, bool cache) {
        Settings made;
        made.max_context_length = 768;
        made.max_sequences = 8;
        made.threads = 1;
        made.determinism = Determinism::on;
        made.cache_tokens = 768;  // too little for eight: some are preempted
        made.batch_tokens = batch_tokens;
        made.prefix_cache = cache;
        return made;
    }
    static LoadedModel load(std::int64_t batch_tokens, bool cache) {
        return load_model(settings(batch_tokens, cache), tested_device(),
                          [](const std::string&, std::int64_t, std::int64_t) {});
    }

    std::shared_ptr<TokenConstraint> constraint(const Case& asked) {
        return asked.form.constrained ? constraints_.make(asked.form.rules) : nullptr;
    }
    backend::SamplingParameters sampling(const Case& asked) {
        backend::SamplingParameters made = read_sampling_text(asked.receipt.sampling).sampling;
        made.seed = asked.receipt.seed;
        made.top_logprobs = 3;
        return made;
    }
    engine::GenerationRequest request(const Case& asked) {
        engine::GenerationRequest made;
        made.prompt = asked.told.prompt;
        made.sampling = sampling(asked);
        made.biases = read_sampling_text(asked.receipt.sampling).biases;
        made.max_tokens = static_cast<std::int32_t>(asked.told.output.size());
        made.constraint = constraint(asked);
        return made;
    }

    // All at once, a few more whenever some are done.
    std::vector<std::vector<Said>> in_a_crowd(engine::Engine& engine, const std::vector<Case>& cases,
                                              unsigned seed) {
        Disturbance others(engine, seed);
        std::mt19937 random(seed);
        std::vector<std::shared_ptr<KeepingSink>> sinks;
        for (const Case& each : cases) {
            sinks.push_back(std::make_shared<KeepingSink>());
            engine.submit(request(each), sinks.back());
            while (std::ranges::count_if(sinks, [](const auto& sink) { return !sink->done(); }) >
                   static_cast<int>(2 + random() % 12)) {
                others();
                std::this_thread::sleep_for(std::chrono::microseconds(100));
            }
        }
        std::vector<std::vector<Said>> all;
        for (const auto& sink : sinks) {
            for (; !sink->done(); std::this_thread::sleep_for(std::chrono::microseconds(100))) others();
            all.push_back(sink->wait());
        }
        return all;
    }

    std::vector<Said> alone(engine::Engine& engine, const Case& asked) {
        const auto sink = std::make_shared<KeepingSink>();
        engine.submit(request(asked), sink);
        return sink->wait();
    }

    std::vector<Said> as_one_prompt(ReplayModel& model, const Case& asked) {
        engine::ReplayRequest made;
        made.prompt = asked.told.prompt;
        made.output = asked.told.output;
        made.sampling = sampling(asked);
        made.biases = read_sampling_text(asked.receipt.sampling).biases;
        if (const auto rules = constraint(asked)) made.constraint = rules->fork();
        return said(model.replayer().run(std::move(made)).chosen);
    }

    std::vector<Case> ask() const {
        std::vector<Case> cases;
        SigningNode node(settings(256, true));
        RandomAsks asks(2026 + seed_);
        Disturbance others(*node.model.engine, 3 + seed_);
        while (cases.size() < count_) {
            std::vector<Ask> together;
            for (int i = 0; i < 20; ++i) together.push_back(asks.next());
            for (const nlohmann::json& document : node.receipts_of(together, others))
                if (cases.size() < count_) cases.push_back(case_of(document));
        }
        return cases;
    }

    const std::size_t count_;
    const unsigned seed_;
    const std::shared_ptr<const Tokenizer> tokenizer_ = load(64, false).served.tokenizer;
    harmony::ConstraintFactory constraints_{*tokenizer_};
};

void Comparison::run() {
    const std::vector<Case> cases = ask();
    const LoadedModel lone = load(256, false);
    Settings replaying = settings(256, false);
    replaying.max_sequences = kReplayRowsAtOnce;
    ReplayModel replay_model(replaying, tested_device());
    const std::size_t third = (count_ + 2) / 3;
    for (const std::int64_t batch_tokens : {16, 50, 256}) {  // how prompts are cut
        const auto first = cases.begin() + static_cast<std::ptrdiff_t>(compared);
        const std::vector<Case> some(first,
                                     first + static_cast<std::ptrdiff_t>(std::min(third, count_ - compared)));
        const LoadedModel crowd = load(batch_tokens, true);
        const auto together = in_a_crowd(*crowd.engine, some, static_cast<unsigned>(batch_tokens) + seed_);
        for (std::size_t i = 0; i < some.size(); ++i) {
            const std::vector<Said> by_itself = alone(*lone.engine, some[i]);
            ASSERT_EQ(together[i].size(), some[i].told.output.size());
            EXPECT_TRUE(together[i] == by_itself) << "alone: case " << compared + i;
            EXPECT_TRUE(together[i] == as_one_prompt(replay_model, some[i]))
                << "one prompt: case " << compared + i;
            for (std::size_t at = 0; at < together[i].size(); ++at)
                ASSERT_EQ(together[i][at].token, some[i].told.output[at])
                    << "as signed: case " << compared + i;
        }
        const engine::EngineStats stats = crowd.engine->stats();
        preemptions += stats.preemptions;
        cached += stats.cached_tokens;
        compared += some.size();
        std::printf("[ measured ] %zu of %zu requests compared, %lld preemptions, %lld cached tokens\n",
                    compared, count_, static_cast<long long>(preemptions), static_cast<long long>(cached));
        std::fflush(stdout);
    }
}

// A long run may be shared: GPTOSS_TEST_THREADS of this process, each with models of its own, and several processes,
// others by --gtest_shuffle --gtest_random_seed=N. GPTOSS_ROUNDS requests of each.
TEST(SameBits, InACrowdAloneAndAsOnePrompt) {
    const auto count = static_cast<std::size_t>(test::long_rounds(48, 2000));
    const char* given = std::getenv("GPTOSS_TEST_THREADS");
    const auto sharers = static_cast<std::size_t>(given == nullptr ? 1 : std::atoi(given));
    const auto seed = static_cast<unsigned>(GTEST_FLAG_GET(random_seed));
    std::vector<std::unique_ptr<Comparison>> shares;
    for (std::size_t i = 0; i < sharers; ++i)
        shares.push_back(
            std::make_unique<Comparison>((count + i) / sharers, seed + 1000 * static_cast<unsigned>(i)));
    {
        std::vector<std::jthread> threads;
        for (const auto& share : shares) threads.emplace_back([&share] { share->run(); });
    }
    std::size_t compared = 0;
    std::int64_t preemptions = 0, cached = 0;
    for (const auto& share : shares) {
        compared += share->compared;
        preemptions += share->preemptions;
        cached += share->cached;
    }
    EXPECT_EQ(compared, count);
    EXPECT_GT(preemptions, 0);
    EXPECT_GT(cached, 0);
    RecordProperty("requests", static_cast<int>(count));
    RecordProperty("preemptions", static_cast<int>(preemptions));
}

}  // namespace
}  // namespace gptoss::node
