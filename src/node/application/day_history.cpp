#include "node/application/day_history.h"

#include <algorithm>
#include <ctime>

#include "api/query.h"
#include "base/error.h"
#include "base/number_text.h"

namespace gptoss::node {

namespace {

using api::Json;

constexpr std::size_t kMostSamples = kHistoryKept_s / kHistoryInterval_s;
constexpr std::int64_t kMostPoints = 2000;

double rate(std::int64_t after, std::int64_t before, std::int64_t seconds) {
    // Counters begin anew with an engine that took another's place.
    return after < before ? 0 : static_cast<double>(after - before) / static_cast<double>(seconds);
}

std::optional<double> value_of(const std::optional<GpuStatus>& gpu, const char* name) {
    const double* value = gpu ? gpu->find(name) : nullptr;
    return value == nullptr ? std::nullopt : std::optional(*value);
}

// The mean of a field over some samples; null where none has it.
struct Mean {
    double sum = 0;
    int count = 0;
    void add(std::optional<double> value) {
        if (!value) return;
        sum += *value;
        ++count;
    }
    Json json() const { return count == 0 ? Json(nullptr) : Json(sum / count); }
};

std::int64_t number_in(const std::string& query, std::string_view name, std::int64_t otherwise,
                       std::int64_t most) {
    const auto text = api::query_value(query, name);
    if (!text) return otherwise;
    const auto value = number_of<std::int64_t>(*text);
    if (!value || *value < 1 || *value > most)
        throw Error(ErrorCode::request_invalid,
                    std::string(name) + " must be a whole number from 1 to " + std::to_string(most) + ".", {},
                    {{"param", std::string(name)}});
    return *value;
}

}  // namespace

void DayHistory::on_reply(const std::string& route, int status) {
    // "Not yet" is what GET /ready is asked for: no error.
    const bool is_answer = route == "/ready" && status == 503;
    if (status >= 400 && !is_answer) add_error(route, status, std::time(nullptr));
    next_.on_reply(route, status);
}

void DayHistory::add_error(const std::string& route, int status, std::int64_t now_s) {
    const std::lock_guard lock(mutex_);
    Errors& errors = errors_[now_s / 60][{route, status}];
    ++errors.count;
    errors.last_s = now_s;
    errors_.erase(errors_.begin(), errors_.lower_bound((now_s - kErrorsKept_s) / 60));
}

void DayHistory::add(const HistorySample& sample) {
    const std::lock_guard lock(mutex_);
    samples_.push_back(sample);
    if (samples_.size() > kMostSamples) samples_.pop_front();
}

void DayHistory::look(const NodeState& state, std::int64_t now_s) {
    if (last_ && now_s - last_->time_s < kHistoryInterval_s) return;
    const auto service = state.find_service();
    if (service == nullptr) return;
    const engine::EngineStats stats = service->engine().stats();
    if (!last_) {  // the first look: what was computed until the next one counts from here
        last_ = Counters{now_s};
        return;
    }
    const Counters now{now_s, stats.prompt_tokens, stats.cached_tokens, stats.generated_tokens};
    const auto before = std::exchange(last_, now);
    const std::int64_t seconds = now_s - before->time_s;
    const auto gpu = state.gpu();
    HistorySample sample;
    sample.time_s = now_s;
    sample.prompt = rate(now.prompt - now.cached, before->prompt - before->cached, seconds);
    sample.cached = rate(now.cached, before->cached, seconds);
    sample.generation = rate(now.generated, before->generated, seconds);
    sample.running = static_cast<double>(stats.running);
    sample.waiting = static_cast<double>(stats.waiting);
    sample.busy = value_of(gpu, "utilization_percent");
    sample.temperature = value_of(gpu, "temperature_celsius");
    sample.power = value_of(gpu, "power_watts");
    add(sample);
}

Json DayHistory::to_json(std::int64_t span_s, std::int64_t points, std::int64_t now_s) const {
    constexpr std::array<const char*, 8> kColumns{"prompt",  "cached", "generation",  "running",
                                                  "waiting", "busy",   "temperature", "power"};
    const std::int64_t step_s =
        std::max(kHistoryInterval_s, (span_s + points - 1) / points);  // of one point, at least a sample
    Json json{{"interval_s", step_s}, {"time", Json::array()}, {"errors", Json::array()}};
    for (const char* name : kColumns) json[name] = Json::array();

    const std::lock_guard lock(mutex_);
    auto sample =
        std::ranges::find_if(samples_, [&](const auto& each) { return each.time_s > now_s - span_s; });
    while (sample != samples_.end()) {
        const std::int64_t point = sample->time_s / step_s;
        std::array<Mean, kColumns.size()> means;
        std::int64_t last_s = 0;
        for (; sample != samples_.end() && sample->time_s / step_s == point; ++sample) {
            const std::array<std::optional<double>, kColumns.size()> values{
                sample->prompt,  sample->cached, sample->generation,  sample->running,
                sample->waiting, sample->busy,   sample->temperature, sample->power};
            for (std::size_t i = 0; i < values.size(); ++i) means[i].add(values[i]);
            last_s = sample->time_s;
        }
        json["time"].push_back(last_s);
        for (std::size_t i = 0; i < means.size(); ++i) json[kColumns[i]].push_back(means[i].json());
    }
    ErrorsOfMinute sums;
    for (const auto& [minute, errors] : errors_) {
        if (minute < (now_s - kErrorsKept_s) / 60) continue;
        for (const auto& [what, seen] : errors) {
            sums[what].count += seen.count;
            sums[what].last_s = seen.last_s;
        }
    }
    for (const auto& [what, seen] : sums)
        json["errors"].push_back(
            {{"route", what.first}, {"status", what.second}, {"count", seen.count}, {"last_s", seen.last_s}});
    return json;
}

void add_history_routes(http::Router& router, const DayHistory& history) {
    router.add({"GET", "/v1/history", false,
                [&history](const http::HttpRequest& request, const api::Caller&) -> api::HandlerResult {
                    const std::int64_t span_s = number_in(request.query, "seconds", 3600, kHistoryKept_s);
                    const std::int64_t points = number_in(request.query, "points", 360, kMostPoints);
                    return api::json_reply(history.to_json(span_s, points, std::time(nullptr)));
                },
                http::RunsOn::worker});
}

}  // namespace gptoss::node
