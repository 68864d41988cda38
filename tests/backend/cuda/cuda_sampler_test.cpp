// Sampling on the device against sampling on the host, over the true vocabulary.
#include <cuda_runtime_api.h>

#include <cmath>
#include <random>

#include "backend/cuda/device_sampler.h"
#include "backend/cuda/gpu.h"
#include "backend/host_sampler.h"

namespace gptoss::backend::test {
namespace {

constexpr std::int32_t kVocabulary = 201088;
constexpr std::int32_t kPaddingFrom = 200019;
constexpr std::int32_t kMostRows = 12;  // more than travel with a kernel's parameters

class CudaSampler : public GpuTest {
  protected:
    // Samples on both sides and compares tokens and log-probabilities.
    void compare(const std::vector<std::vector<float>>& logits, std::vector<SampleRow> rows) {
        const cuda::DeviceMemory memory =
            cuda::allocate_device(static_cast<std::int64_t>(logits.size()) * kVocabulary * 4);
        auto* device = reinterpret_cast<float*>(memory.get());
        for (std::size_t i = 0; i < logits.size(); ++i)
            cuda::cuda_check(cudaMemcpy(device + i * kVocabulary, logits[i].data(), kVocabulary * 4,
                                        cudaMemcpyHostToDevice));
        cuda::DeviceSampler sampler(kVocabulary, kPaddingFrom, kMostRows);
        const cuda::Stream stream = cuda::make_stream();
        std::vector<TokenId> last(kMostRows, 0);  // by slot
        for (SampleRow& row : rows) row.slot = static_cast<std::int32_t>(&row - rows.data());
        // Twice: what the first leaves behind must not change the second.
        for (int repeat = 0; repeat < 2; ++repeat) {
            const StepHandle handle = sampler.sample(rows, device, kVocabulary, stream.get());
            const std::span<const SampledToken> sampled = sampler.wait(handle);
            ASSERT_EQ(sampled.size(), rows.size());
            for (std::size_t i = 0; i < rows.size(); ++i) {
                std::vector<float> scratch = logits[static_cast<std::size_t>(rows[i].logits_index)];
                const SampledToken expected = sample_on_host(scratch, rows[i], kPaddingFrom, last[i]);
                last[i] = expected.token;
                EXPECT_EQ(sampled[i].token, expected.token) << "row " << i << " repeat " << repeat;
                EXPECT_NEAR(sampled[i].logprob, expected.logprob, 2e-4) << "row " << i;
                ASSERT_EQ(sampled[i].top.size(), expected.top.size()) << "row " << i;
                for (std::size_t k = 0; k < expected.top.size(); ++k) {
                    EXPECT_EQ(sampled[i].top[k].token, expected.top[k].token) << "row " << i << " top " << k;
                    EXPECT_NEAR(sampled[i].top[k].logprob, expected.top[k].logprob, 2e-4);
                }
            }
        }
    }
};

std::vector<float> random_logits(unsigned seed, float spread) {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal(0, spread);
    std::vector<float> logits(kVocabulary);
    for (float& logit : logits) logit = normal(random);
    return logits;
}

SampleRow row_with(SamplingParameters parameters, std::uint64_t step = 3) {
    SampleRow row;
    row.parameters = parameters;
    row.step = step;
    return row;
}

TEST_F(CudaSampler, AgreesWithTheHostForEveryParameter) {
    const std::vector<std::vector<float>> logits = {random_logits(1, 3.0F), random_logits(2, 1.0F)};
    std::vector<SamplingParameters> cases;
    for (const float temperature : {0.0F, 0.3F, 1.0F, 1.7F}) {
        SamplingParameters p;
        p.temperature = temperature;
        p.seed = 77;
        cases.push_back(p);
        p.top_k = 1;
        cases.push_back(p);
        p.top_k = 40;
        cases.push_back(p);
        p.top_p = 0.9F;
        cases.push_back(p);
        p.top_k = 0;
        cases.push_back(p);
        p.top_p = 0.001F;
        cases.push_back(p);
        p.top_p = 1.0F;
        p.min_p = 0.05F;
        cases.push_back(p);
        p.min_p = 1.0F;
        cases.push_back(p);
        p.min_p = 0.01F;
        p.top_logprobs = 20;
        cases.push_back(p);
        p.min_p = 0;
        p.top_logprobs = 0;
        cases.push_back(p);
    }
    for (std::size_t first = 0; first < cases.size(); first += kMostRows) {
        std::vector<SampleRow> rows;
        for (std::size_t i = first; i < std::min(first + kMostRows, cases.size()); ++i) {
            rows.push_back(row_with(cases[i], i));
            rows.back().logits_index = static_cast<std::int32_t>(i % 2);
        }
        compare(logits, rows);
    }
}

TEST_F(CudaSampler, AgreesOnMasksBiasesAndPenalties) {
    const std::vector<std::vector<float>> logits = {random_logits(3, 2.0F)};
    std::mt19937 random(5);
    std::vector<std::uint32_t> few((kVocabulary + 31) / 32), half(few.size()), none(few.size());
    for (int i = 0; i < 30; ++i) few[random() % few.size()] |= 1U << (random() % 32);
    for (std::uint32_t& word : half) word = static_cast<std::uint32_t>(random());
    std::vector<TokenBias> biases;
    std::vector<TokenCount> counts;
    for (int i = 0; i < 500; ++i) {
        biases.push_back({static_cast<TokenId>(i * 317), static_cast<float>(i % 7) - 3.0F});
        counts.push_back({static_cast<TokenId>(i * 211), i % 3});
    }
    std::vector<SampleRow> rows;
    for (const auto* mask : {&few, &half, &none}) {
        SampleRow row = row_with({});
        row.allowed = *mask;
        row.allowed_id = mask == &half ? 9 : 0;
        rows.push_back(row);
        row.parameters.temperature = 0;
        row.parameters.top_logprobs = 3;
        rows.push_back(row);
    }
    SampleRow row = row_with({});
    row.biases = biases;
    row.counts = counts;
    row.parameters.repetition_penalty = 1.3F;
    row.parameters.frequency_penalty = 0.4F;
    row.parameters.presence_penalty = 0.2F;
    row.parameters.top_p = 0.95F;
    rows.push_back(row);
    row.parameters.temperature = 0;
    rows.push_back(row);
    compare(logits, rows);
}

// Both cuts at once, from one token to nearly all, where few tokens share a bin and where thousands do.
TEST_F(CudaSampler, CutsAreExactForEveryShapeOfDistribution) {
    std::vector<std::vector<float>> logits;
    for (const float spread : {0.05F, 0.5F, 2.0F, 8.0F}) logits.push_back(random_logits(11, spread));
    logits.push_back(random_logits(12, 3.0F));
    for (std::size_t i = 0; i < 5000; ++i) logits.back()[i * 37] = 9.0F;  // many equal ones at the top
    std::vector<SampleRow> rows;
    for (std::size_t shape = 0; shape < logits.size(); ++shape)
        for (const std::int32_t top_k : {0, 1, 40, 3000, 150000})
            for (const float top_p : {1.0F, 0.999F, 0.95F, 0.3F}) {
                SamplingParameters p;
                p.top_k = top_k;
                p.top_p = top_p;
                p.min_p = (top_k + static_cast<std::int32_t>(shape)) % 3 == 0 ? 0.02F : 0.0F;
                p.temperature = top_p < 0.99F ? 0.8F : 1.1F;
                p.seed = static_cast<std::uint64_t>(top_k) + shape;
                rows.push_back(row_with(p, rows.size()));
                rows.back().logits_index = static_cast<std::int32_t>(shape);
            }
    for (std::size_t first = 0; first < rows.size(); first += 8)
        compare(logits, {rows.begin() + static_cast<std::ptrdiff_t>(first),
                         rows.begin() + static_cast<std::ptrdiff_t>(std::min(first + 8, rows.size()))});
}

// The second of compare()'s samples has the first one's token in flight: listed among the counts, or new.
TEST_F(CudaSampler, PenaltiesCountTheTokenInFlight) {
    std::vector<std::vector<float>> logits = {random_logits(21, 1.0F)};
    logits[0][4711] = 30.0F;  // chosen twice, were it not for the penalty
    logits[0][4712] = 29.0F;
    std::vector<TokenCount> with, without;
    for (TokenId token = 4600; token < 4800; ++token) {
        with.push_back({token, 1});
        if (token != 4711) without.push_back({token, 1});
    }
    std::vector<SampleRow> rows;
    for (const auto* counts : {&with, &without, static_cast<std::vector<TokenCount>*>(nullptr)})
        for (const float temperature : {0.0F, 1.0F}) {
            SampleRow row = row_with({});
            row.parameters.temperature = temperature;
            row.parameters.presence_penalty = 1.5F;
            row.parameters.frequency_penalty = 0.7F;
            row.parameters.repetition_penalty = 1.1F;
            if (counts != nullptr) row.counts = *counts;
            row.last_is_uncounted = true;
            rows.push_back(row);
        }
    compare(logits, rows);
}

TEST_F(CudaSampler, SurvivesUnusableLogits) {
    std::vector<std::vector<float>> logits = {random_logits(4, 2.0F), std::vector<float>(kVocabulary, NAN),
                                              std::vector<float>(kVocabulary, 1.0F)};
    logits[0][5] = INFINITY;
    logits[0][6] = -INFINITY;
    logits[0][7] = NAN;
    std::vector<SampleRow> rows;
    for (std::int32_t i = 0; i < 3; ++i) {
        SamplingParameters p;
        p.top_p = i == 2 ? 0.5F : 1.0F;
        rows.push_back(row_with(p));
        rows.back().logits_index = i;
        p.top_k = 10;
        rows.push_back(row_with(p));
        rows.back().logits_index = i;
    }
    compare(logits, rows);
}

}  // namespace
}  // namespace gptoss::backend::test
