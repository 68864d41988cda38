// The block layouts against values computed by another implementation (ggml's, on random blocks), and the
// rounding of the types we write against the definition.
#include "gguf/dequantize.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>

#include "gguf/numbers.h"

namespace gptoss::gguf {
namespace {

std::vector<std::byte> from_hex(const std::string& hex) {
    std::vector<std::byte> bytes(hex.size() / 2);
    for (std::size_t i = 0; i < bytes.size(); ++i)
        bytes[i] = static_cast<std::byte>(std::stoi(hex.substr(2 * i, 2), nullptr, 16));
    return bytes;
}

TEST(Dequantize, AgreesWithAnotherImplementationOnEveryBlockType) {
    std::ifstream file(GPTOSS_SOURCE_DIR "/tests/gguf/data/block_layouts.json");
    const auto cases = nlohmann::json::parse(file);
    int types = 0;
    for (std::uint32_t id = 0; id < 64; ++id) {
        const auto read = tensor_type_from_id(id);
        if (!read || traits(*read).block_elements == 1) continue;  // F32, F16, BF16: the test below
        const TensorType type = *read;
        ++types;
        const std::string name(traits(type).name);
        SCOPED_TRACE(name);
        const auto blocks = from_hex(cases.at(name).at("blocks"));
        const auto expected_bytes = from_hex(cases.at(name).at("values_f32_hex"));
        std::vector<float> expected(expected_bytes.size() / 4), values(expected.size());
        std::memcpy(expected.data(), expected_bytes.data(), expected_bytes.size());
        dequantize(type, blocks, values);
        for (std::size_t i = 0; i < values.size();
             ++i)  // the order of two multiplications may differ by a rounding
            EXPECT_NEAR(values[i], expected[i], 2e-6F * std::fabs(expected[i]) + 1e-6F) << "element " << i;
    }
    EXPECT_EQ(types, 22);
}

// Scale bytes 0, 1, 2, 254 and 255: the subnormal ones, and the one that the standard calls NaN.
TEST(Dequantize, Mxfp4AgreesAtTheEndsOfTheScale) {
    std::ifstream file(GPTOSS_SOURCE_DIR "/tests/gguf/data/block_layouts.json");
    const auto cases = nlohmann::json::parse(file);
    const auto blocks = from_hex(cases.at("MXFP4 at the ends of the scale").at("blocks"));
    const auto expected_bytes = from_hex(cases.at("MXFP4 at the ends of the scale").at("values_f32_hex"));
    std::vector<float> expected(expected_bytes.size() / 4), values(expected.size());
    std::memcpy(expected.data(), expected_bytes.data(), expected_bytes.size());
    dequantize(TensorType::MXFP4, blocks, values);
    ASSERT_EQ(blocks.back(), std::byte{0x01});
    EXPECT_EQ(values[128 + 0], 0.0F);  // of the last block: not NaN, although 2^128 is no float
    for (std::size_t i = 0; i < values.size(); ++i) EXPECT_EQ(values[i], expected[i]) << "element " << i;
}

TEST(Dequantize, HalfAndBfloatRoundTripThroughEveryValue) {
    for (std::uint32_t bits = 0; bits < 65536; ++bits) {
        const auto half = static_cast<std::uint16_t>(bits);
        const float value = float_from_half(half);
        if (!std::isnan(value)) {
            ASSERT_EQ(half_from_float(value), half) << bits;
        }
        const float wide = float_from_bfloat(half);
        if (!std::isnan(wide)) {
            ASSERT_EQ(bfloat_from_float(wide), half) << bits;
        }
    }
}

TEST(Dequantize, RoundsToTheNearestHalfAndBfloat) {
    EXPECT_EQ(half_from_float(65520.0F), 0x7C00);  // halfway past the largest half: infinity
    EXPECT_EQ(half_from_float(65519.0F), 0x7BFF);
    EXPECT_EQ(half_from_float(1.0F + 0x1p-11F), 0x3C00);  // tie to even
    EXPECT_EQ(half_from_float(1.0F + 0x3p-11F), 0x3C02);
    EXPECT_EQ(half_from_float(0x1p-25F), 0x0000);  // tie to even at the bottom
    EXPECT_EQ(half_from_float(0x1.8p-25F), 0x0001);
    EXPECT_EQ(bfloat_from_float(1.0F + 0x1p-8F), 0x3F80);
    EXPECT_EQ(bfloat_from_float(1.0F + 0x3p-8F), 0x3F82);
    EXPECT_TRUE(std::isnan(float_from_bfloat(bfloat_from_float(std::nanf("")))));
}

TEST(Quantize, KeepsWhatTheTypeCanHold) {
    std::mt19937 random(3);
    std::normal_distribution<float> normal;
    std::vector<float> values(320), back(320);
    for (float& value : values) value = normal(random);
    for (const auto& [type, bound] : {std::pair{TensorType::F32, 0.0F},
                                      {TensorType::F16, 5e-4F},
                                      {TensorType::BF16, 4e-3F},
                                      {TensorType::Q8_0, 1.2e-2F},
                                      {TensorType::MXFP4, 0.16F}}) {
        SCOPED_TRACE(std::string(traits(type).name));
        std::vector<std::byte> blocks(values.size() / traits(type).block_elements * traits(type).block_bytes);
        quantize(type, values, blocks);
        dequantize(type, blocks, back);
        double error = 0, norm = 0;
        for (std::size_t i = 0; i < values.size(); ++i) {
            error += std::pow(values[i] - back[i], 2);
            norm += std::pow(values[i], 2);
        }
        EXPECT_LE(std::sqrt(error / norm), bound);
        std::vector<std::byte> again(blocks.size());  // values that the type holds survive unchanged
        quantize(type, back, again);
        std::vector<float> twice(values.size());
        dequantize(type, again, twice);
        for (std::size_t i = 0; i < values.size(); ++i)
            EXPECT_NEAR(twice[i], back[i], type == TensorType::Q8_0 ? 1e-3F : 0.0F);
    }
}

TEST(Quantize, Mxfp4RoundsTiesToEvenCodes) {
    std::vector<float> values(32, 0.0F);
    values[0] = 4.0F, values[1] = 5.0F, values[2] = 2.5F, values[3] = -0.25F, values[4] = 6.0F;
    std::vector<std::byte> block(17);
    quantize(TensorType::MXFP4, values, block);
    std::vector<float> back(32);
    dequantize(TensorType::MXFP4, block, back);
    EXPECT_EQ(block[0], std::byte{127});
    EXPECT_EQ(back[0], 4.0F);
    EXPECT_EQ(back[1], 4.0F);  // 5 lies between 4 (code 6) and 6 (code 7)
    EXPECT_EQ(back[2], 2.0F);  // 2.5 lies between 2 (code 4) and 3 (code 5)
    EXPECT_EQ(back[3], 0.0F);
    EXPECT_EQ(back[4], 6.0F);
}

}  // namespace
}  // namespace gptoss::gguf
