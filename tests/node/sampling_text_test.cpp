#include "node/sampling_text.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace gptoss::node {
namespace {

TEST(SamplingText, SpellsTheDefaultsAsTheyAreSigned) {
    EXPECT_EQ(sampling_text({}),
              "temperature=1 top_p=1 top_k=0 min_p=0 repetition_penalty=1 frequency_penalty=0 "
              "presence_penalty=0 constrained=0");
}

TEST(SamplingText, ReadsBackWhatItWrote) {
    SignedSampling drawn;
    drawn.sampling.temperature = 0.7F;
    drawn.sampling.top_p = 0.95F;
    drawn.sampling.top_k = 40;
    drawn.sampling.min_p = 1e-3F;
    drawn.sampling.repetition_penalty = 1.1F;
    drawn.sampling.frequency_penalty = -0.5F;
    drawn.sampling.presence_penalty = 2.0F;
    drawn.biases = {{7, -100.0F}, {201087, 0.25F}};
    drawn.constrained = true;
    const SignedSampling read = read_sampling_text(sampling_text(drawn));
    EXPECT_EQ(read.sampling.temperature, 0.7F);
    EXPECT_EQ(read.sampling.top_p, 0.95F);
    EXPECT_EQ(read.sampling.top_k, 40);
    EXPECT_EQ(read.sampling.min_p, 1e-3F);
    EXPECT_EQ(read.sampling.repetition_penalty, 1.1F);
    EXPECT_EQ(read.sampling.frequency_penalty, -0.5F);
    EXPECT_EQ(read.sampling.presence_penalty, 2.0F);
    ASSERT_EQ(read.biases.size(), 2U);
    EXPECT_EQ(read.biases[1].token, 201087);
    EXPECT_EQ(read.biases[1].bias, 0.25F);
    EXPECT_TRUE(read.constrained);
    EXPECT_EQ(sampling_text(read), sampling_text(drawn));
}

TEST(SamplingText, RefusesWhatItDoesNotKnow) {
    EXPECT_THROW(read_sampling_text("temperature"), Error);
    EXPECT_THROW(read_sampling_text("temperature=warm"), Error);
    EXPECT_THROW(read_sampling_text("temperature=1 mirostat=2"), Error);
    EXPECT_THROW(read_sampling_text("logit_bias=7"), Error);
}

}  // namespace
}  // namespace gptoss::node
