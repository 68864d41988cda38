// Plain C++ for any machine: what the other kernel sets do, one value after the other.
#include "backend/cpu/kernels.h"
#include "backend/cpu/kernels_shared.h"

namespace gptoss::backend::cpu {
namespace {

float half_to_float(std::uint16_t half) {
    const std::uint32_t sign = static_cast<std::uint32_t>(half & 0x8000U) << 16;
    const std::uint32_t magnitude = half & 0x7FFFU;
    std::uint32_t bits = 0;
    if (magnitude >= 0x7C00U) {
        bits = 0x7F800000U | (magnitude & 0x3FFU) << 13;  // infinity, NaN
    } else if (magnitude >= 0x400U) {
        bits = (magnitude << 13) + (112U << 23);  // bias 15 to bias 127
    } else {
        const float subnormal = static_cast<float>(magnitude) * 0x1p-24F;
        std::memcpy(&bits, &subnormal, sizeof bits);
    }
    bits |= sign;
    float value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
}

float half_at(const std::byte* from) {
    std::uint16_t half;
    std::memcpy(&half, from, sizeof half);
    return half_to_float(half);
}

struct LoadFloat16 {
    static constexpr std::size_t kBytes = 2;
    static FloatLanes lanes(const std::byte* from) {
        float out[kLanes];
        for (int lane = 0; lane < kLanes; ++lane) out[lane] = half_at(from + 2 * lane);
        return load_floats(out);
    }
};

// The 64 bytes of a quantised block: 32 16-bit values in order.
void quantize_block(const float* values, QuantizedRow row, std::int32_t block) {
    std::int32_t integers[kBlockColumns];
    row.scales[block] = quantise_to_integers(values, integers);
    std::int16_t out[kBlockColumns];
    for (int column = 0; column < kBlockColumns; ++column)
        out[column] = static_cast<std::int16_t>(integers[column]);
    std::memcpy(row.values + std::size_t{64} * block, out, sizeof out);
}

constexpr std::uint8_t kMxfp4Table[16] = {128, 129, 130, 131, 132, 134, 136, 140,
                                          128, 127, 126, 125, 124, 122, 120, 116};

float mxfp4_scale(std::uint8_t exponent, float activation_scale) {
    std::uint32_t bits;
    std::memcpy(&bits, &activation_scale, sizeof bits);
    bits += (std::uint32_t{exponent} - 128U) << 23;
    std::memcpy(&activation_scale, &bits, sizeof bits);
    return activation_scale;
}

// The 32 weights of one row of a panel in one block, as stored (value + 128).
void unpack_mxfp4(const std::byte* codes, int lane, std::int16_t* weights) {
    for (int pair = 0; pair < 4; ++pair)
        for (int i = 0; i < 4; ++i) {
            const auto byte = static_cast<std::uint8_t>(codes[128 * pair + 4 * lane + i]);
            weights[8 * pair + i] = kMxfp4Table[byte & 15];
            weights[8 * pair + 4 + i] = kMxfp4Table[byte >> 4];
        }
}
void unpack_int8(const std::byte* bytes, int lane, std::int16_t* weights) {
    for (int quad = 0; quad < 8; ++quad)
        for (int i = 0; i < 4; ++i)
            weights[4 * quad + i] = static_cast<std::uint8_t>(bytes[128 * quad + 4 * lane + i]);
}

template <bool kMxfp4, int kRows>
void dot_integers_rows(const std::byte* panel, std::int32_t blocks, const ActivationRow* rows, float* out) {
    float accumulators[kRows][kPanelRows] = {};
    for (std::int32_t block = 0; block < blocks; ++block) {
        const std::int32_t in_group = kMxfp4 ? block % kMxfp4GroupBlocks : 0;
        const std::byte* group = panel + kGroupBytes * (kMxfp4 ? block / kMxfp4GroupBlocks : block);
        for (int lane = 0; lane < kPanelRows; ++lane) {
            std::int16_t weights[kBlockColumns];
            if (kMxfp4)
                unpack_mxfp4(group + 64 + 512 * in_group, lane, weights);
            else
                unpack_int8(group + 64, lane, weights);
            for (int row = 0; row < kRows; ++row) {
                std::int16_t activations[kBlockColumns];
                std::memcpy(activations, rows[row].values + std::size_t{64} * block, sizeof activations);
                const BlockScale& scale = rows[row].scales[block];
                std::int32_t sum = scale.correction;
                for (int i = 0; i < kBlockColumns; ++i) sum += std::int32_t{weights[i]} * activations[i];
                const float combined =
                    kMxfp4 ? mxfp4_scale(static_cast<std::uint8_t>(group[kPanelRows * in_group + lane]),
                                         scale.scale)
                           : half_at(group + 2 * lane) * scale.scale;
                accumulators[row][lane] =
                    __builtin_fmaf(static_cast<float>(sum), combined, accumulators[row][lane]);
            }
        }
    }
    std::memcpy(out, accumulators, sizeof accumulators);
}
template <bool kMxfp4>
constexpr PanelDot kDotIntegers = dot_by_rows<dot_integers_rows<kMxfp4, 1>, dot_integers_rows<kMxfp4, 2>,
                                              dot_integers_rows<kMxfp4, 3>, dot_integers_rows<kMxfp4, 4>>;

}  // namespace

const Kernels& portable_kernels() {
    static constexpr Kernels kernels =
        kernel_set<LoadFloat16>("portable", kDotIntegers<true>, kDotIntegers<false>, quantize_block);
    return kernels;
}

}  // namespace gptoss::backend::cpu
