// What Prometheus scrapes from /metrics. Latencies are reported by the engine's thread as they happen; the
// engine's own counters are copied at scrape time.
#pragma once

#include <memory>
#include <string>

#include "api/token_queue.h"
#include "engine/engine.h"
#include "http/meter.h"
#include "marketplace/market.h"
#include "node/application/gpu_status.h"

namespace gptoss::node {

class Metrics final : public api::GenerationObserver, public http::ReplyMeter {
  public:
    Metrics();
    ~Metrics() override;

    void on_first_token(double since_submission_ms) override;
    void on_next_token(double since_last_token_ms) override;
    void on_finish(engine::FinishReason reason, const engine::Usage& usage) override;

    void on_reply(const std::string& route, int status) override;

    // The marketplace's gauges, which are there from the first call on.
    void show_market(const marketplace::Market::Figures& figures);

    // The text exposition format. `stats` is null before the model is loaded, `gpu` when none is watched.
    std::string to_text(const engine::EngineStats* stats, const GpuStatus* gpu = nullptr);

  private:
    struct Families;
    std::unique_ptr<Families> families_;
};

}  // namespace gptoss::node
