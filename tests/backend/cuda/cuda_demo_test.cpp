// The demo model, which has learnt something and is sure of most words, chooses the same 200 tokens on the
// CPU's float32 reference path and on the GPU, or on both together, from a rendered chat on.
#include <algorithm>
#include <cstdio>

#include "backend/cuda/gpu.h"
#include "backend/cuda/split.h"
#include "backend/oracle.h"
#include "base/error.h"

namespace gptoss::backend::test {
namespace {

class CudaDemo : public GpuTest {};

// The most probable token of a row, and how far the next one is behind it.
struct Choice {
    TokenId token = 0;
    float margin = 0;
};
Choice choose(std::span<const float> logits) {
    const TokenId best = argmax(logits);
    float second = -1e30F;
    for (std::size_t i = 0; i < logits.size(); ++i)
        if (static_cast<TokenId>(i) != best) second = std::max(second, logits[i]);
    return {best, logits[static_cast<std::size_t>(best)] - second};
}

// `gpu_layers` 0: all of them.
void say_the_same_for_200_tokens(std::int32_t gpu_layers) {
    // `render --date 2026-11-22` of "Write a short poem about computers.", tokenised.
    const std::vector<TokenId> prompt{
        4091, 3227, 4093, 2314, 494,  3238, 4062, 11,  261,  2421, 2667, 1798, 3376, 571,  2770, 3237, 498,
        3949, 3987, 25,   220,  17,   15,   17,   19,  12,   15,   21,   198,  2684, 2305, 25,   220,  17,
        15,   17,   21,   12,   16,   16,   12,   17,  17,   279,  3532, 288,  25,   3129, 279,  2,    3116,
        3273, 25,   2828, 11,   3740, 11,   1320, 13,  3343, 2118, 388,  2739, 372,  1341, 2246, 13,   4092,
        4091, 1109, 4093, 2978, 261,  2370, 3673, 858, 3461, 13,   4092, 4091, 4076};
    const LoadedModel loaded(std::filesystem::path(GPTOSS_SOURCE_DIR) / "models/demo" /
                             "gpt-oss-demo-00001-of-00003.gguf");
    const BackendOptions options = options_for(loaded.weights, 512, 1, true);
    const std::int32_t window = loaded.weights.hyperparameters.sliding_window;
    const auto cpu = make_cpu_backend(loaded.weights, options);
    BackendOptions fast = options;
    fast.exact = false;
    const auto gpu = gpu_layers == 0 ? make_cuda_backend(loaded.weights, options)
                                     : make_cuda_split(loaded.weights, fast, gpu_layers);
    SequenceRunner cpu_runner(*cpu, options.plan, window), gpu_runner(*gpu, options.plan, window);
    const auto vocabulary = static_cast<std::size_t>(loaded.weights.hyperparameters.vocabulary);
    std::vector<float> expected(vocabulary), actual(vocabulary);
    cpu_runner.prefill(0, prompt);
    gpu_runner.prefill(0, prompt);
    int clear_choices = 0;
    for (int step = 0; step < 200; ++step) {
        cpu->read_logits(0, expected);
        gpu->read_logits(0, actual);
        float error = 0;
        for (std::size_t i = 0; i < vocabulary; ++i)
            error = std::max(error, std::abs(expected[i] - actual[i]));
        const Choice choice = choose(expected);
        if (choice.margin > 2 * error) {
            ++clear_choices;
            ASSERT_EQ(argmax(actual), choice.token) << "step " << step;
        }
        const SequenceRunner::Feed feed{0, std::span(&choice.token, 1), 1};
        cpu_runner.forward({&feed, 1});
        gpu_runner.forward({&feed, 1});
    }
    std::printf("[ measured ] %d of 200 choices are clearer than the error\n", clear_choices);
    EXPECT_GT(clear_choices, 150);
}

TEST_F(CudaDemo, SaysTheSameAsTheReferenceFor200Tokens) {
    say_the_same_for_200_tokens(0);
}

TEST_F(CudaDemo, SaysTheSameWithLayersOnBothSides) {
    for (const std::int32_t gpu_layers : {1, 5}) say_the_same_for_200_tokens(gpu_layers);
}

// Nothing of a backend belongs to the process: two take steps in turn, and each says what one says alone. They are on
// two GPUs where there are two.
TEST_F(CudaDemo, TwoBackendsInOneProcessDoNotMeet) {
    const LoadedModel loaded(std::filesystem::path(GPTOSS_SOURCE_DIR) / "models/demo" /
                             "gpt-oss-demo-00001-of-00003.gguf");
    const BackendOptions options = options_for(loaded.weights, 512, 1, true);
    const std::int32_t window = loaded.weights.hyperparameters.sliding_window;
    const auto vocabulary = static_cast<std::size_t>(loaded.weights.hyperparameters.vocabulary);
    std::vector<TokenId> texts[2];
    for (TokenId i = 0; i < 40; ++i) {
        texts[0].push_back(300 + i * 7);
        texts[1].push_back(900 + i * 5);
    }
    const auto say = [&](Backend& backend, SequenceRunner& runner, TokenId last) {
        const SequenceRunner::Feed feed{0, std::span(&last, 1), 1};
        runner.forward({&feed, 1});
        std::vector<float> logits(vocabulary);
        backend.read_logits(0, logits);
        return logits;
    };
    std::vector<float> alone[2], together[2];
    for (int i = 0; i < 2; ++i) {
        const auto one = make_cuda_backend(loaded.weights, options);
        SequenceRunner runner(*one, options.plan, window);
        runner.prefill(0, texts[i]);
        for (TokenId token = 0; token < 8; ++token) alone[i] = say(*one, runner, 400 + token);
    }
    BackendOptions of_second = options;
    of_second.plan.request.gpu_ordinal = cuda_available(nullptr, 1) ? 1 : 0;
    const std::unique_ptr<Backend> both[2] = {make_cuda_backend(loaded.weights, options),
                                              make_cuda_backend(loaded.weights, of_second)};
    EXPECT_TRUE(
        both[1]->info().placement.ends_with("GPU " + std::to_string(of_second.plan.request.gpu_ordinal)));
    SequenceRunner runners[2] = {{*both[0], options.plan, window}, {*both[1], options.plan, window}};
    for (int i = 0; i < 2; ++i) runners[i].prefill(0, texts[i]);
    for (TokenId token = 0; token < 8; ++token)
        for (int i = 0; i < 2; ++i) together[i] = say(*both[i], runners[i], 400 + token);
    for (int i = 0; i < 2; ++i) EXPECT_EQ(alone[i], together[i]) << "backend " << i;
    EXPECT_NE(alone[0], alone[1]);
}

// With a GPU or without one: no machine has so many.
TEST(CudaDevices, AGpuThatIsNotThereIsRefusedByItsNumber) {
    std::string reason;
    EXPECT_FALSE(cuda_available(&reason, 4096));
    EXPECT_NE(reason, "");
    model::PlanRequest request;
    request.gpu_ordinal = 4096;
    try {
        cuda_needs(model::gpt_oss_20b(), request);
        FAIL() << "needs of a GPU that is not there";
    } catch (const Error& error) {
        EXPECT_TRUE(std::string(error.what()).starts_with("no usable GPU 4096: ")) << error.what();
    }
}

}  // namespace
}  // namespace gptoss::backend::test
