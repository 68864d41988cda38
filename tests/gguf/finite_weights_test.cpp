// What counts as a number, against the values themselves: of random blocks of every type, some with scales of all sizes.
#include "gguf/finite_weights.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "base/error.h"
#include "gguf/dequantize.h"

namespace gptoss::gguf {
namespace {

bool values_finite(TensorType type, std::span<const std::byte> blocks) {
    std::vector<float> values(blocks.size() / traits(type).block_bytes * traits(type).block_elements);
    dequantize(type, blocks, values);
    return std::ranges::all_of(values, [](float value) { return std::isfinite(value); });
}

TEST(FiniteWeights, AreThoseWhoseValuesAreFinite) {
    std::mt19937 random(5);
    int types = 0;
    for (std::uint32_t id = 0; id < 64; ++id) {
        const auto type = tensor_type_from_id(id);
        if (!type) continue;
        ++types;
        SCOPED_TRACE(std::string(traits(*type).name));
        int finite = 0, not_finite = 0;
        for (int i = 0; i < 4000; ++i) {
            std::vector<std::byte> block(traits(*type).block_bytes);
            for (std::byte& byte : block) byte = static_cast<std::byte>(random());
            // Byte 255 of MXFP4 is a rule of its own: below.
            if (*type == TensorType::MXFP4 && block[0] == std::byte{255}) continue;
            const bool said = all_finite(*type, block);
            ASSERT_EQ(said, values_finite(*type, block));
            ++(said ? finite : not_finite);
        }
        EXPECT_GT(finite, 0);
        EXPECT_GT(not_finite, 0);
    }
    EXPECT_EQ(types, 25);
}

TEST(FiniteWeights, OneOfManyIsFound) {
    for (const TensorType type : {TensorType::F32, TensorType::F16, TensorType::BF16, TensorType::Q8_0,
                                  TensorType::MXFP4, TensorType::IQ1_M, TensorType::Q6_K}) {
        SCOPED_TRACE(std::string(traits(type).name));
        const std::size_t block_bytes = traits(type).block_bytes;
        std::vector<std::byte> blocks(64 * block_bytes);
        EXPECT_TRUE(all_finite(type, blocks));
        // All bits set: NaN in every format, and byte 255 over weights that are not zero.
        std::fill_n(blocks.end() - static_cast<std::ptrdiff_t>(block_bytes), block_bytes, std::byte{0xFF});
        EXPECT_FALSE(all_finite(type, blocks));
    }
}

TEST(FiniteWeights, ScaleByte255OfMxfp4HoldsZerosAlone) {
    std::vector<std::byte> block(17);
    block[0] = std::byte{255};
    block[3] = std::byte{0x88};  // minus zero is a zero
    EXPECT_TRUE(all_finite(TensorType::MXFP4, block));
    for (const int code : {0x01, 0x10, 0x07, 0x90}) {
        block[9] = static_cast<std::byte>(code);
        EXPECT_FALSE(all_finite(TensorType::MXFP4, block)) << code;
    }
}

TEST(FiniteWeights, TheRefusalNamesThePlace) {
    try {
        refuse_not_finite("tensor blk.3.ffn_up_exps.weight", TensorType::MXFP4);
        FAIL();
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::file_corrupt);
        EXPECT_STREQ(error.what(),
                     "tensor blk.3.ffn_up_exps.weight (MXFP4) holds weights that are no finite numbers");
        EXPECT_NE(error.hint().find("verify"), std::string::npos);
    }
}

}  // namespace
}  // namespace gptoss::gguf
