#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <mutex>
#include <set>
#include <thread>

#include "acceptance/client.h"
#include "acceptance/load_figures.h"
#include "acceptance/load_generator.h"
#include "qualify/memory_watch.h"
#include "qualify/node_stages.h"

namespace gptoss::qualify {
namespace {

using acceptance::Json;

// Looks at the node's status every two seconds while a load runs.
class Watch {
  public:
    Watch(ChildNode& node, bool on_gpu)
        : node_(node), memory_(on_gpu), thread_([this](const std::stop_token& stop) {
              while (!stop.stop_requested()) {
                  look();
                  for (int i = 0; i < 20 && !stop.stop_requested(); ++i)
                      std::this_thread::sleep_for(std::chrono::milliseconds(100));
              }
          }) {}

    void finish(Report& report) {
        thread_.request_stop();
        thread_.join();
        look();  // at what came after the last look
        const auto note = [&](const char* name, Verdict verdict, const std::string& detail) {
            report.findings.push_back({"load", name, verdict, detail});
        };
        if (const std::string ending = node_.ending(); !ending.empty())
            note("node survives", Verdict::failed, "it ended during the load: " + ending);
        else
            note("node survives", Verdict::passed, "");
        note("memory flat", memory_.grew() ? Verdict::failed : Verdict::passed, memory_.text());
        if (!saw_gpu_) return note("card", Verdict::skipped, "no card is watched");
        const std::string when =
            trouble_after_s_ < 0 ? "" : fmt::format(", {:.0f} s into it", trouble_after_s_);
        std::string throttled, xids;
        for (const std::string& reason : throttling_) throttled += (throttled.empty() ? "" : ", ") + reason;
        for (const std::int64_t xid : xids_) xids += (xids.empty() ? "" : ", ") + std::to_string(xid);
        note("no throttling", throttled.empty() ? Verdict::passed : Verdict::failed,
             throttled.empty() ? fmt::format("hottest {:.0f} degrees", hottest_)
                               : "clocks lowered: " + throttled + when);
        note("no driver errors", xids.empty() && failure_.empty() ? Verdict::passed : Verdict::failed,
             xids.empty() && failure_.empty() ? ""
                                              : (xids.empty() ? "" : "XID " + xids + " ") + failure_ + when);
    }

  private:
    void look() {
        const acceptance::Client client({.url = node_.url(), .api_key = {}, .timeout_ms = 5000});
        const acceptance::PlainReply reply = client.get("/v1/status");
        memory_.look(node_.resident_bytes(), reply.json);
        if (reply.status != 200 || !reply.json.is_object() || !reply.json.contains("gpu") ||
            !reply.json["gpu"].is_object())
            return;
        const Json& gpu = reply.json["gpu"];
        saw_gpu_ = true;
        hottest_ = std::max(hottest_, acceptance::number_at(gpu, "temperature_celsius"));
        if (gpu.contains("throttling"))
            for (const Json& reason : gpu["throttling"])
                if (reason.is_string() && reason != "power limit")
                    throttling_.insert(reason.get<std::string>());
        if (gpu.contains("xids"))
            for (const Json& xid : gpu["xids"])
                if (xid.is_number_integer()) xids_.insert(xid.get<std::int64_t>());
        if (const std::string failure = acceptance::text_at(gpu, "failure"); !failure.empty())
            failure_ = failure;
        if (trouble_after_s_ < 0 && !(throttling_.empty() && xids_.empty() && failure_.empty()))
            trouble_after_s_ =
                std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
    }

    ChildNode& node_;
    MemoryWatch memory_;
    std::set<std::string> throttling_;
    std::set<std::int64_t> xids_;
    std::string failure_;
    const std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
    double hottest_ = 0, trouble_after_s_ = -1;  // the first trouble; below 0: none
    bool saw_gpu_ = false;
    std::jthread thread_;  // last: it uses all the others
};

struct Mix {
    const char* name;
    std::int32_t clients;  // 0 = independent arrivals
    acceptance::LoadShape shape;
};

void run_mix(ChildNode& node, const Mix& mix, double duration_s, Report& report) {
    std::vector<acceptance::LoadRequest> first;
    if (mix.clients > 0)
        for (std::int32_t i = 0; i < mix.clients; ++i)
            first.push_back(mix.shape.request(static_cast<std::uint64_t>(i), 0));
    else
        first = acceptance::poisson_load(mix.shape, 1, duration_s);
    std::uint64_t number = first.size();
    acceptance::LoadOptions options;
    options.url = node.url();
    options.drain_s = std::max(60.0, duration_s);
    const auto replies = acceptance::run_load(
        options, first,
        [&](const acceptance::LoadReply& reply, double now_s) -> std::optional<acceptance::LoadRequest> {
            if (mix.clients == 0 || now_s >= duration_s) return std::nullopt;
            return mix.shape.request(number++, now_s + (reply.problem.empty() ? 0 : 1));
        },
        [](const acceptance::LoadProgress&) {});
    const acceptance::LoadFigures figures =
        acceptance::figures_of(replies, std::min(duration_s / 4, 15.0), duration_s, {});
    const std::string name = mix.name;
    if (replies.empty()) {
        report.findings.push_back({"load", name, Verdict::skipped, "nobody asked in so short a time"});
        return;
    }
    report.findings.push_back({"load", name, figures.failed == 0 ? Verdict::passed : Verdict::failed,
                               figures.failed == 0
                                   ? fmt::format("{} replies", replies.size())
                                   : fmt::format("{} of {} replies failed: {}", figures.failed,
                                                 replies.size(), figures.first_problem)});
    report.figures.push_back({name, "tok/s", figures.whole_run_tokens_per_second, 0, true});
    if (!figures.first_token_ms.empty())
        report.figures.push_back({name + ", first token, median", "ms",
                                  acceptance::quantile(figures.first_token_ms, 0.5), 0, false});
    if (!figures.between_tokens_ms.empty())
        report.figures.push_back({name + ", between tokens, 99 %", "ms",
                                  acceptance::quantile(figures.between_tokens_ms, 0.99), 0, false});
}

}  // namespace

void qualify_load(ChildNode& node, const LoadStageOptions& options, Report& report,
                  const StageProgress& progress) {
    const double each_s = options.minutes * 60 / 3;
    const std::int32_t words = options.on_gpu ? 1000 : 50, answer = options.on_gpu ? 256 : 32;
    const Mix mixes[] = {
        {"clients that ask again at once", options.clients, {.words = words, .answer = answer, .seed = 1}},
        {"independent arrivals", 0, {.words = words / 2, .answer = answer, .seed = 2}},
        {"long prompts", 2, {.words = words * 8, .answer = answer, .seed = 3}}};
    Watch watch(node, options.on_gpu);
    for (const Mix& mix : mixes) {
        progress(fmt::format("load: {}, {:.0f} s", mix.name, each_s));
        if (node.ending().empty()) run_mix(node, mix, each_s, report);
    }
    watch.finish(report);
}

}  // namespace gptoss::qualify
