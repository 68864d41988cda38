#include "backend/cpu/packed_matrix.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstring>
#include <vector>

#include "gguf/dequantize.h"
#include "gguf/numbers.h"

namespace gptoss::backend::cpu {
namespace {

using gguf::TensorType;

// Where a panel's 16 rows lie in the file; nullptr pads with zeros.
using PanelSource = std::array<const std::byte*, kPanelRows>;

// Exponents outside would leave float32's normal range when they meet an activation's scale (2^-60 .. 2^60).
constexpr int kLeastExponent = 64, kMostExponent = 192;
constexpr std::byte kExponentOfZero{128};

// False when an exponent is outside the range.
bool pack_mxfp4(const PanelSource& source, std::int32_t blocks, std::byte* out) {
    std::byte* exponents = out + std::size_t{256} * blocks;
    bool in_range = true;
    for (std::int32_t block = 0; block < blocks; ++block, out += 256, exponents += kPanelRows)
        for (std::int32_t row = 0; row < kPanelRows; ++row) {
            exponents[row] = kExponentOfZero;
            if (source[row] == nullptr) continue;
            const std::byte* stored = source[row] + std::size_t{17} * block;
            // Elements 0..15 are the low nibbles of the 16 bytes, elements 16..31 the high ones.
            std::array<std::uint8_t, 32> codes;
            std::uint8_t any = 0;
            for (int i = 0; i < 16; ++i) {
                const auto byte = static_cast<std::uint8_t>(stored[1 + i]);
                codes[i] = byte & 15;
                codes[i + 16] = byte >> 4;
                any |= byte & 0x77;  // all but the signs
            }
            for (int pair = 0; pair < 4; ++pair)
                for (int c = 0; c < 4; ++c)
                    out[64 * pair + 4 * row + c] =
                        static_cast<std::byte>(codes[8 * pair + c] | codes[8 * pair + 4 + c] << 4);
            if (any == 0) continue;  // a block of zeros may carry any exponent
            exponents[row] = stored[0];
            const auto exponent = static_cast<int>(stored[0]);
            in_range = in_range && exponent >= kLeastExponent && exponent <= kMostExponent;
        }
    return in_range;
}

constexpr std::array<std::int8_t, 16> kIq4NlValues{-127, -104, -83, -65, -49, -35, -22, -10,
                                                   1,    13,   25,  38,  53,  69,  89,  113};

// The integers of one stored block; all these types begin with a float16 scale.
void read_integers(TensorType type, const std::byte* stored, std::int8_t* out) {
    const auto byte = [&](int i) { return static_cast<std::uint8_t>(stored[i]); };
    switch (type) {
        case TensorType::Q8_0:
            std::memcpy(out, stored + 2, 32);
            return;
        case TensorType::Q4_0:
        case TensorType::IQ4_NL:
            for (int i = 0; i < 16; ++i) {
                const int low = byte(2 + i) & 15, high = byte(2 + i) >> 4;
                out[i] = type == TensorType::Q4_0 ? static_cast<std::int8_t>(low - 8) : kIq4NlValues[low];
                out[i + 16] =
                    type == TensorType::Q4_0 ? static_cast<std::int8_t>(high - 8) : kIq4NlValues[high];
            }
            return;
        default:  // Q5_0: the fifth bits of elements 0..31 are a word before the nibbles
            for (int i = 0; i < 16; ++i) {
                const int low_bit = byte(2 + i / 8) >> (i % 8) & 1, high_bit = byte(4 + i / 8) >> (i % 8) & 1;
                out[i] = static_cast<std::int8_t>((byte(6 + i) & 15) + 16 * low_bit - 16);
                out[i + 16] = static_cast<std::int8_t>((byte(6 + i) >> 4) + 16 * high_bit - 16);
            }
    }
}

void pack_int8(TensorType type, const PanelSource& source, std::int32_t blocks, std::byte* out) {
    const std::size_t block_bytes = gguf::traits(type).block_bytes;
    std::byte* scales = out + std::size_t{512} * blocks;
    for (std::int32_t block = 0; block < blocks; ++block, out += 512, scales += 2 * kPanelRows)
        for (std::int32_t row = 0; row < kPanelRows; ++row) {
            std::array<std::int8_t, 32> integers{};
            if (source[row] != nullptr) {
                read_integers(type, source[row] + block_bytes * block, integers.data());
                std::memcpy(scales + 2 * row, source[row] + block_bytes * block, 2);
            }
            for (int quad = 0; quad < 8; ++quad)
                for (int c = 0; c < 4; ++c)
                    out[64 * quad + 4 * row + c] = static_cast<std::byte>(integers[4 * quad + c] + 128);
        }
}

// False when a value does not fit the format.
bool pack_floats(const model::Matrix& matrix, const PanelSource& source, PackedFormat format,
                 std::byte* out) {
    const gguf::TypeTraits& type = gguf::traits(matrix.tensor->type);
    const std::size_t row_bytes = matrix.columns / type.block_elements * type.block_bytes;
    std::vector<float> values(matrix.columns);
    bool fits = true;
    for (std::int32_t row = 0; row < kPanelRows; ++row) {
        if (source[row] == nullptr) continue;
        gguf::dequantize(matrix.tensor->type, {source[row], row_bytes}, values);
        for (std::int64_t k = 0; k < matrix.columns; ++k) {
            const std::size_t index = static_cast<std::size_t>(k) * kPanelRows + row;
            std::uint32_t bits;
            std::memcpy(&bits, &values[k], sizeof bits);
            if (format == PackedFormat::float32) {
                std::memcpy(out + 4 * index, &bits, 4);
            } else if (format == PackedFormat::bfloat16) {
                const auto upper = static_cast<std::uint16_t>(bits >> 16);
                fits = fits && (bits & 0xFFFFU) == 0;
                std::memcpy(out + 2 * index, &upper, 2);
            } else {
                const std::uint16_t half = gguf::half_from_float(values[k]);
                fits = fits && std::abs(values[k]) <= 65504.0F;
                std::memcpy(out + 2 * index, &half, 2);
            }
        }
    }
    return fits;
}

PackedFormat preferred_format(TensorType type) {
    switch (type) {
        case TensorType::MXFP4:
            return PackedFormat::mxfp4;
        case TensorType::Q8_0:
        case TensorType::Q4_0:
        case TensorType::Q5_0:
        case TensorType::IQ4_NL:
            return PackedFormat::int8;
        case TensorType::F32:
        case TensorType::BF16:
            return PackedFormat::bfloat16;
        default:
            return PackedFormat::float16;
    }
}

std::size_t panel_bytes_of(PackedFormat format, std::int32_t columns) {
    const std::size_t blocks = columns / kBlockColumns;
    switch (format) {
        case PackedFormat::mxfp4:
            return blocks * (256 + 16);
        case PackedFormat::int8:
            return blocks * (512 + 32);
        case PackedFormat::float32:
            return std::size_t{64} * columns;
        default:
            return std::size_t{32} * columns;
    }
}

// The file's pages may go first when memory gets short: the packed copy replaces them.
void no_longer_needed(std::span<const std::byte> bytes) {
#if defined(MADV_COLD)
    const auto page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
    const std::uintptr_t begin = (reinterpret_cast<std::uintptr_t>(bytes.data()) + page - 1) / page * page;
    const std::uintptr_t end = reinterpret_cast<std::uintptr_t>(bytes.data() + bytes.size()) / page * page;
    if (end > begin) (void)madvise(reinterpret_cast<void*>(begin), end - begin, MADV_COLD);
#else
    (void)bytes;
#endif
}

// False when the values do not fit the format.
bool pack_as(PackedFormat format, const model::Matrix& matrix, std::int32_t groups, ThreadPool& pool,
             PackedMatrix& out) {
    const gguf::TypeTraits& type = gguf::traits(matrix.tensor->type);
    const std::size_t row_bytes = matrix.columns / type.block_elements * type.block_bytes;
    out.format = format;
    out.groups = groups;
    out.group_rows = static_cast<std::int32_t>(matrix.rows / groups);
    out.columns = padded_columns(matrix.columns);
    out.panel_bytes = panel_bytes_of(format, out.columns);
    const std::int64_t panels = std::int64_t{groups} * out.group_panels();
    out.memory = AlignedBuffer(static_cast<std::size_t>(panels) * out.panel_bytes);
    std::atomic<bool> fits = true;
    pool.for_each(panels, 8, [&](std::int64_t index) {
        const std::int64_t group = index / out.group_panels();
        const std::int64_t first = index % out.group_panels() * kPanelRows;
        PanelSource source{};
        for (std::int32_t row = 0; row < kPanelRows && first + row < out.group_rows; ++row)
            source[row] = matrix.tensor->data.data() + (group * out.group_rows + first + row) * row_bytes;
        std::byte* panel = out.memory.data() + static_cast<std::size_t>(index) * out.panel_bytes;
        bool ok = true;
        if (format == PackedFormat::mxfp4)
            ok = pack_mxfp4(source, out.blocks(), panel);
        else if (format == PackedFormat::int8)
            pack_int8(matrix.tensor->type, source, out.blocks(), panel);
        else
            ok = pack_floats(matrix, source, format, panel);
        if (!ok) fits.store(false, std::memory_order_relaxed);
    });
    return fits;
}

}  // namespace

PackedMatrix pack_as_float32(const model::Matrix& matrix, std::int32_t groups, ThreadPool& pool) {
    PackedMatrix packed;
    pack_as(PackedFormat::float32, matrix, groups, pool, packed);
    return packed;
}

PackedMatrix pack(const model::Matrix& matrix, std::int32_t groups, ThreadPool& pool) {
    PackedMatrix packed;
    if (!pack_as(preferred_format(matrix.tensor->type), matrix, groups, pool, packed))
        packed = pack_as_float32(matrix, groups, pool);
    no_longer_needed(matrix.tensor->data);
    return packed;
}

PanelDot kernel_for(const Kernels& kernels, PackedFormat format) {
    switch (format) {
        case PackedFormat::mxfp4:
            return kernels.dot_mxfp4;
        case PackedFormat::int8:
            return kernels.dot_int8;
        case PackedFormat::float32:
            return kernels.dot_float32;
        case PackedFormat::bfloat16:
            return kernels.dot_bfloat16;
        default:
            return kernels.dot_float16;
    }
}

}  // namespace gptoss::backend::cpu
