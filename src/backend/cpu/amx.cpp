#include "backend/cpu/amx.h"

#if defined(__x86_64__)
#include <asm/prctl.h>
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <random>
#include <vector>

#include "backend/cpu/activations.h"

namespace gptoss::backend::cpu {
namespace {

// AMX-TILE and AMX-INT8.
bool has_instructions() {
    unsigned a = 0, b = 0, c = 0, d = 0;
    constexpr unsigned kTile = 1U << 24, kInt8 = 1U << 25;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (d & kTile) != 0 && (d & kInt8) != 0;
}

// Linux saves tiles with a thread only where the process has asked for that; one that knows no tiles (before 5.16)
// refuses.
bool get_permission() {
    constexpr int kRequestPermission = 0x1023, kTileData = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
    return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

std::vector<float> products(PanelDot dot, const AlignedBuffer& panel, std::int32_t blocks,
                            std::span<const ActivationRow> rows) {
    std::vector<float> out(kMostRows * kPanelRows);
    dot(panel.data(), blocks, rows.data(), static_cast<std::int32_t>(rows.size()), out.data());
    out.resize(rows.size() * kPanelRows);
    return out;
}

}  // namespace

bool are_products_equal(const Kernels& a, const Kernels& b) {
    // Whole tiles, a tile that lacks rows, and rows outside of tiles; an odd count of blocks.
    constexpr std::int32_t kRowCounts[] = {1, 13, 36}, kBlocks = 19;
    std::mt19937 random(1);
    std::normal_distribution<float> normal;
    Activations activations(std::ranges::max(kRowCounts), kBlocks * kBlockColumns);
    for (std::int32_t row = 0; row < std::ranges::max(kRowCounts); ++row) {
        for (std::int32_t k = 0; k < kBlocks * kBlockColumns; ++k)
            activations.floats(row)[k] = normal(random);
        activations.quantize(a, row);
    }
    AlignedBuffer panel(kBlocks * kGroupBytes);  // of int8; mxfp4 reads half of it
    const std::span<std::uint8_t> bytes = panel.as<std::uint8_t>();
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        const auto any = static_cast<std::uint8_t>(random());
        // Scales of 2^-64 to 2^-33 in mxfp4, of 2 to 500 in int8.
        bytes[i] = i % kGroupBytes < 64 ? static_cast<std::uint8_t>(64 + any % 32) : any;
    }
    return std::ranges::all_of(kRowCounts, [&](std::int32_t count) {
        const auto rows = activations.rows(0, count);
        return products(a.dot_mxfp4, panel, kBlocks, rows) == products(b.dot_mxfp4, panel, kBlocks, rows) &&
               products(a.dot_int8, panel, kBlocks, rows) == products(b.dot_int8, panel, kBlocks, rows);
    });
}

bool is_amx_usable() {
    static const bool usable =
        has_instructions() && get_permission() && are_products_equal(avx512_kernels(), amx_kernels());
    return usable;
}

}  // namespace gptoss::backend::cpu
#endif
