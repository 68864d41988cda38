#include "acceptance/load_reading.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <utility>
#include <vector>

namespace gptoss::acceptance {
namespace {

const Series kNothing;

double value_of(const Series& series, const std::string& name) {
    const auto found = series.find(name);
    return found == series.end() ? 0 : found->second;
}

// The counters of the two readings, and what they grew by.
class Growth {
  public:
    Growth(const Series& before, const Series& now) : before_(before), now_(now) {}

    double operator()(const std::string& name) const {
        return value_of(now_, name) - value_of(before_, name);
    }

    // A node that began anew counts from nothing.
    bool any_fell() const {
        return std::ranges::any_of(before_, [this](const auto& entry) {
            const std::string_view name = entry.first;
            return name.substr(0, name.find('{')).ends_with("_total") &&
                   value_of(now_, entry.first) < entry.second;
        });
    }

    // Replies of POST endpoints below /v1/, and which of them were refusals.
    std::pair<double, double> replies() const {
        double all = 0, refused = 0;
        for (const std::string path : {"/v1/chat/completions", "/v1/completions", "/v1/inference"}) {
            const std::string prefix = "gptoss_http_replies_total{route=\"" + path + "\",status=\"";
            for (auto entry = now_.lower_bound(prefix);
                 entry != now_.end() && entry->first.starts_with(prefix); ++entry) {
                const double grown = (*this)(entry->first);
                all += grown;
                const std::string status = entry->first.substr(prefix.size(), 3);
                if (status == "429" || status == "503") refused += grown;
            }
        }
        return {all, refused};
    }

    std::optional<Latency> latency(const std::string& name) const {
        const double count = (*this)(name + "_count");
        if (count <= 0) return std::nullopt;
        const double mean_s = (*this)(name + "_sum") / count;
        return Latency{mean_s * 1e3, quantile_s(buckets(name), 0.95 * count) * 1e3};
    }

  private:
    struct Bucket {
        double limit_s = 0;
        double count = 0;  // with those of all smaller buckets
    };

    std::vector<Bucket> buckets(const std::string& name) const {
        const std::string prefix = name + "_bucket{le=\"";
        std::vector<Bucket> list;
        for (auto entry = now_.lower_bound(prefix); entry != now_.end() && entry->first.starts_with(prefix);
             ++entry) {
            list.push_back(
                {std::strtod(entry->first.c_str() + prefix.size(), nullptr), (*this)(entry->first)});
        }
        std::ranges::sort(list, {}, &Bucket::limit_s);  // the map has them by spelling
        return list;
    }

    static double quantile_s(const std::vector<Bucket>& buckets, double rank) {
        Bucket below;
        for (const Bucket& bucket : buckets) {
            if (bucket.count >= rank) {
                if (std::isinf(bucket.limit_s)) break;  // beyond the last bucket: at least its limit
                const double share = (rank - below.count) / std::max(bucket.count - below.count, 1e-9);
                return below.limit_s + share * (bucket.limit_s - below.limit_s);
            }
            below = bucket;
        }
        return below.limit_s;
    }

    const Series& before_;
    const Series& now_;
};

std::string why_not(const PlainReply& reply) {
    if (!reply.problem.empty()) return reply.problem;
    if (reply.status == 401) return "the node wants an API key";
    return "HTTP " + std::to_string(reply.status);
}

}  // namespace

Series read_metrics(std::string_view text) {
    Series series;
    while (!text.empty()) {
        const std::string line(text.substr(0, text.find('\n')));
        text.remove_prefix(std::min(line.size() + 1, text.size()));
        if (line.starts_with('#')) continue;
        const std::size_t labels_end = line.rfind('}');
        const std::size_t name_end = labels_end == std::string::npos ? line.find(' ') : labels_end + 1;
        if (name_end == std::string::npos || name_end == 0) continue;
        const char* number = line.c_str() + std::min(name_end, line.size());
        char* end = nullptr;
        const double value = std::strtod(number, &end);
        if (end != number && !std::isnan(value)) series[line.substr(0, name_end)] = value;
    }
    return series;
}

LoadReading read_load(const Client& client) {
    LoadReading reading;
    PlainReply status = client.get("/v1/status");
    reading.taken = Clock::now();
    if (status.status != 200) {
        reading.problem = why_not(status);
    } else if (!status.json.is_object() || !status.json.contains("status")) {
        reading.problem = "its /v1/status is not a gpt-oss-node's";
    } else {
        reading.status = std::move(status.json);
        const PlainReply metrics = client.get("/metrics");
        if (metrics.status == 200) {
            reading.series = read_metrics(metrics.body);
        } else {
            reading.problem = "/metrics: " + why_not(metrics);
        }
    }
    return reading;
}

Load compare(const LoadReading* before, const LoadReading& now) {
    Load load;
    load.since_start = before == nullptr || Growth(before->series, now.series).any_fell();
    const Growth growth(load.since_start ? kNothing : before->series, now.series);
    if (!load.since_start) {
        load.seconds = std::max(std::chrono::duration<double>(now.taken - before->taken).count(), 1e-3);
        const auto [all, refused] = growth.replies();
        load.replies_per_second = all / load.seconds;
        load.refused_per_second = refused / load.seconds;
    }
    if (const double prompt = growth("gptoss_prompt_tokens_total"); prompt > 0)
        load.prefix_hit_share = growth("gptoss_cached_prompt_tokens_total") / prompt;
    load.first_token = growth.latency("gptoss_time_to_first_token_seconds");
    load.next_token = growth.latency("gptoss_time_between_tokens_seconds");
    return load;
}

}  // namespace gptoss::acceptance
