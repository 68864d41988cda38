#include <algorithm>

#include "backend/cuda/gemm.h"
#include "backend/cuda/gemm_stream.cuh"
#include "backend/cuda/gemm_warp.cuh"
#include "backend/cuda/gemm_warpgroup.cuh"
#include "base/check.h"

namespace gptoss::backend::cuda {

namespace {

struct Device {
    int multiprocessors = 0;
    int shared_bytes = 0;  // the most a block may have
    bool warpgroup_matrix = false;
};

const Device& device() {
    static const Device found = [] {
        Device d;
        int id = 0, major = 0, minor = 0;
        cuda_check(cudaGetDevice(&id));
        cuda_check(cudaDeviceGetAttribute(&d.multiprocessors, cudaDevAttrMultiProcessorCount, id));
        cuda_check(cudaDeviceGetAttribute(&d.shared_bytes, cudaDevAttrMaxSharedMemoryPerBlockOptin, id));
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

// 16 warps, three slabs each, and 8 or 16 tokens; or what fits in the 99 KB of a workstation card.
using LargeStream = StreamGemm<16, 3>;
using SmallStream = StreamGemm<8, 2>;
constexpr std::int32_t kStreamColumns = 2880;  // hidden and expert width of both models

int stream_bytes(std::int32_t columns, GemmPath path, std::int32_t tile_tokens) {
    return path == GemmPath::stream ? LargeStream::shared_bytes(columns, tile_tokens)
                                    : SmallStream::shared_bytes(columns, tile_tokens);
}

template <typename Kernel>
void launch_stream(Kernel kernel, int threads, GemmPath path, const GemmProblem& problem,
                   cudaStream_t stream) {
    const std::int32_t tokens = stream_tile_tokens(path);
    const int bytes = stream_bytes(problem.weights.columns, path, tokens);
    cuda_check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes));
    kernel<<<device().multiprocessors, threads, bytes, stream>>>(problem, tokens);
    cuda_check(cudaGetLastError());
}

}  // namespace

bool has_warpgroup_matrix() {
    return device().warpgroup_matrix;
}

GemmPath stream_path() {
    for (const GemmPath path : {GemmPath::stream, GemmPath::stream_small})
        if (stream_bytes(kStreamColumns, path, 8) <= device().shared_bytes) return path;
    return GemmPath::automatic;
}

std::int32_t stream_tile_tokens(GemmPath path) {
    return stream_bytes(kStreamColumns, path, 16) <= device().shared_bytes ? 16 : 8;
}

bool can_stream(const DeviceMatrix& weights, std::int32_t experts, GemmPath path) {
    return (path == GemmPath::stream || path == GemmPath::stream_small) && weights.type == PlaneType::mxfp4 &&
           weights.rows / experts % LargeStream::kRows == 0 &&
           stream_bytes(weights.columns, path, stream_tile_tokens(path)) <= device().shared_bytes;
}

void launch_gemm(const GemmProblem& problem, cudaStream_t stream, GemmPath path) {
    const DeviceMatrix& w = problem.weights;
    check(w.columns % kSlabColumns == 0, "columns come in slabs of 64");
    check(w.rows % problem.experts == 0, "experts have equal rows");
    check((w.rows / problem.experts) % 2 == 0, "rows come in pairs");
    if (problem.row_count == 0) return;
    if (path == GemmPath::stream || path == GemmPath::stream_small) {
        check(problem.groups != nullptr && can_stream(w, problem.experts, path),
              "a product of experts that fits");
        if (path == GemmPath::stream)
            launch_stream(gemm_stream_kernel<16, 3>, LargeStream::kThreads, path, problem, stream);
        else
            launch_stream(gemm_stream_kernel<8, 2>, SmallStream::kThreads, path, problem, stream);
        return;
    }

    const bool warpgroup =
        path == GemmPath::warpgroup || (path == GemmPath::automatic && device().warpgroup_matrix);
    // Few tokens make few tiles: lower ones, so that more multiprocessors have one.
    constexpr std::int32_t kLowTileTokens = 128, kLowTileRows = 64;
    const bool low = warpgroup && problem.groups == nullptr && problem.row_count <= kLowTileTokens;
    const std::int32_t tile_rows = low ? kLowTileRows : kTileRows;
    const std::int32_t row_tiles = (w.rows / problem.experts + tile_rows - 1) / tile_rows;
    TokenGroup dense;
    if (problem.groups == nullptr) dense = dense_group(problem.row_count, row_tiles);
    const std::int64_t tiles =
        problem.groups == nullptr
            ? std::int64_t{dense.tile_count} * row_tiles
            : std::int64_t{std::min(problem.row_count,
                                    problem.experts + problem.row_count / kMaxTileTokens)} *
                  row_tiles;

    const auto run = [&]<typename Gemm>(auto kernel) {
        launch(kernel, Gemm::kThreads, Gemm::kSharedBytes, tiles, problem, dense, stream);
    };
    const auto choose = [&]<PlaneType type>() {
        if (low)
            run.template operator()<WarpgroupGemm<type, true>>(gemm_warpgroup_kernel<type, true>);
        else if (warpgroup)
            run.template operator()<WarpgroupGemm<type, false>>(gemm_warpgroup_kernel<type, false>);
        else
            run.template operator()<WarpGemm<type>>(gemm_warp_kernel<type>);
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
