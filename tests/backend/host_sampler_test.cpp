#include "backend/host_sampler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

#include "support/rounds.h"

namespace gptoss::backend {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

std::vector<float> random_logits(std::size_t count, float spread, unsigned seed) {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal(0, spread);
    std::vector<float> logits(count);
    for (float& logit : logits) logit = normal(random);
    return logits;
}

SampledToken sample(std::vector<float> logits, const SampleRow& row, TokenId padding_from = -1) {
    return sample_on_host(logits, row, padding_from);
}

bool allows(const SampleRow& row, TokenId padding_from, TokenId token) {
    if (padding_from >= 0 && token >= padding_from) return false;
    return row.allowed.empty() || ((row.allowed[token / 32] >> (token % 32)) & 1U) != 0;
}

struct Entry {
    TokenId token;
    double value;
};

// The rule of sampling.h word by word: double precision, full sorts, no shortcuts.
struct Reference {
    std::vector<Entry> kept;  // after step 3, most probable first, `value` divided by the temperature
    TokenId winner = -1;
};

Reference apply_rule(const std::vector<float>& logits, const SampleRow& row, TokenId padding_from) {
    const SamplingParameters& p = row.parameters;
    std::vector<double> penalised(logits.begin(), logits.end());
    for (const auto& [token, bias] : row.biases) penalised[token] += bias;
    for (const auto& [token, count] : row.counts) {
        double& l = penalised[token];
        l = l > 0 ? l / p.repetition_penalty : l * p.repetition_penalty;
        if (count > 0) l -= static_cast<double>(p.frequency_penalty) * count + p.presence_penalty;
    }
    Reference result;
    for (TokenId token = 0; token < static_cast<TokenId>(logits.size()); ++token)
        if (allows(row, padding_from, token)) result.kept.push_back({token, penalised[token]});
    std::ranges::stable_sort(result.kept, std::greater<>(), &Entry::value);
    if (p.temperature == 0) {
        result.winner = result.kept.front().token;
        return result;
    }
    for (Entry& entry : result.kept) entry.value /= p.temperature;
    const double largest = result.kept.front().value;
    if (p.top_k > 0 && p.top_k < static_cast<std::int64_t>(result.kept.size())) result.kept.resize(p.top_k);
    if (p.top_p < 1) {
        double total = 0;
        for (const Entry& entry : result.kept) total += std::exp(entry.value - largest);
        double reached = 0;
        std::size_t count = 0;
        while (count < result.kept.size() && (count == 0 || reached < p.top_p * total))
            reached += std::exp(result.kept[count++].value - largest);
        result.kept.resize(count);
    }
    std::erase_if(result.kept, [&](const Entry& e) { return std::exp(e.value - largest) < p.min_p; });
    double best = -kInfinity;
    for (const Entry& entry : result.kept) {
        const double u = uniform(p.seed, row.step, entry.token);
        const double score = entry.value - std::log(-std::log(u));
        if (score > best) {
            best = score;
            result.winner = entry.token;
        }
    }
    return result;
}

TEST(HostSampler, AgreesWithTheRuleWordByWordOnRandomSettings) {
    std::mt19937 generator(7);
    auto random = [&] { return static_cast<std::uint32_t>(generator()); };
    auto pick = [&](auto... values) {
        const std::array list{values...};
        return list[random() % list.size()];
    };
    int differences = 0;
    constexpr int kRounds = test::rounds(1500);
    for (int round = 0; round < kRounds; ++round) {
        const std::size_t vocabulary = pick(5, 40, 1000, 20000);
        const std::vector<float> logits = random_logits(vocabulary, pick(0.1F, 1.0F, 4.0F), round);
        const TokenId padding_from = pick(-1, static_cast<TokenId>(vocabulary - 3));
        SampleRow row;
        row.step = random() % 100;
        row.parameters = {.temperature = pick(0.0F, 0.3F, 1.0F, 1.7F),
                          .top_p = pick(1.0F, 0.9F, 0.5F, 0.01F),
                          .min_p = pick(0.0F, 0.0F, 0.05F),
                          .top_k = pick(0, 1, 3, 50, 5000),
                          .repetition_penalty = pick(1.0F, 1.3F),
                          .frequency_penalty = pick(0.0F, 0.5F),
                          .presence_penalty = pick(0.0F, 0.7F),
                          .seed = random()};
        std::vector<TokenBias> biases;
        std::vector<TokenCount> counts;
        for (unsigned i = 0; i < random() % 5; ++i)
            biases.push_back({static_cast<TokenId>(random() % vocabulary), pick(-100.0F, 2.0F, 5.0F)});
        for (TokenId token = 0; token < static_cast<TokenId>(vocabulary); token += 3)
            if (random() % 4 == 0) counts.push_back({token, static_cast<std::int32_t>(random() % 4)});
        std::vector<std::uint32_t> mask((vocabulary + 31) / 32);
        for (std::uint32_t& word : mask) word = random() & random();
        mask[0] |= 1U;
        row.biases = biases;
        row.counts = counts;
        if (round % 2 == 0) row.allowed = mask;

        const Reference reference = apply_rule(logits, row, padding_from);
        const TokenId token = sample(logits, row, padding_from).token;
        ASSERT_TRUE(allows(row, padding_from, token)) << "round " << round;
        differences += token != reference.winner;
    }
    // float32 and double may disagree where two scores or two masses are equal to seven digits.
    EXPECT_LE(differences, kRounds / 500);
}

// 99.99 % of the chi-square distribution with `freedom` degrees of freedom (Wilson and Hilferty 1931).
double chi_square_limit(double freedom) {
    const double z = 3.72;
    const double a = 2.0 / (9.0 * freedom);
    return freedom * std::pow(1 - a + z * std::sqrt(a), 3);
}

double chi_square(const std::vector<float>& logits, SampleRow row, int draws, std::size_t* classes) {
    const Reference reference = apply_rule(logits, row, -1);
    double total = 0;
    for (const Entry& entry : reference.kept) total += std::exp(entry.value);
    std::vector<int> seen(logits.size());
    for (int draw = 0; draw < draws; ++draw) {
        row.step = draw;
        ++seen[sample(logits, row).token];
    }
    double statistic = 0;
    int counted = 0;
    for (const Entry& entry : reference.kept) {
        const double expected = draws * std::exp(entry.value) / total;
        statistic += (seen[entry.token] - expected) * (seen[entry.token] - expected) / expected;
        counted += seen[entry.token];
    }
    EXPECT_EQ(counted, draws) << "a token outside the kept set was sampled";
    *classes = reference.kept.size();
    return statistic;
}

TEST(HostSampler, DrawsFollowTheSoftmax) {
    const std::vector<SamplingParameters> settings{{},
                                                   {.temperature = 0.7F},
                                                   {.temperature = 1.5F, .seed = 5},
                                                   {.top_p = 0.8F, .seed = 6},
                                                   {.top_k = 7, .seed = 7},
                                                   {.min_p = 0.1F, .seed = 8},
                                                   {.top_p = 0.9F, .top_k = 20, .seed = 9}};
    const std::vector<float> logits = random_logits(50, 1.0F, 3);
    for (const SamplingParameters& parameters : settings) {
        std::size_t classes = 0;
        SampleRow row;
        row.parameters = parameters;
        const double statistic = chi_square(logits, row, test::rounds(60000), &classes);
        ASSERT_GT(classes, 2U);
        EXPECT_LT(statistic, chi_square_limit(static_cast<double>(classes) - 1))
            << "temperature " << parameters.temperature << " top_p " << parameters.top_p << " top_k "
            << parameters.top_k << " min_p " << parameters.min_p;
    }
}

TEST(HostSampler, ALargeFlatVocabularyIsDrawnEvenly) {
    const std::vector<float> logits(20000, 0.25F);
    constexpr int kDraws = test::rounds(4000);
    std::vector<int> quarters(4);
    SampleRow row;
    for (int draw = 0; draw < kDraws; ++draw) {
        row.step = draw;
        ++quarters[sample(logits, row).token / 5000];
    }
    double statistic = 0;
    for (int count : quarters) statistic += (count - kDraws / 4.0) * (count - kDraws / 4.0) / (kDraws / 4.0);
    EXPECT_LT(statistic, chi_square_limit(3));
}

TEST(HostSampler, TheSameSeedAndStepGiveTheSameToken) {
    const std::vector<float> logits = random_logits(5000, 0.5F, 1);
    SampleRow row;
    row.parameters.seed = 42;
    int changes = 0;
    for (row.step = 0; row.step < 50; ++row.step) {
        const TokenId token = sample(logits, row).token;
        EXPECT_EQ(token, sample(logits, row).token);
        SampleRow other = row;
        other.parameters.seed = 43;
        changes += token != sample(logits, other).token;
    }
    EXPECT_GT(changes, 40);
}

TEST(HostSampler, GreedyTakesTheLowestIdOnTies) {
    SampleRow row;
    row.parameters.temperature = 0;
    EXPECT_EQ(sample({1, 5, 2, 5, 5}, row).token, 1);
    EXPECT_EQ(sample({-3, -7, -3}, row).token, 0);
    EXPECT_EQ(sample({1, 2, 3, 9}, row, 3).token, 2);
}

TEST(HostSampler, TopKKeepsTheLowestIdsAmongEquals) {
    SampleRow row;
    row.parameters.top_k = 2;
    for (row.step = 0; row.step < 200; ++row.step) EXPECT_LT(sample({4, 4, 4, 4, 1}, row).token, 2);
}

TEST(HostSampler, TopPKeepsTheTokenThatCrosses) {
    // Probabilities 0.5, 0.3, 0.2: 0.6 needs the first two.
    const std::vector<float> logits{std::log(0.5F), std::log(0.3F), std::log(0.2F)};
    SampleRow row;
    row.parameters.top_p = 0.6F;
    std::vector<int> seen(3);
    for (row.step = 0; row.step < 500; ++row.step) ++seen[sample(logits, row).token];
    EXPECT_GT(seen[0], 200);
    EXPECT_GT(seen[1], 100);
    EXPECT_EQ(seen[2], 0);
    row.parameters.top_p = 0;
    for (row.step = 0; row.step < 100; ++row.step) EXPECT_EQ(sample(logits, row).token, 0);
}

TEST(HostSampler, LogprobsAreOfTheModelsOwnDistribution) {
    const std::vector<float> logits = random_logits(300, 2.0F, 9);
    double sum = 0;
    for (float logit : logits) sum += std::exp(static_cast<double>(logit));
    SampleRow row;
    row.parameters = {.temperature = 0.2F, .top_k = 5, .top_logprobs = 4};
    const SampledToken sampled = sample(logits, row);
    EXPECT_NEAR(sampled.logprob, logits[sampled.token] - std::log(sum), 1e-5);
    ASSERT_EQ(sampled.top.size(), 4U);
    std::vector<TokenId> order(logits.size());
    std::iota(order.begin(), order.end(), 0);
    std::ranges::sort(order, std::greater<>(), [&](TokenId token) { return logits[token]; });
    for (std::size_t i = 0; i < 4; ++i) {
        EXPECT_EQ(sampled.top[i].token, order[i]);
        EXPECT_NEAR(sampled.top[i].logprob, logits[order[i]] - std::log(sum), 1e-5);
    }
    row.parameters.top_logprobs = 0;
    EXPECT_TRUE(sample(logits, row).top.empty());
    EXPECT_LT(sample(logits, row).logprob, 0);
    row.parameters.top_logprobs = -1;
    EXPECT_EQ(sample(logits, row).logprob, 0);
}

TEST(HostSampler, LogprobsOfHugeLogitsAreFinite) {
    SampleRow row;
    row.parameters.top_logprobs = 2;
    const SampledToken sampled = sample({5000, 4999, -5000}, row);
    EXPECT_NEAR(sampled.top[0].logprob, -0.3133, 1e-3);
    EXPECT_NEAR(sampled.top[1].logprob, -1.3133, 1e-3);
}

TEST(HostSampler, NothingIsMoreThanCertain) {
    std::mt19937 random(7);
    std::uniform_real_distribution<float> largest(1, 40);
    SampleRow row;
    row.parameters = {.temperature = 0, .top_logprobs = 1};
    for (int i = 0; i < 200; ++i) {
        std::vector<float> logits(1000, -60);
        logits[static_cast<std::size_t>(i)] = largest(random);
        const SampledToken sampled = sample(logits, row);
        EXPECT_LE(sampled.logprob, 0) << i;
        EXPECT_LE(sampled.top.at(0).logprob, 0) << i;
    }
}

TEST(HostSampler, NotANumberAndInfinityNeverReachAForbiddenToken) {
    const std::vector<std::uint32_t> mask{0b1010};  // tokens 1 and 3
    for (float temperature : {0.0F, 1.0F}) {
        SampleRow row;
        row.parameters.temperature = temperature;
        row.allowed = mask;
        for (row.step = 0; row.step < 20; ++row.step) {
            EXPECT_EQ(sample({kInfinity, kNan, kInfinity, -4, 9}, row).token, 3);
            EXPECT_EQ(sample({1, kInfinity, 2, 3, 4}, row).token, 1);
            EXPECT_EQ(sample({1, -kInfinity, 2, kNan, 4}, row).token, 1);
            EXPECT_EQ(sample({1, kNan, 2, 3, 4}, row, 3).token, 1);
        }
    }
    std::mt19937 generator(3);
    auto random = [&] { return static_cast<std::uint32_t>(generator()); };
    for (int round = 0; round < 2000; ++round) {
        std::vector<float> logits = random_logits(70, 3, round);
        for (float& logit : logits) {
            const unsigned dice = random() % 6;
            if (dice == 0) logit = kNan;
            if (dice == 1) logit = kInfinity;
            if (dice == 2) logit = -kInfinity;
            if (dice == 3) logit = std::numeric_limits<float>::lowest();
        }
        std::vector<std::uint32_t> allowed(3);
        for (std::uint32_t& word : allowed) word = random() & random() & random();
        allowed[random() % 2] |= 4U;
        SampleRow row;
        row.allowed = allowed;
        row.parameters = {.temperature = round % 3 == 0 ? 1e-6F : 1.0F,
                          .top_p = round % 5 == 0 ? 0.3F : 1.0F,
                          .top_k = round % 7 == 0 ? 4 : 0,
                          .top_logprobs = 3};
        const SampledToken sampled = sample(logits, row, 66);
        ASSERT_TRUE(allows(row, 66, sampled.token)) << "round " << round;
        EXPECT_FALSE(std::isnan(sampled.logprob));
    }
}

TEST(HostSampler, WhenNothingIsAllowedTheResultIsStillAToken) {
    const std::vector<std::uint32_t> nothing{0};
    SampleRow row;
    row.allowed = nothing;
    EXPECT_EQ(sample({1, 2, 3}, row).token, 0);
    const std::vector<std::uint32_t> only_padding{0b100};
    row.allowed = only_padding;
    EXPECT_EQ(sample({1, 2, 3}, row, 2).token, 0);
    EXPECT_EQ(sample({kNan, kNan, kNan}, SampleRow{}).token, 0);
}

}  // namespace
}  // namespace gptoss::backend
