// Packing and the matrix kernels, for every stored type and every instruction set this machine has, against
// plain sums over the dequantised weights.
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <random>

#include "backend/cpu/matmul.h"
#include "backend/cpu/reference_sums.h"
#include "base/error.h"
#include "gguf/dequantize.h"
#include "gguf/numbers.h"
#include "kernel_sets.h"

namespace gptoss::backend::cpu {
namespace {

using gguf::TensorType;

constexpr TensorType kAllTypes[] = {
    TensorType::F32,  TensorType::F16,    TensorType::BF16,   TensorType::Q8_0,
    TensorType::Q4_0, TensorType::Q4_1,   TensorType::Q5_0,   TensorType::Q5_1,
    TensorType::Q2_K, TensorType::Q3_K,   TensorType::Q4_K,   TensorType::Q5_K,
    TensorType::Q6_K, TensorType::IQ4_NL, TensorType::IQ4_XS, TensorType::MXFP4};

// Rows of random but plausible blocks: random bits, scales of reasonable size.
struct RandomMatrix {
    std::vector<std::byte> bytes;
    gguf::Tensor tensor;
    model::Matrix matrix;
    std::vector<float> values;  // dequantised

    RandomMatrix(TensorType type, std::int64_t rows, std::int64_t columns, unsigned seed) {
        std::mt19937 random(seed);
        std::normal_distribution<float> normal(0, 0.05F);
        const gguf::TypeTraits& traits = gguf::traits(type);
        values.resize(static_cast<std::size_t>(rows * columns));
        bytes.resize(values.size() / traits.block_elements * traits.block_bytes);
        if (type == TensorType::F32 || type == TensorType::F16 || type == TensorType::BF16 ||
            type == TensorType::Q8_0 || type == TensorType::MXFP4) {
            for (float& value : values) value = normal(random);
            gguf::quantize(type, values, bytes);
        } else {
            for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
            for (std::size_t block = 0; block < bytes.size(); block += traits.block_bytes)
                for (const std::size_t at : half_places(type)) {
                    const std::uint16_t half =
                        gguf::half_from_float(0.001F * static_cast<float>(1 + random() % 9));
                    std::memcpy(&bytes[block + at], &half, 2);
                }
        }
        gguf::dequantize(type, bytes, values);
        tensor.type = type;
        tensor.data = bytes;
        matrix = {&tensor, rows, columns};
    }

