#include "backend/host_sampler.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "base/check.h"

namespace gptoss::backend {
namespace {

constexpr float kExcluded = -std::numeric_limits<float>::infinity();
// Values beyond this become this: divided by the smallest temperature it is still a finite number.
constexpr float kLargestLogit = 1e30F;
// u never exceeds 1 - 2^-24, so -ln(-ln u) never exceeds 24 ln 2 = 16.6356.
constexpr float kLargestNoise = 16.64F;

struct Choice {
    TokenId token = -1;  // -1 = nothing is left
    float value = kExcluded;
};

// Step 1 of the rule.
void apply_biases_and_penalties(std::span<float> logits, const SampleRow& row, TokenId last_token) {
    const auto size = static_cast<TokenId>(logits.size());
    for (const auto& [token, bias] : row.biases)
        if (token >= 0 && token < size) logits[token] += bias;
    const SamplingParameters& p = row.parameters;
    const auto penalise = [&](TokenId token, std::int32_t count) {
        float& logit = logits[token];
        logit = logit > 0 ? logit / p.repetition_penalty : logit * p.repetition_penalty;
        if (count > 0) logit -= p.frequency_penalty * static_cast<float>(count) + p.presence_penalty;
    };
    TokenId uncounted = row.last_is_uncounted && last_token < size ? last_token : -1;
    for (const auto& [token, count] : row.counts) {
        if (token < 0 || token >= size) continue;
        penalise(token, count + (token == uncounted ? 1 : 0));
        if (token == uncounted) uncounted = -1;
    }
    if (uncounted >= 0) penalise(uncounted, 1);
}

void exclude_disallowed(std::span<float> logits, std::span<const std::uint32_t> allowed,
                        TokenId padding_from) {
    if (padding_from >= 0 && padding_from < static_cast<TokenId>(logits.size()))
        std::ranges::fill(logits.subspan(padding_from), kExcluded);
    if (allowed.empty()) return;
    check(allowed.size() >= (logits.size() + 31) / 32, "a token mask covers the vocabulary");
    for (std::size_t base = 0; base < logits.size(); base += 32) {
        const std::uint32_t word = allowed[base / 32];
        if (word == ~0U) continue;
        const std::size_t count = std::min<std::size_t>(32, logits.size() - base);
        for (std::size_t i = 0; i < count; ++i)
            if (((word >> i) & 1U) == 0) logits[base + i] = kExcluded;
    }
}

// Makes every value finite or kExcluded, and finds the largest, the lowest id on ties. Sixteen independent
// lanes let the compiler use vector instructions without relaxing the rules for NaN.
Choice sanitise_and_find_largest(std::span<float> logits) {
    constexpr std::size_t kLanes = 16;
    std::array<float, kLanes> largest;
    largest.fill(kExcluded);
    const std::size_t whole = logits.size() / kLanes * kLanes;
    auto clean = [](float value) {
        const float number = value > -kLargestLogit ? value : -kLargestLogit;
        const float clamped = number < kLargestLogit ? number : kLargestLogit;
        return value > kExcluded ? clamped : kExcluded;  // NaN compares false
    };
    for (std::size_t base = 0; base < whole; base += kLanes) {
        for (std::size_t lane = 0; lane < kLanes; ++lane) {
            const float value = clean(logits[base + lane]);
            logits[base + lane] = value;
            largest[lane] = value > largest[lane] ? value : largest[lane];
        }
    }
    float maximum = *std::ranges::max_element(largest);
    for (float& value : logits.subspan(whole)) {
        value = clean(value);
        maximum = std::max(maximum, value);
    }
    if (maximum == kExcluded) return {};
    return {static_cast<TokenId>(std::ranges::find(logits, maximum) - logits.begin()), maximum};
}

// What is sampled when no allowed token has a usable logit.
TokenId lowest_allowed(std::span<const std::uint32_t> allowed, std::size_t vocabulary, TokenId padding_from) {
    const std::size_t limit =
        padding_from >= 0 ? std::min<std::size_t>(padding_from, vocabulary) : vocabulary;
    for (std::size_t base = 0; base < limit && !allowed.empty(); base += 32) {
        if (allowed[base / 32] == 0) continue;
        const std::size_t token = base + std::countr_zero(allowed[base / 32]);
        return token < limit ? static_cast<TokenId>(token) : 0;
    }
    return 0;
}

// A place in the order "larger value first, lower id on ties". What top_k and top_p keep is everything up to
// such a place, the place included.
struct Place {
    float value = kExcluded;
    TokenId token = std::numeric_limits<TokenId>::max();
    bool operator<(const Place& other) const {
        return value > other.value || (value == other.value && token < other.token);
    }
    bool reaches(float other_value, TokenId other_token) const {
        return other_value > value || (other_value == value && other_token <= token);
    }
};

// Where the tokens lie below the largest one: how many and how much probability in each narrow bin of
// distance. It says in which bin top_k and top_p cut, so that only that bin is looked at token by token and
// nothing as large as the vocabulary is ever sorted; and it sums the softmax with one exponential a bin.
class Histogram {
  public:
    Histogram(std::span<const float> logits, float largest, float temperature)
        : logits_(logits), largest_(largest / temperature), temperature_(temperature) {
        // Within a bin, e^-distance = e^-centre (1 - d + d^2 / 2 - ...) with d = distance - centre, at most
        // 1/128: three terms are right to 8e-8, as good as float32 exponentials and several times faster.
        std::array<double, kBins> first_moment{};
        std::array<double, kBins> second_moment{};
        for (float logit : logits) {
            if (logit == kExcluded) continue;
            const float distance = largest_ - logit / temperature_;
            const std::size_t bin = bin_of(distance);
            const double offset = static_cast<double>(distance) - centre_of(bin);
            ++counts_[bin];
            first_moment[bin] += offset;
            second_moment[bin] += offset * offset;
        }
        // The last bin holds what is 32 nats away or more: it weighs nothing.
        for (std::size_t bin = 0; bin + 1 < kBins; ++bin)
            if (counts_[bin] > 0)
                mass_[bin] =
                    std::exp(-centre_of(bin)) * (counts_[bin] - first_moment[bin] + second_moment[bin] / 2);
    }

