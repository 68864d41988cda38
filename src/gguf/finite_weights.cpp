#include "gguf/finite_weights.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <string>

#include "base/error.h"
#include "gguf/block_bytes.h"
#include "gguf/dequantize.h"

namespace gptoss::gguf {
namespace {

constexpr std::size_t kMostBlockElements = 256;

// Numbers of `Word` whose bits of `exponent` are not all set. The loop has no way out, so that it is computed in vectors.
template <typename Word>
bool no_full_exponent(std::span<const std::byte> bytes, Word exponent) {
    Word full = 0;
    for (std::size_t at = 0; at < bytes.size(); at += sizeof(Word)) {
        Word word;
        std::memcpy(&word, bytes.data() + at, sizeof word);
        full |= static_cast<Word>((word & exponent) == exponent);
    }
    return full == 0;
}

constexpr std::uint16_t kHalfExponent = 0x7C00;

// Where a block keeps its half floats. All else in it is small integers: finite halves make finite values.
std::span<const std::size_t> places_of_halves(TensorType type) {
    static constexpr std::array<std::size_t, 2> kFirst{0, 2}, kQ2_K{80, 82};
    static constexpr std::array<std::size_t, 1> kQ3_K{108}, kQ6_K{208}, kTQ1_0{52}, kTQ2_0{64};
    switch (type) {
        case TensorType::Q4_1:
        case TensorType::Q5_1:
        case TensorType::Q4_K:
        case TensorType::Q5_K:
            return kFirst;
        case TensorType::Q2_K:
            return kQ2_K;
        case TensorType::Q3_K:
            return kQ3_K;
        case TensorType::Q6_K:
            return kQ6_K;
        case TensorType::TQ1_0:
            return kTQ1_0;
        case TensorType::TQ2_0:
            return kTQ2_0;
        default:
            return std::span(kFirst).first(1);
    }
}

bool values_are_finite(TensorType type, std::span<const std::byte> block) {
    std::array<float, kMostBlockElements> values;
    const auto used = std::span(values).first(traits(type).block_elements);
    dequantize(type, block, used);
    return std::ranges::all_of(used, [](float value) { return std::isfinite(value); });
}

bool all_values_finite(TensorType type, std::span<const std::byte> blocks) {
    const std::size_t block_bytes = traits(type).block_bytes;
    for (std::size_t at = 0; at < blocks.size(); at += block_bytes)
        if (!values_are_finite(type, blocks.subspan(at, block_bytes))) return false;
    return true;
}

// One block whose scale is large.
bool mxfp4_is_finite(std::span<const std::byte> block) {
    if (u8(block.data(), 0) < 255) return values_are_finite(TensorType::MXFP4, block);
    return std::ranges::all_of(block.subspan(1),
                               [](std::byte codes) { return (codes & std::byte{0x77}) == std::byte{0}; });
}

// 63 GB of these are read while they are loaded: nearly always one look at a scale.
bool all_mxfp4_finite(std::span<const std::byte> blocks) {
    constexpr std::size_t kBlockBytes = 17;
    constexpr std::uint8_t kMostForAllCodes = 252;  // 6 times 2^125 is a float, 6 times 2^126 is none
    std::uint8_t most = 0;
    for (std::size_t at = 0; at < blocks.size(); at += kBlockBytes)
        most = std::max(most, u8(blocks.data(), at));
    if (most <= kMostForAllCodes) return true;
    for (std::size_t at = 0; at < blocks.size(); at += kBlockBytes)
        if (u8(blocks.data(), at) > kMostForAllCodes && !mxfp4_is_finite(blocks.subspan(at, kBlockBytes)))
            return false;
    return true;
}

bool all_halves_finite(TensorType type, std::span<const std::byte> blocks) {
    const std::size_t block_bytes = traits(type).block_bytes;
    bool full = false;
    for (const std::size_t place : places_of_halves(type))
        for (std::size_t at = place; at < blocks.size(); at += block_bytes)
            full |= (load_u16(blocks.data() + at) & kHalfExponent) == kHalfExponent;
    return !full;
}

}  // namespace

bool all_finite(TensorType type, std::span<const std::byte> blocks) {
    switch (type) {
        case TensorType::F32:
            return no_full_exponent<std::uint32_t>(blocks, 0x7F800000);
        case TensorType::BF16:
            return no_full_exponent<std::uint16_t>(blocks, 0x7F80);
        case TensorType::F16:
            return no_full_exponent<std::uint16_t>(blocks, kHalfExponent);
        case TensorType::MXFP4:
            return all_mxfp4_finite(blocks);
        case TensorType::IQ1_M:  // its half float lies in four pieces
            return all_values_finite(type, blocks);
        default:
            return all_halves_finite(type, blocks);
    }
}

void refuse_not_finite(std::string_view place, TensorType type) {
    const std::string where(place), name(traits(type).name);
    throw Error(
        ErrorCode::file_corrupt, where + " (" + name + ") holds weights that are no finite numbers",
        "The file is damaged or was written wrongly. gpt-oss-node verify --model FILE compares it with "
        "the published hashes.",
        {{"tensor", where}, {"type", name}});
}

}  // namespace gptoss::gguf
