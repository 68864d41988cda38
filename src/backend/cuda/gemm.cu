#include <algorithm>

#include "backend/cuda/gemm.h"
#include "backend/cuda/gemm_warp.cuh"
#include "backend/cuda/gemm_warpgroup.cuh"
#include "base/check.h"

namespace gptoss::backend::cuda {

namespace {

struct Device {
    int multiprocessors = 0;
    bool warpgroup_matrix = false;
};

const Device& device() {
    static const Device found = [] {
        Device d;
        int id = 0, major = 0, minor = 0;
        cuda_check(cudaGetDevice(&id));
        cuda_check(cudaDeviceGetAttribute(&d.multiprocessors, cudaDevAttrMultiProcessorCount, id));
        cuda_check(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, id));
        cuda_check(cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, id));
        d.warpgroup_matrix = major == 9 && minor == 0;
        return d;
    }();
    return found;
}

// The tile that leaves the multiprocessors idle least: whole rounds of tiles, each as long as its tokens.
TokenGroup dense_group(std::int32_t rows, std::int32_t row_tiles) {
    TokenGroup best;
    std::int64_t best_cost = 0;
    for (const std::int32_t tile_rows : {16, 32, 48, 64, 80, 96, 112, 128}) {
        const std::int32_t tiles = (rows + tile_rows - 1) / tile_rows;
        const std::int64_t rounds =
            (std::int64_t{tiles} * row_tiles + device().multiprocessors - 1) / device().multiprocessors;
        // Unpacking a weight costs about as much as multiplying it with 32 tokens.
        const std::int64_t cost = rounds * std::max(tile_rows + 8, 40);
        if (best.tile_rows == 0 || cost <= best_cost) {
            best_cost = cost;
            best = TokenGroup{0, 0, rows, tile_rows, tiles, 0};
        }
    }
    return best;
}

template <typename Kernel>
void launch(Kernel kernel, int threads, int shared_bytes, std::int64_t tiles, const GemmProblem& problem,
            const TokenGroup& dense, cudaStream_t stream) {
    cuda_check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, shared_bytes));
    const int blocks = static_cast<int>(std::min<std::int64_t>(tiles, device().multiprocessors));
    kernel<<<blocks, threads, shared_bytes, stream>>>(problem, dense);
    cuda_check(cudaGetLastError());
}

}  // namespace

bool has_warpgroup_matrix() {
    return device().warpgroup_matrix;
}

void launch_gemm(const GemmProblem& problem, cudaStream_t stream, GemmPath path) {
    const DeviceMatrix& w = problem.weights;
    check(w.columns % kSlabColumns == 0, "columns come in slabs of 64");
    check(w.rows % problem.experts == 0, "experts have equal rows");
    check((w.rows / problem.experts) % 2 == 0, "rows come in pairs");
    if (problem.row_count == 0) return;

    const std::int32_t row_tiles = (w.rows / problem.experts + kTileRows - 1) / kTileRows;
    TokenGroup dense;
    if (problem.groups == nullptr) dense = dense_group(problem.row_count, row_tiles);
    const std::int64_t tiles =
        problem.groups == nullptr
            ? std::int64_t{dense.tile_count} * row_tiles
            : std::int64_t{std::min(problem.row_count,
                                    problem.experts + problem.row_count / kMaxTileTokens)} *
                  row_tiles;

    const bool warpgroup =
        path == GemmPath::warpgroup || (path == GemmPath::automatic && device().warpgroup_matrix);
    const auto choose = [&]<PlaneType type>() {
        if (warpgroup)
            launch(gemm_warpgroup_kernel<type>, WarpgroupGemm<type>::kThreads,
                   WarpgroupGemm<type>::kSharedBytes, tiles, problem, dense, stream);
        else
            launch(gemm_warp_kernel<type>, WarpGemm<type>::kThreads, WarpGemm<type>::kSharedBytes, tiles,
                   problem, dense, stream);
    };
    switch (w.type) {
        case PlaneType::mxfp4:
            choose.template operator()<PlaneType::mxfp4>();
            break;
        case PlaneType::q8_0:
            choose.template operator()<PlaneType::q8_0>();
            break;
        case PlaneType::f16:
            choose.template operator()<PlaneType::f16>();
            break;
        case PlaneType::bf16:
            choose.template operator()<PlaneType::bf16>();
            break;
    }
}

}  // namespace gptoss::backend::cuda
