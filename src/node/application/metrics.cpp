#include "node/application/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <map>
#include <mutex>

namespace gptoss::node {

namespace {

using Buckets = prometheus::Histogram::BucketBoundaries;

// From a GPU's first token of a short prompt to a CPU's of a long one.
const Buckets kFirstTokenBuckets_s{0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300};
const Buckets kNextTokenBuckets_s{0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05,
                                  0.075, 0.1,   0.15,  0.25, 0.5,  1,    2.5};

std::string_view to_string(engine::FinishReason reason) {
    switch (reason) {
        case engine::FinishReason::stop:
            return "stop";
        case engine::FinishReason::length:
            return "length";
        case engine::FinishReason::cancelled:
            return "cancelled";
        case engine::FinishReason::error:
            return "error";
    }
    return "error";
}

}  // namespace

struct Metrics::Families {
    prometheus::Registry registry;
    prometheus::Family<prometheus::Counter>& replies =
        counters("gptoss_http_replies_total", "Replies by route and HTTP status");
    prometheus::Family<prometheus::Counter>& finishes =
        counters("gptoss_generations_total", "Generations by the reason they ended");
    prometheus::Histogram& first_token = histogram(
        "gptoss_time_to_first_token_seconds", "From submission to the first token", kFirstTokenBuckets_s);
    prometheus::Histogram& next_token =
        histogram("gptoss_time_between_tokens_seconds", "From one token of a sequence to its next",
                  kNextTokenBuckets_s);
    prometheus::Gauge& running = gauge("gptoss_sequences_running", "Sequences being computed");
    prometheus::Gauge& waiting = gauge("gptoss_sequences_waiting", "Requests in the queue");
    prometheus::Gauge& blocks_used =
        gauge("gptoss_kv_blocks_used", "KV blocks of the full-attention pool in use");
    prometheus::Gauge& blocks_cached =
        gauge("gptoss_kv_blocks_cached", "KV blocks of the full-attention pool kept for prefixes alone");
    prometheus::Gauge& blocks_total = gauge("gptoss_kv_blocks_total", "KV blocks of the full-attention pool");
    prometheus::Gauge& prompt_speed =
        gauge("gptoss_prompt_tokens_per_second", "Prompt tokens over the last seconds");
    prometheus::Gauge& generation_speed =
        gauge("gptoss_generated_tokens_per_second", "Generated tokens over the last seconds");
    prometheus::Counter& prompt_tokens =
        counter("gptoss_prompt_tokens_total", "Prompt tokens, cached ones included");
    prometheus::Counter& cached_tokens =
        counter("gptoss_cached_prompt_tokens_total", "Prompt tokens found in the prefix cache");
    prometheus::Counter& generated_tokens = counter("gptoss_generated_tokens_total", "Tokens generated");
    prometheus::Counter& forced_tokens =
        counter("gptoss_forced_tokens_total", "Generated tokens that took no step: a grammar left no other");
    prometheus::Counter& steps = counter("gptoss_engine_steps_total", "Batches computed");
    prometheus::Counter& preemptions =
        counter("gptoss_preemptions_total", "Sequences set back when KV ran out");
    prometheus::Counter& prompt_rows =
        counter("gptoss_prompt_rows_total", "Rows of prompts computed: prompt tokens less cached ones");
    prometheus::Family<prometheus::Counter>& prompt_steps =
        counters("gptoss_prompt_steps_total",
                 "Batches with rows of prompts, by what ended these rows: all there were or a batch holds, "
                 "or a bound");
    prometheus::Gauge& step_bound = gauge(
        "gptoss_step_bound_seconds",
        "What the latest batch with rows of prompts was allowed to take; 0: nobody generated beside it");
    prometheus::Gauge& oldest_wait =
        gauge("gptoss_queue_oldest_wait_seconds", "How long the first request in the queue has waited");
    // The same under the names that endpoint pickers look for (Gateway API Inference Extension, llm-d).
    prometheus::Gauge& picker_running = gauge("vllm:num_requests_running", "gptoss_sequences_running");
    prometheus::Gauge& picker_waiting = gauge("vllm:num_requests_waiting", "gptoss_sequences_waiting");
    prometheus::Gauge& picker_kv_share =
        gauge("vllm:kv_cache_usage_perc", "gptoss_kv_blocks_used of gptoss_kv_blocks_total, 0 to 1");
    prometheus::Family<prometheus::Gauge>& picker_cache =
        prometheus::BuildGauge()
            .Name("vllm:cache_config_info")
            .Help("Tokens of a KV block, and blocks; always 1")
            .Register(registry);
    std::int64_t picker_blocks = 0;
    prometheus::Gauge* picker_cache_of_now = nullptr;
    std::mutex scrape;
    std::map<const prometheus::Counter*, std::int64_t> last_counts;  // as the engine last reported them
    std::map<std::string, prometheus::Gauge*> late_gauges;           // made when they are first reported

    void report_to_pickers(const engine::EngineStats& stats) {
        picker_running.Set(stats.running);
        picker_waiting.Set(stats.waiting);
        const auto total = static_cast<double>(std::max<std::int64_t>(stats.full_blocks_total, 1));
        picker_kv_share.Set(static_cast<double>(stats.full_blocks_used) / total);
        if (picker_blocks == stats.full_blocks_total) return;
        if (picker_cache_of_now != nullptr) picker_cache.Remove(picker_cache_of_now);
        picker_blocks = stats.full_blocks_total;
        picker_cache_of_now = &picker_cache.Add({{"block_size", std::to_string(model::kBlockTokens)},
                                                 {"num_gpu_blocks", std::to_string(picker_blocks)}});
        picker_cache_of_now->Set(1);
    }

