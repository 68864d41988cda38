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
#include "gguf/finite_weights.h"
#include "gguf/numbers.h"

namespace gptoss::backend::cpu {
namespace {

using gguf::TensorType;

// Where a panel's rows lie in the file; nullptr pads with zeros.
using PanelSource = std::array<const std::byte*, kPanelRows>;

// Exponents outside would leave float32's normal range when they meet an activation's scale (2^-60 .. 2^60).
constexpr int kLeastExponent = 64, kMostExponent = 192;
constexpr std::byte kExponentOfZero{128};

// Where four columns of a row lie in a group of two vectors.
std::size_t place_of(std::int32_t row) {
    return static_cast<std::size_t>(row / kHalfRows) * 64 + static_cast<std::size_t>(row % kHalfRows) * 4;
}

// False when an exponent is outside the range.
bool pack_mxfp4(const PanelSource& source, std::int32_t blocks, std::byte* panel) {
    bool in_range = true;
    for (std::int32_t block = 0; block < blocks; ++block) {
        std::byte* group = panel + kGroupBytes * (block / kMxfp4GroupBlocks);
        std::byte* exponents = group + kPanelRows * (block % kMxfp4GroupBlocks);
        std::byte* out = group + 64 + 512 * (block % kMxfp4GroupBlocks);
        for (std::int32_t row = 0; row < kPanelRows; ++row) {
            exponents[row] = kExponentOfZero;
            if (source[row] == nullptr) continue;
            const std::byte* stored = source[row] + std::size_t{17} * block;
            // Elements 0..15 are the low nibbles of the 16 bytes, elements 16..31 the high ones. Pairs 0 and
            // 1 hold low nibbles, 2 and 3 high ones: eight columns are two words of bytes.
            std::uint64_t halves[2];
            std::memcpy(halves, stored + 1, sizeof halves);
            constexpr std::uint64_t kNibbles = 0x0F0F0F0F0F0F0F0FULL;
            for (int pair = 0; pair < 4; ++pair) {
                const std::uint64_t eight = (halves[pair % 2] >> (pair < 2 ? 0 : 4)) & kNibbles;
                const auto packed = static_cast<std::uint32_t>(eight | eight >> 28);
                std::memcpy(out + 128 * pair + place_of(row), &packed, sizeof packed);
            }
            const bool any = ((halves[0] | halves[1]) & 0x7777777777777777ULL) != 0;  // all but the signs
            if (!any) continue;  // a block of zeros may carry any exponent
            exponents[row] = stored[0];
            const auto exponent = static_cast<int>(stored[0]);
            in_range = in_range && exponent >= kLeastExponent && exponent <= kMostExponent;
        }
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

void pack_int8(TensorType type, const PanelSource& source, std::int32_t blocks, std::byte* panel) {
    const std::size_t block_bytes = gguf::traits(type).block_bytes;
    for (std::int32_t block = 0; block < blocks; ++block) {
        std::byte* scales = panel + kGroupBytes * block;
        std::byte* out = scales + 64;
        for (std::int32_t row = 0; row < kPanelRows; ++row) {
            std::array<std::int8_t, 32> integers{};
            if (source[row] != nullptr) {
                read_integers(type, source[row] + block_bytes * block, integers.data());
                std::memcpy(scales + 2 * row, source[row] + block_bytes * block, 2);
            }
            for (int quad = 0; quad < 8; ++quad) {
                std::uint32_t four;
                std::memcpy(&four, integers.data() + 4 * quad, sizeof four);
                four ^= 0x80808080U;  // + 128
                std::memcpy(out + 128 * quad + place_of(row), &four, sizeof four);
            }
        }
    }
}

// One row of a panel of floats. False when a value does not fit the format.
bool pack_float_row(const model::Matrix& matrix, const std::byte* source, std::int32_t row,
                    PackedFormat format, std::byte* panel) {
    const gguf::TypeTraits& type = gguf::traits(matrix.tensor->type);
    std::vector<float> values(matrix.columns);
    gguf::dequantize(matrix.tensor->type, {source, values.size() / type.block_elements * type.block_bytes},
                     values);
    bool fits = true;
    for (std::size_t k = 0; k < values.size(); ++k) {
        const std::size_t index = k * kPanelRows + row;
        std::uint32_t bits;
        std::memcpy(&bits, &values[k], sizeof bits);
        if (format == PackedFormat::float32) {
            std::memcpy(panel + 4 * index, &bits, 4);
        } else if (format == PackedFormat::bfloat16) {
            const auto upper = static_cast<std::uint16_t>(bits >> 16);
            fits = fits && (bits & 0xFFFFU) == 0;
            std::memcpy(panel + 2 * index, &upper, 2);
        } else {
            const std::uint16_t half = gguf::half_from_float(values[k]);
            fits = fits && std::abs(values[k]) <= 65504.0F;
            std::memcpy(panel + 2 * index, &half, 2);
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
            return (blocks + kMxfp4GroupBlocks - 1) / kMxfp4GroupBlocks * kGroupBytes;
        case PackedFormat::int8:
            return blocks * kGroupBytes;
        case PackedFormat::float32:
            return std::size_t{4 * kPanelRows} * columns;
        default:
            return std::size_t{2 * kPanelRows} * columns;
    }
}

bool pack_panel(PackedFormat format, std::span<const model::Matrix> matrices, const PanelSource& source,
                std::int32_t blocks, std::byte* panel) {
    const TensorType type = matrices[0].tensor->type;
    if (format == PackedFormat::mxfp4) return pack_mxfp4(source, blocks, panel);
    if (format == PackedFormat::int8) {
        pack_int8(type, source, blocks, panel);
        return true;
    }
    const std::int32_t panel_rows = kPanelRows / static_cast<std::int32_t>(matrices.size());
    bool fits = true;
    for (std::int32_t row = 0; row < kPanelRows; ++row)
        if (source[row] != nullptr)
            fits = pack_float_row(matrices[row / panel_rows], source[row], row, format, panel) && fits;
    return fits;
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

// One matrix, or two that are joined. False when the values do not fit the format.
bool pack_as(PackedFormat format, std::span<const model::Matrix> matrices, std::int32_t groups,
             ThreadPool& pool, PackedMatrix& out) {
    const auto panel_rows = static_cast<std::int32_t>(kPanelRows / matrices.size());  // of each matrix
    out.format = format;
    out.groups = groups;
    out.group_rows = static_cast<std::int32_t>(matrices[0].rows / groups);
    out.panels = (out.group_rows + panel_rows - 1) / panel_rows;
    out.columns = padded_columns(matrices[0].columns);
    out.panel_bytes = panel_bytes_of(format, out.columns);
    const std::int64_t panels = std::int64_t{groups} * out.panels;
    out.memory = AlignedBuffer(static_cast<std::size_t>(panels) * out.panel_bytes + kPrefetchBytes);
    std::atomic<bool> fits = true;
    std::atomic<const gguf::Tensor*> not_finite = nullptr;
    pool.for_each(panels, 8, [&](std::int64_t index) {
        const std::int64_t group = index / out.panels;
        const std::int64_t first = index % out.panels * panel_rows;
        PanelSource source{};
        for (std::int32_t row = 0; row < kPanelRows; ++row) {
            if (first + row % panel_rows >= out.group_rows) continue;
            const model::Matrix& matrix = matrices[row / panel_rows];
            const gguf::TypeTraits& type = gguf::traits(matrix.tensor->type);
            const std::size_t row_bytes = matrix.columns / type.block_elements * type.block_bytes;
            source[row] =
                matrix.tensor->data.data() + (group * out.group_rows + first + row % panel_rows) * row_bytes;
            // While its bytes come from the file anyway.
            if (!gguf::all_finite(matrix.tensor->type, {source[row], row_bytes}))
                not_finite.store(matrix.tensor, std::memory_order_relaxed);
        }
        std::byte* panel = out.memory.data() + static_cast<std::size_t>(index) * out.panel_bytes;
        if (!pack_panel(format, matrices, source, out.blocks(), panel))
            fits.store(false, std::memory_order_relaxed);
    });
    if (const gguf::Tensor* tensor = not_finite)
        gguf::refuse_not_finite("tensor " + tensor->name, tensor->type);
    return fits;
}

PackedMatrix pack_all(std::span<const model::Matrix> matrices, std::int32_t groups, ThreadPool& pool) {
    const PackedFormat format = preferred_format(matrices.front().tensor->type);
    const bool one_type = matrices.front().tensor->type == matrices.back().tensor->type;
    PackedMatrix packed;
    // float32 holds the values of every type.
    if (!one_type || !pack_as(format, matrices, groups, pool, packed))
        pack_as(PackedFormat::float32, matrices, groups, pool, packed);
    for (const model::Matrix& matrix : matrices) no_longer_needed(matrix.tensor->data);
    return packed;
}

}  // namespace

PackedMatrix pack(const model::Matrix& matrix, std::int32_t groups, ThreadPool& pool) {
    return pack_all({&matrix, 1}, groups, pool);
}

PackedMatrix pack_joined(const model::Matrix& first, const model::Matrix& second, std::int32_t groups,
                         ThreadPool& pool) {
    const std::array matrices{first, second};
    return pack_all(matrices, groups, pool);
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
