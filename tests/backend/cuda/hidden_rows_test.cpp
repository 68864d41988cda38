// The hidden state that a fingerprint takes its values from, against the CPU's float32 reference: from a decode step,
// from a pass of several rows of which some want it, and from two samples that are under way together.
#include <algorithm>
#include <cstdio>

#include "backend/cuda/gpu.h"
#include "backend/oracle.h"

namespace gptoss::backend::test {
namespace {

class HiddenRows : public GpuTest {};

// One row of a random model now and then goes to another expert, and is far then.
constexpr double kHiddenTolerance = 5e-3;

// Every value of a row's hidden state, by index.
std::vector<float> by_index(const std::vector<HiddenValue>& values, std::int32_t hidden) {
    std::vector<float> all(static_cast<std::size_t>(hidden));
    for (const HiddenValue& value : values) all.at(static_cast<std::size_t>(value.index)) = value.value;
    return all;
}

// Of the tokens in steps of `step` rows: of each step's rows the odd ones. Without, where `waits_late`, the host's
// waiting for a step before the next is submitted.
std::vector<std::vector<float>> hidden_states(Backend& backend, const BackendOptions& options,
                                              const model::Weights& weights, std::span<const TokenId> tokens,
                                              std::size_t step, std::int32_t values, bool waits_late) {
    SequenceRunner runner(backend, options.plan, weights.hyperparameters.sliding_window);
    std::vector<std::vector<float>> found;
    std::vector<StepHandle> handles;
    const auto take = [&](StepHandle handle) {
        for (const SampledToken& token : backend.wait(handle))
            if (!token.hidden.empty()) {
                EXPECT_EQ(token.hidden.size(), static_cast<std::size_t>(values));
                EXPECT_TRUE(std::ranges::is_sorted(token.hidden, std::greater<>(),
                                                   [](const HiddenValue& v) { return std::abs(v.value); }));
                found.push_back(by_index(token.hidden, weights.hyperparameters.hidden));
            }
    };
    for (std::size_t first = 0; first < tokens.size(); first += step) {
        const std::size_t count = std::min(step, tokens.size() - first);
        const SequenceRunner::Feed feed{0, tokens.subspan(first, count), static_cast<std::int32_t>(count)};
        runner.forward({&feed, 1});
        std::vector<SampleRow> rows(count);
        for (std::size_t i = 0; i < count; ++i) {
            rows[i].logits_index = rows[i].slot = static_cast<std::int32_t>(i);
            rows[i].hidden_values = (first + i) % 2 == 1 ? values : 0;
        }
        handles.push_back(backend.sample(rows));
        if (!waits_late || handles.size() == 2) {
            take(handles.front());
            handles.erase(handles.begin());
        }
    }
    for (const StepHandle handle : handles) take(handle);
    return found;
}

TEST_F(HiddenRows, AreThoseOfTheReference) {
    const LoadedModel loaded = load_oracle_model();
    const std::int32_t hidden = loaded.weights.hyperparameters.hidden;
    const OracleCase oracle = oracle_case(40);
    BackendOptions options = options_for(loaded.weights, 128, 16, true, model::KvType::f16);
    const auto reference = make_cpu_backend(loaded.weights, options);
    const auto wanted = hidden_states(*reference, options, loaded.weights, oracle.tokens, 8, hidden, false);
    ASSERT_EQ(wanted.size(), oracle.tokens.size() / 2);
    for (const bool batch_invariant : {false, true}) {
        options.kernels.batch_invariant = batch_invariant;
        const auto backend = make_cuda_backend(loaded.weights, options);
        EXPECT_TRUE(backend->info().reports_hidden);
        for (const std::size_t step : {1, 8, 16}) {
            const auto found =
                hidden_states(*backend, options, loaded.weights, oracle.tokens, step, hidden, step > 1);
            ASSERT_EQ(found.size(), wanted.size());
            std::vector<double> errors;
            for (std::size_t i = 0; i < found.size(); ++i)
                errors.push_back(relative_error(std::span(found[i]), std::span(wanted[i])));
            std::ranges::sort(errors);
            std::printf("[ measured ] steps of %zu, %s: relative error %.2e, at most %.2e\n", step,
                        batch_invariant ? "in order" : "by the batch", errors[errors.size() / 2],
                        errors.back());
            EXPECT_LT(errors[errors.size() / 2], kHiddenTolerance);
        }
    }
}

TEST_F(HiddenRows, OnlyTheLargestWhereFewAreWanted) {
    const LoadedModel loaded = load_oracle_model();
    const OracleCase oracle = oracle_case(40);
    const BackendOptions options = options_for(loaded.weights, 128, 16, false, model::KvType::f16);
    const auto backend = make_cuda_backend(loaded.weights, options);
    const auto all = hidden_states(*backend, options, loaded.weights, oracle.tokens, 8,
                                   loaded.weights.hyperparameters.hidden, false);
    const auto few = hidden_states(*backend, options, loaded.weights, oracle.tokens, 8, 16, true);
    ASSERT_EQ(few.size(), all.size());
    for (std::size_t i = 0; i < few.size(); ++i)
        for (std::size_t j = 0; j < few[i].size(); ++j) EXPECT_TRUE(few[i][j] == 0 || few[i][j] == all[i][j]);
}

}  // namespace
}  // namespace gptoss::backend::test