    prometheus::Gauge& late_gauge(const std::string& name, const std::string& help) {
        prometheus::Gauge*& found = late_gauges[name];
        if (found == nullptr) found = &gauge(name, help);
        return *found;
    }

    prometheus::Family<prometheus::Counter>& counters(const std::string& name, const std::string& help) {
        return prometheus::BuildCounter().Name(name).Help(help).Register(registry);
    }
    prometheus::Counter& counter(const std::string& name, const std::string& help) {
        return counters(name, help).Add({});
    }
    prometheus::Gauge& gauge(const std::string& name, const std::string& help) {
        return prometheus::BuildGauge().Name(name).Help(help).Register(registry).Add({});
    }
    prometheus::Histogram& histogram(const std::string& name, const std::string& help,
                                     const Buckets& buckets) {
        return prometheus::BuildHistogram().Name(name).Help(help).Register(registry).Add({}, buckets);
    }
};

Metrics::Metrics() : families_(std::make_unique<Families>()) {}
Metrics::~Metrics() = default;

void Metrics::on_first_token(double since_submission_ms) {
    families_->first_token.Observe(since_submission_ms / 1e3);
}

void Metrics::on_next_token(double since_last_token_ms) {
    families_->next_token.Observe(since_last_token_ms / 1e3);
}

void Metrics::on_finish(engine::FinishReason reason, const engine::Usage&) {
    families_->finishes.Add({{"reason", std::string(to_string(reason))}}).Increment();
}

void Metrics::on_reply(const std::string& route, int status) {
    families_->replies.Add({{"route", route}, {"status", std::to_string(status)}}).Increment();
}

void Metrics::show_market(const marketplace::Market::Figures& figures) {
    Families& all = *families_;
    const std::lock_guard lock(all.scrape);
    const auto show = [&all](const char* name, const char* help, double value) {
        all.late_gauge(name, help).Set(value);
    };
    const auto count = [](std::int64_t value) { return static_cast<double>(value); };
    show("gptoss_market_sessions", "Sessions that are open or wait for their client",
         count(figures.sessions));
    show("gptoss_market_billed_tokens", "Tokens counted for jobs that pay", count(figures.ledger.billed));
    show("gptoss_market_proven_tokens", "Tokens that the chain has taken proofs of",
         count(figures.ledger.proven));
    show("gptoss_market_unproven_tokens", "Tokens counted and not proven yet",
         count(figures.ledger.unproven));
    show("gptoss_market_proofs", "Proofs that have arrived", count(figures.ledger.proofs));
    show("gptoss_market_failed_transactions", "Transactions that failed on the chain",
         count(figures.ledger.failed_transactions));
    show("gptoss_market_balance_coins", "The host account's own coins, for gas, when it last sent something",
         figures.balance);
    show("gptoss_market_claims_healthy", "0 while claims cannot be sent", figures.problem.empty() ? 1 : 0);
    show("gptoss_market_outbox_files", "Files that wait to be uploaded to S5", count(figures.outbox));
}

std::string Metrics::to_text(const engine::EngineStats* stats, const GpuStatus* gpu) {
    Families& all = *families_;
    const std::lock_guard lock(all.scrape);
    if (stats != nullptr) {
        all.running.Set(stats->running);
        all.waiting.Set(stats->waiting);
        all.blocks_used.Set(static_cast<double>(stats->full_blocks_used));
        all.blocks_cached.Set(static_cast<double>(stats->full_blocks_cached));
        all.blocks_total.Set(static_cast<double>(stats->full_blocks_total));
        all.prompt_speed.Set(stats->prompt_tokens_per_second);
        all.generation_speed.Set(stats->generated_tokens_per_second);
        // An engine counts from its start; after another model was loaded the counters go on from theirs.
        const auto raise_to = [&all](prometheus::Counter& counter, std::int64_t value) {
            std::int64_t& last = all.last_counts[&counter];
            counter.Increment(static_cast<double>(value >= last ? value - last : value));
            last = value;
        };
        raise_to(all.prompt_tokens, stats->prompt_tokens);
        raise_to(all.cached_tokens, stats->cached_tokens);
        raise_to(all.generated_tokens, stats->generated_tokens);
        raise_to(all.forced_tokens, stats->forced_tokens);
        raise_to(all.steps, stats->steps);
        raise_to(all.preemptions, stats->preemptions);
        raise_to(all.prompt_rows, stats->prompt_rows);
        for (std::size_t i = 0; i < stats->steps_by_limit.size(); ++i)
            raise_to(all.prompt_steps.Add({{"limit", std::string(engine::kStepLimitNames[i])}}),
                     stats->steps_by_limit[i]);
        all.step_bound.Set(stats->step_bound_ms / 1e3);
        all.oldest_wait.Set(stats->oldest_wait_ms / 1e3);
        all.report_to_pickers(*stats);
    }
    if (gpu != nullptr) {
        for (const GpuStatus::Value& each : gpu->values)
            all.late_gauge("gptoss_gpu_" + std::string(each.name), std::string(each.help)).Set(each.value);
        all.late_gauge("gptoss_gpu_healthy", "0 after an error that only a reset of the card mends")
            .Set(gpu->failure.empty() ? 1 : 0);
    }
    return prometheus::TextSerializer().Serialize(all.registry.Collect());
}

}  // namespace gptoss::node