    // The sum of e^(logit - largest), both divided by the temperature.
    double total_mass() const {
        double total = 0;
        for (double mass : mass_) total += mass;
        return total;
    }

    // The place that keeps the `count` largest. The mass is of the kept ones from then on.
    Place keep_count(std::int64_t count) {
        std::size_t bin = 0;
        for (; bin < kBins && count > counts_[bin]; ++bin) count -= counts_[bin];
        if (bin == kBins) return {};  // fewer tokens than that: all stay
        std::vector<Place> places = collect(bin, {});
        const auto last = places.begin() + (count - 1);
        std::ranges::nth_element(places, last, std::less<>());
        std::fill(mass_.begin() + static_cast<std::ptrdiff_t>(bin), mass_.end(), 0.0);
        for (auto place = places.begin(); place <= last && bin + 1 < kBins; ++place)
            mass_[bin] += mass_of(*place);
        return *last;
    }

    // The place that keeps the smallest set, within what `limit` keeps, whose share of the mass reaches
    // `probability`.
    Place keep_mass(double probability, const Place& limit) const {
        double wanted = probability * total_mass();
        std::size_t bin = 0;
        for (; bin + 1 < kBins && wanted > mass_[bin]; ++bin) wanted -= mass_[bin];
        if (bin + 1 == kBins) return limit;  // rounding, at a probability next to 1
        std::vector<Place> places = collect(bin, limit);
        std::ranges::sort(places, std::less<>());
        for (const Place& place : places) {
            wanted -= mass_of(place);
            if (wanted <= 0) return place;
        }
        return places.empty() ? limit : places.back();
    }

  private:
    static constexpr std::size_t kBins = 2048;
    static constexpr float kBinsPerNat = 64;

    static std::size_t bin_of(float distance) {
        const float scaled = distance * kBinsPerNat;
        return scaled < kBins - 1 ? static_cast<std::size_t>(scaled) : kBins - 1;
    }
    static double centre_of(std::size_t bin) { return (static_cast<double>(bin) + 0.5) / kBinsPerNat; }
    double mass_of(const Place& place) const { return std::exp(place.value / temperature_ - largest_); }

    std::vector<Place> collect(std::size_t bin, const Place& limit) const {
        std::vector<Place> places;
        for (TokenId token = 0; token < static_cast<TokenId>(logits_.size()); ++token) {
            const float logit = logits_[token];
            if (logit != kExcluded && bin_of(largest_ - logit / temperature_) == bin &&
                limit.reaches(logit, token))
                places.push_back({logit, token});
        }
        return places;
    }

