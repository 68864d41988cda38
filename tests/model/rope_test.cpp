#include "model/rope.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

namespace gptoss::model {
namespace {

TEST(Rope, FrequenciesEqualTheReferences) {
    std::ifstream file(GPTOSS_SOURCE_DIR "/tests/data/oracle/small.json");
    const auto oracle = nlohmann::json::parse(file);
    const RopeTable table = rope_table(gpt_oss_120b());
    ASSERT_EQ(table.inverse_frequencies.size(), 32U);
    for (std::size_t i = 0; i < 32; ++i)
        EXPECT_NEAR(table.inverse_frequencies[i] / oracle.at("inv_freq").at(i).get<double>(), 1.0, 1e-6) << i;
    EXPECT_NEAR(table.attention_factor, oracle.at("attention_scaling").get<double>(), 1e-9);
}

TEST(Rope, PairSeventeenIsNotTruncated) {  // truncating YaRN's bounds gives 2.279e-4 here
    EXPECT_NEAR(rope_table(gpt_oss_120b()).inverse_frequencies[17], 1.293187012e-4, 1e-12);
}

TEST(Rope, TheFarEndIsExact) {
    const RopeTable table = rope_table(gpt_oss_120b());
    std::vector<float> row(64);
    rope_row(table, 131071, row.data());
    EXPECT_NEAR(row[0], table.attention_factor * std::cos(131071.0), 1e-6);
    EXPECT_NEAR(row[1], table.attention_factor * std::sin(131071.0), 1e-6);
}

}  // namespace
}  // namespace gptoss::model