    // Where a block's float16 scales are.
    static std::vector<std::size_t> half_places(TensorType type) {
        switch (type) {
            case TensorType::Q4_1:
            case TensorType::Q5_1:
            case TensorType::Q4_K:
            case TensorType::Q5_K:
                return {0, 2};
            case TensorType::Q2_K:
                return {80, 82};
            case TensorType::Q3_K:
                return {108};
            case TensorType::Q6_K:
                return {208};
            default:
                return {0};
        }
    }
};

Activations random_activations(const Kernels& kernels, std::int64_t rows, std::int64_t columns,
                               unsigned seed) {
    Activations activations(rows, columns);
    std::mt19937 random(seed);
    std::normal_distribution<float> normal;
    for (std::int64_t row = 0; row < rows; ++row) {
        for (std::int64_t k = 0; k < columns; ++k) activations.floats(row)[k] = normal(random);
        activations.quantize(kernels, row);
    }
    return activations;
}

std::vector<float> project_all(const Kernels& kernels, const PackedMatrix& matrix,
                               const Activations& activations, std::int64_t rows,
                               const std::vector<float>& bias, ThreadPool& pool) {
    std::vector<float> out(static_cast<std::size_t>(rows) * matrix.group_rows);
    const Projection projection{&matrix, bias.data(), out.data(), matrix.group_rows};
    project(pool, kernels, {&projection, 1}, activations.rows(0, rows));
    return out;
}

class MatrixTypes : public testing::TestWithParam<TensorType> {};

TEST_P(MatrixTypes, EveryKernelSetMultipliesAsTheDequantisedWeightsDo) {
    // 9 rows of activations: whole tiles and a remainder. 40 rows of weights: three panels, the last half
    // empty.
    constexpr std::int64_t kRows = 9, kWeightRows = 40, kColumns = 512;
    ThreadPool pool(2);
    const RandomMatrix random(GetParam(), kWeightRows, kColumns, 3);
    const PackedMatrix packed = pack(random.matrix, 1, pool);
    std::vector<float> bias(kWeightRows);
    for (std::size_t i = 0; i < bias.size(); ++i) bias[i] = 0.01F * static_cast<float>(i);
    for (const Kernels* kernels : test::available_kernels()) {
        Activations activations = random_activations(*kernels, kRows, kColumns, 4);
        const std::vector<float> out = project_all(*kernels, packed, activations, kRows, bias, pool);
        double worst = 0;
        for (std::int64_t row = 0; row < kRows; ++row)
            for (std::int64_t r = 0; r < kWeightRows; ++r) {
                double sum = 0, size = 0;
                for (std::int64_t k = 0; k < kColumns; ++k) {
                    const double w = random.values[r * kColumns + k], x = activations.floats(row)[k];
                    sum += w * x;
                    size += w * w * x * x;
                }
                worst =
                    std::max(worst, std::abs(out[row * kWeightRows + r] - sum - bias[r]) / std::sqrt(size));
            }
        // 16-bit activations: 2^-16 of a block's largest value. Types packed as float16: 2^-12 of a weight, a
        // few times that at worst.
        const bool rounded = packed.format == PackedFormat::float16 && GetParam() != TensorType::F16;
        EXPECT_LT(worst, rounded ? 1e-3 : 1e-4) << kernels->name;
    }
}

// Those that the fast path multiplies as integers.
class IntegerTypes : public testing::TestWithParam<TensorType> {};

TEST_P(IntegerTypes, GiveTheSameBitsOnEveryInstructionSet) {
    // 11 blocks: an odd number, and more than one stretch of AMX (kernels_amx.cpp).
    constexpr std::int64_t kWeightRows = 40, kColumns = 352;
    ThreadPool pool(1);
    const RandomMatrix random(GetParam(), kWeightRows, kColumns, 5);
    const PackedMatrix packed = pack(random.matrix, 1, pool);
    ASSERT_TRUE(packed.format == PackedFormat::mxfp4 || packed.format == PackedFormat::int8);
    const std::vector<float> bias(kWeightRows);
    for (const std::int64_t rows : {1, 3, 8, 9, 16, 24, 25, 64, 77}) {
        const auto result_of = [&](const Kernels& kernels) {
            return project_all(kernels, packed, random_activations(kernels, rows, kColumns, 6), rows, bias,
                               pool);
        };
        const std::vector<float> expected = result_of(portable_kernels());
        for (const Kernels* kernels : test::available_kernels())
            EXPECT_EQ(result_of(*kernels), expected) << kernels->name << ", " << rows << " rows";
    }
}

TEST(LargestIntegers, GiveTheSameBitsOnEveryInstructionSet) {
    // Weights of -128 and 127 and activations of +-32512: the largest sums, both bytes of activations at their ends.
    constexpr std::int64_t kRows = 16, kColumns = 96;
    ThreadPool pool(1);
    RandomMatrix random(TensorType::Q8_0, kPanelRows, kColumns, 1);
    for (std::size_t i = 0; i < random.bytes.size(); ++i)
        if (i % 34 >= 2) random.bytes[i] = i / 34 % 2 == 0 ? std::byte{128} : std::byte{127};
    const PackedMatrix packed = pack(random.matrix, 1, pool);
    const auto result_of = [&](const Kernels& kernels) {
        Activations activations(kRows, kColumns);
        for (std::int64_t row = 0; row < kRows; ++row) {
            // 127/256 less than the limit: its low byte is -128.
            for (std::int64_t k = 0; k < kColumns; ++k)
                activations.floats(row)[k] =
                    (k / 32 % 2 == 0 ? 1.0F : -1.0F) * (k % 32 < row ? 32512.0F : 32384.0F);
            activations.quantize(kernels, row);
        }
        return project_all(kernels, packed, activations, kRows, std::vector<float>(kPanelRows), pool);
    };
    for (const Kernels* kernels : test::available_kernels())
        EXPECT_EQ(result_of(*kernels), result_of(portable_kernels())) << kernels->name;
}

const auto kTypeName = [](const auto& type) { return std::string(gguf::traits(type.param).name); };
INSTANTIATE_TEST_SUITE_P(, MatrixTypes, testing::ValuesIn(kAllTypes), kTypeName);
INSTANTIATE_TEST_SUITE_P(, IntegerTypes,
                         testing::Values(TensorType::Q8_0, TensorType::Q4_0, TensorType::Q5_0,
                                         TensorType::IQ4_NL, TensorType::MXFP4),
                         kTypeName);

TEST(Packing, KeepsTheFastFormatsForTheTypesTheyHoldExactly) {
    ThreadPool pool(1);
    const auto format_of = [&](TensorType type) {
        return pack(RandomMatrix(type, 16, 256, 1).matrix, 1, pool).format;
    };
    EXPECT_EQ(format_of(TensorType::MXFP4), PackedFormat::mxfp4);
    for (const TensorType type : {TensorType::Q8_0, TensorType::Q4_0, TensorType::Q5_0, TensorType::IQ4_NL})
        EXPECT_EQ(format_of(type), PackedFormat::int8);
    EXPECT_EQ(format_of(TensorType::BF16), PackedFormat::bfloat16);
    EXPECT_EQ(format_of(TensorType::F16), PackedFormat::float16);
    EXPECT_EQ(format_of(TensorType::F32), PackedFormat::float32);
    EXPECT_EQ(format_of(TensorType::Q6_K), PackedFormat::float16);
}

TEST(Packing, FloatsThatAreAllBfloat16AreKeptAsThat) {
    ThreadPool pool(1);
    RandomMatrix random(TensorType::F32, 16, 64, 1);
    for (std::size_t i = 0; i < random.bytes.size(); i += 4)
        random.bytes[i] = random.bytes[i + 1] = std::byte{0};
    EXPECT_EQ(pack(random.matrix, 1, pool).format, PackedFormat::bfloat16);
}

TEST(Packing, Mxfp4OutsideTheFastRangeOfExponentsIsKeptAsFloats) {
    ThreadPool pool(1);
    RandomMatrix random(TensorType::MXFP4, 16, 64, 1);
    random.bytes[0] = std::byte{20};
    random.bytes[1] = std::byte{0x77};
    const PackedMatrix packed = pack(random.matrix, 1, pool);
    EXPECT_EQ(packed.format, PackedFormat::float32);
    float first = 0;
    std::memcpy(&first, packed.panel(0, 0), sizeof first);
    EXPECT_EQ(first, 6.0F * 0x1p-107F);

    RandomMatrix zero(TensorType::MXFP4, 16, 64, 1);
    std::fill_n(zero.bytes.begin(), 17, std::byte{0});  // a block of zeros whose exponent says nothing
    EXPECT_EQ(pack(zero.matrix, 1, pool).format, PackedFormat::mxfp4);
    zero.bytes[0] = std::byte{255};
    EXPECT_EQ(pack(zero.matrix, 1, pool).format, PackedFormat::mxfp4);
}

TEST(Packing, WeightsThatAreNoNumbersAreRefusedByName) {
    ThreadPool pool(2);
    for (const TensorType type : {TensorType::MXFP4, TensorType::Q8_0, TensorType::F16, TensorType::Q4_K}) {
        RandomMatrix random(type, 64, 256, 1);
        random.tensor.name = "blk.0.some.weight";
        EXPECT_NO_THROW(pack(random.matrix, 1, pool));
        const gguf::TypeTraits& traits = gguf::traits(type);
        // The last block's scale: byte 255, or a half float that is infinite.
        const std::size_t at = random.bytes.size() - traits.block_bytes;
        random.bytes[at] = type == TensorType::MXFP4 ? std::byte{255} : std::byte{0};
        random.bytes[at + 1] = std::byte{0x7C};
        try {
            pack(random.matrix, 1, pool);
            ADD_FAILURE() << traits.name << " was packed";
        } catch (const Error& error) {
            EXPECT_EQ(error.code(), ErrorCode::file_corrupt);
            EXPECT_NE(std::string(error.what()).find("blk.0.some.weight"), std::string::npos) << error.what();
        }
    }
}

TEST(Packing, ColumnsThatAreNoWholeBlockAreFilledWithZeros) {
    constexpr std::int64_t kColumns = 40;
    ThreadPool pool(1);
    const RandomMatrix random(TensorType::F32, 16, kColumns, 2);
    const PackedMatrix packed = pack(random.matrix, 1, pool);
    ASSERT_EQ(packed.columns, 64);
    for (const Kernels* kernels : test::available_kernels()) {
        Activations activations = random_activations(*kernels, 1, kColumns, 3);
        const std::vector<float> out =
            project_all(*kernels, packed, activations, 1, std::vector<float>(16), pool);
        for (int r = 0; r < 16; ++r) {
            double sum = 0;
            for (int k = 0; k < kColumns; ++k)
                sum += double{random.values[r * kColumns + k]} * activations.floats(0)[k];
            EXPECT_NEAR(out[r], sum, 1e-5);
        }
    }
}

TEST(Quantising, KeepsSixteenBitsOfABlock) {
    // Blocks of very different sizes, zeros and a NaN: each block has a scale of its own.
    for (const Kernels* kernels : test::available_kernels()) {
        Activations activations(1, 32 * 4);
        for (int i = 0; i < 128; ++i)
            activations.floats(0)[i] =
                (i / 32 == 2 ? 0.0F : std::sin(static_cast<float>(i)) * (i / 32 == 0 ? 1e-10F : 1e10F));
        activations.floats(0)[100] = std::nanf("");
        activations.quantize(*kernels, 0);
        const ActivationRow row = activations.rows(0, 1)[0];
        EXPECT_NEAR(row.scales[0].scale, 1e-10F / 32512, 1e-16);
        EXPECT_NEAR(row.scales[1].scale, 1e10F / 32512, 1e4);
        EXPECT_TRUE(std::isfinite(row.scales[2].scale));
        EXPECT_EQ(row.scales[2].correction, 0);
        EXPECT_TRUE(std::isfinite(row.scales[3].scale));
    }
}

TEST(Experts, AddTheWeightedSwigluOfTheChosenOnes) {
    // Some thirty rows an expert: whole tiles of AMX, and others.
    constexpr std::int32_t kExperts = 5, kUsed = 2, kHidden = 64, kWidth = 96, kRows = 70;
    ThreadPool pool(2);
    const RandomMatrix gate(TensorType::MXFP4, kExperts * kWidth, kHidden, 1);
    const RandomMatrix up(TensorType::MXFP4, kExperts * kWidth, kHidden, 2);
    const RandomMatrix down(TensorType::MXFP4, kExperts * kHidden, kWidth, 3);
    std::mt19937 random(4);
    std::normal_distribution<float> normal(0, 3);  // reaches the clamps
    const auto floats = [&](std::int64_t count) {
        std::vector<float> values(static_cast<std::size_t>(count));
        for (float& value : values) value = normal(random);
        return values;
    };
    const std::vector<float> gate_bias = floats(kExperts * kWidth), up_bias = floats(kExperts * kWidth),
                             down_bias = floats(kExperts * kHidden), scores = floats(kRows * kExperts);
    const Routing routing = route(scores, kExperts, kUsed);
    const PackedExperts experts{pack_joined(gate.matrix, up.matrix, kExperts, pool),
                                pack(down.matrix, kExperts, pool), gate_bias.data(), up_bias.data(),
                                down_bias.data()};
    for (const Kernels* kernels : test::available_kernels()) {
        Activations in = random_activations(*kernels, kRows, kHidden, 5);
        Activations activated(kRows * kUsed, kWidth);
        std::vector<float> x(kRows * kHidden, 1.0F);
        apply_experts(pool, *kernels, experts, routing, in.rows(0, kRows), activated, x.data(), kHidden);

        std::vector<double> expected(kRows * kHidden, 1.0);
        for (std::int32_t expert = 0; expert < kExperts; ++expert)
            for (const Assignment& assignment : routing.of_expert(expert)) {
                std::vector<double> act(kWidth);
                for (int r = 0; r < kWidth; ++r) {
                    double a = gate_bias[expert * kWidth + r], b = up_bias[expert * kWidth + r];
                    for (int k = 0; k < kHidden; ++k) {
                        a += double{gate.values[(expert * kWidth + r) * kHidden + k]} *
                             in.floats(assignment.row)[k];
                        b += double{up.values[(expert * kWidth + r) * kHidden + k]} *
                             in.floats(assignment.row)[k];
                    }
                    a = std::min(a, 7.0);
                    b = std::clamp(b, -7.0, 7.0);
                    act[r] = a / (1 + std::exp(-1.702 * a)) * (b + 1);
                }
                for (int r = 0; r < kHidden; ++r) {
                    double y = down_bias[expert * kHidden + r];
                    for (int k = 0; k < kWidth; ++k)
                        y += down.values[(expert * kHidden + r) * kWidth + k] * act[k];
                    expected[assignment.row * kHidden + r] += assignment.weight * y;
                }
            }
        for (std::size_t i = 0; i < x.size(); ++i) ASSERT_NEAR(x[i], expected[i], 1e-3) << kernels->name;
    }
}

// The float32 reference has the same bits everywhere, and the bits it always had.
TEST(ReferenceSums, AreSixteenRunningSums) {
    std::mt19937 random(1);
    std::normal_distribution<float> normal;
    for (const std::int64_t count : {1, 15, 64, 71, 2880})
        for (const std::int64_t rows : {1, 2, 7, 8, 13}) {
            const std::int64_t stride = count + 3;
            std::vector<float> a(count), b(rows * stride), found(rows), added(count), expected(count);
            for (std::vector<float>* values : {&a, &b})
                for (float& value : *values) value = normal(random);
            reference_dots(a.data(), b.data(), stride, rows, count, found.data());
            for (std::int64_t row = 0; row < rows; ++row) {
                std::array<float, 16> sums{};
                const std::int64_t whole = count / 16 * 16;
                for (std::int64_t i = 0; i < count; ++i) {
                    volatile float product = a[i] * b[row * stride + i];  // rounded before it is added
                    sums[i < whole ? i % 16 : 0] += product;
                }
                float total = 0;
                for (const float sum : sums) total += sum;
                EXPECT_EQ(found[row], total) << count << ", row " << row;
            }
            reference_add(added.data(), b.data(), 0.3F, count);
            for (std::int64_t i = 0; i < count; ++i) expected[i] = 0.3F * b[i];
            EXPECT_EQ(added, expected);
        }
}

}  // namespace
}  // namespace gptoss::backend::cpu