    std::span<const float> logits_;
    float largest_;  // after the temperature
    float temperature_;
    std::array<std::int32_t, kBins> counts_{};
    std::array<double, kBins> mass_{};
};

// Step 3 of the rule: what falls to top_k, top_p and min_p becomes kExcluded.
void exclude_unlikely(std::span<float> logits, const Choice& largest, const SamplingParameters& p) {
    const bool use_top_k = p.top_k > 0 && p.top_k < static_cast<std::int64_t>(logits.size());
    const bool use_top_p = p.top_p < 1.0F;
    Place cut;
    if (use_top_k || use_top_p) {
        Histogram histogram(logits, largest.value, p.temperature);
        if (use_top_k) cut = histogram.keep_count(p.top_k);
        if (use_top_p) cut = histogram.keep_mass(p.top_p, cut);
    }
    // The largest always stays: a min_p of 1 keeps it and its equals.
    const float smallest =
        p.min_p > 0 ? largest.value / p.temperature + std::log(std::min(p.min_p, 1.0F)) : kExcluded;
    for (TokenId token = 0; token < static_cast<TokenId>(logits.size()); ++token) {
        const float logit = logits[token];
        if (!cut.reaches(logit, token) || logit / p.temperature < smallest) logits[token] = kExcluded;
    }
}

float noise_of(float u) {
    return -std::log(-std::log(u));
}

// Never below noise_of(u), and cheap. -ln(-ln u) <= -ln(1 - u), as -ln u >= 1 - u; and reading a float's bits
// as a number gives a logarithm that is never too large, as log2(1 + m) >= m for 0 <= m < 1. 1 - u is exact.
float noise_bound(float u) {
    constexpr float kLn2 = 0.69314718F;
    const auto bits = static_cast<float>(std::bit_cast<std::int32_t>(1.0F - u));
    return (127.0F - bits * (1.0F / 8388608.0F)) * kLn2 + 1e-4F;  // the slack covers rounding in the logs
}

// Step 4 of the rule. Nearly all tokens are dismissed before a logarithm is taken: whole blocks because the
// noise is never above kLargestNoise, the rest by noise_bound, in loops without branches.
Choice sample_with_noise(std::span<const float> logits, const Choice& largest, const SampleRow& row) {
    constexpr std::size_t kBlock = 16;
    const float temperature = row.parameters.temperature;
    const std::uint64_t seed = row.parameters.seed;
    auto uniform_of = [&](std::size_t index) { return uniform(seed, row.step, static_cast<TokenId>(index)); };
    Choice best{largest.token, largest.value / temperature + noise_of(uniform_of(largest.token))};
    for (std::size_t base = 0; base < logits.size(); base += kBlock) {
        std::array<float, kBlock> values;
        values.fill(kExcluded);
        std::copy_n(logits.begin() + static_cast<std::ptrdiff_t>(base),
                    std::min(kBlock, logits.size() - base), values.begin());
        int possible = 0;
        for (float& value : values) {
            value /= temperature;
            possible += value + kLargestNoise >= best.value;
        }
        if (possible == 0) continue;
        std::array<float, kBlock> bounds;
        for (std::size_t i = 0; i < kBlock; ++i) bounds[i] = values[i] + noise_bound(uniform_of(base + i));
        possible = 0;
        for (float bound : bounds) possible += bound >= best.value;
        if (possible == 0) continue;
        for (std::size_t i = 0; i < kBlock; ++i) {
            if (bounds[i] < best.value) continue;
            const auto token = static_cast<TokenId>(base + i);
            const float score = values[i] + noise_of(uniform_of(base + i));
            if (score > best.value || (score == best.value && token < best.token)) best = {token, score};
        }
    }
    return best;
}

std::vector<Place> find_most_probable(std::span<const float> logits, std::int32_t count) {
    std::vector<Place> top;  // sorted, at most `count`
    const auto limit = static_cast<std::size_t>(count);
    float smallest = kExcluded;
    for (TokenId token = 0; token < static_cast<TokenId>(logits.size()) && limit > 0; ++token) {
        if (!(logits[token] > smallest)) continue;
        const Place place{logits[token], token};
        if (top.size() == limit) top.pop_back();
        top.insert(std::ranges::upper_bound(top, place, std::less<>()), place);
        if (top.size() == limit) smallest = top.back().value;
    }
    return top;
}

}  // namespace

SampledToken sample_on_host(std::span<float> logits, const SampleRow& row, TokenId padding_from,
                            TokenId last_token) {
    check(!logits.empty(), "there is a vocabulary to sample from");
    const SamplingParameters& p = row.parameters;
    apply_biases_and_penalties(logits, row, last_token);
    exclude_disallowed(logits, row.allowed, padding_from);
    const Choice largest = sanitise_and_find_largest(logits);
    SampledToken sampled;
    if (largest.token < 0) {
        sampled.token = lowest_allowed(row.allowed, logits.size(), padding_from);
        return sampled;
    }

    double normaliser = 0;
    if (p.top_logprobs >= 0) {
        // The sum is rounded: without the bound a token that is nearly certain has a logprob just above 0.
        normaliser =
            largest.value + std::max(0.0, std::log(Histogram(logits, largest.value, 1).total_mass()));
        for (const Place& place : find_most_probable(logits, p.top_logprobs))
            sampled.top.push_back({place.token, static_cast<float>(place.value - normaliser)});
    }

    sampled.token = largest.token;
    if (p.temperature >= kSmallestTemperature) {
        if (p.top_k > 0 || p.top_p < 1.0F || p.min_p > 0) exclude_unlikely(logits, largest, p);
        sampled.token = sample_with_noise(logits, largest, row).token;
    }
    if (p.top_logprobs >= 0) sampled.logprob = static_cast<float>(logits[sampled.token] - normaliser);
    return sampled;
}

float sampling_score(float logit, const SampleRow& row, TokenId token) {
    const SamplingParameters& p = row.parameters;
    if (p.temperature < kSmallestTemperature) return logit;
    return logit / p.temperature + noise_of(uniform(p.seed, row.step, token));
}

}  // namespace gptoss::backend
