// The product of gemm_unpacked.cuh, and the weights written for it.
#include <algorithm>

#include "backend/cuda/gemm_unpacked.cuh"
#include "backend/cuda/launch.cuh"
#include "backend/cuda/tensor_map.h"
#include "base/check.h"

namespace gptoss::backend::cuda {
namespace {

__device__ __forceinline__ void load_words(std::uint32_t (&words)[1], const std::uint32_t* from) {
    words[0] = *from;
}
__device__ __forceinline__ void load_words(std::uint32_t (&words)[2], const std::uint32_t* from) {
    const uint2 two = *reinterpret_cast<const uint2*>(from);
    words[0] = two.x, words[1] = two.y;
}
__device__ __forceinline__ void load_words(std::uint32_t (&words)[4], const std::uint32_t* from) {
    const uint4 four = *reinterpret_cast<const uint4*>(from);
    words[0] = four.x, words[1] = four.y, words[2] = four.z, words[3] = four.w;
}

// Four neighbouring lanes have four words each: afterwards word i is what lane i of them had as word `lane`.
__device__ __forceinline__ void transpose_four(std::uint32_t (&words)[4], int lane) {
    const auto exchange = [&](std::uint32_t& first, std::uint32_t& second, int distance) {
        const bool has_second = (lane & distance) != 0;
        const std::uint32_t other = __shfl_xor_sync(kAllLanes, has_second ? first : second, distance);
        (has_second ? first : second) = other;
    };
    exchange(words[0], words[1], 1);
    exchange(words[2], words[3], 1);
    exchange(words[0], words[2], 2);
    exchange(words[1], words[3], 2);
}

// A thread has a lane's share of a block of 32 columns: float16 values in the order of stored_column(). Rows 2i and 2i + 1
// of every sixteen at places i and i + 8, so that a lane's two sums are of neighbouring rows.
template <WeightFormat type>
__global__ void __launch_bounds__(256) unpack_weights_kernel(const DeviceMatrix matrix, __half* unpacked) {
    const int blocks = matrix.columns / kQuantBlock;
    const std::int64_t index = std::int64_t{blockIdx.x} * 256 + threadIdx.x;
    const int lane = static_cast<int>(index % 4);
    const int block = static_cast<int>(index / 4 % blocks), row = static_cast<int>(index / 4 / blocks);
    if (row >= matrix.rows) return;  // whole warps
    constexpr int kWords = value_bytes_a_row(type, kQuantBlock) / 16;
    using Scales = ScaleStage<type, kPanelColumns*(type == WeightFormat::mxfp4 ? 2 : 1)>;
    constexpr int kBlocksOfScale = type == WeightFormat::mxfp4 ? 4 : 2;  // in a word
    std::uint32_t words[kWords], scales = 0, values[2][2];
    const auto* from =
        reinterpret_cast<const std::uint32_t*>(matrix.values + row * matrix.value_stride_bytes);
    load_words(words, from + (block * 4 + lane) * kWords);
    if constexpr (Scales::kPresent)
        scales = reinterpret_cast<const std::uint32_t*>(
            matrix.scales + row * matrix.scale_stride_bytes)[block / kBlocksOfScale];
    unpack<type>(words, Scales::of_block(scales, block % kBlocksOfScale), values);
    const int place = row / 16 * 16 + row % 2 * 8 + row % 16 / 2;
    auto* to = reinterpret_cast<std::uint32_t*>(unpacked + std::int64_t{place} * matrix.columns) +
               block * (kQuantBlock / 2) + lane * 4;
    std::uint32_t pieces[4] = {values[0][0], values[0][1], values[1][0], values[1][1]};
    transpose_four(pieces, lane);
    griddep_wait();  // what lay there before is wanted no longer
    griddep_launch_dependents();
    *reinterpret_cast<uint4*>(to) = {pieces[0], pieces[1], pieces[2], pieces[3]};
}

// Calls action<rows, tokens>() for the tiles that there is code for.
template <typename Action>
void for_each_tile(Action action) {
    action.template operator()<128, 128>();
    action.template operator()<192, 128>();
    action.template operator()<192, 192>();
}

}  // namespace

void prepare_unpacked_gemm() {
    const auto allow = [](auto kernel, int bytes) {
        cuda_check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes));
        prefer_shared_memory(kernel);
    };
    for_each_tile([&]<int rows, int tokens>() {
        allow(gemm_unpacked_kernel<rows, tokens>, UnpackedGemm<rows, tokens>::kSharedBytes);
    });
}

// launch_gemm()'s part for MatrixKernel::wgmma_unpacked.
void launch_unpacked_gemm(const GemmProblem& problem, const MatrixPlan& plan, std::int32_t sm_count,
                          cudaStream_t stream) {
    const DeviceMatrix& w = problem.weights;
    check(problem.groups == nullptr && problem.source_rows == nullptr && problem.unpacked != nullptr,
          "a dense product, and room for its weights");
    const std::int64_t threads = std::int64_t{w.rows} * w.columns / 8;  // whole warps: 8 rows, 64 columns
    with_weight_format(w.type, [&](auto type) {
        launch_pdl(unpack_weights_kernel<decltype(type)::value>,
                   dim3(static_cast<unsigned>((threads + 255) / 256)), 256, 0, stream, w, problem.unpacked);
    });
    BoxedMatrix boxes;
    boxes.element_bytes = 2;
    boxes.columns = w.columns;
    boxes.box_columns = kPanelColumns;
    boxes.swizzle = CU_TENSOR_MAP_SWIZZLE_128B;
    boxes.fetches = CU_TENSOR_MAP_L2_PROMOTION_L2_256B;
    boxes.data = problem.unpacked;
    boxes.rows = unpacked_count(w.rows, 1);
    boxes.box_rows = static_cast<std::uint32_t>(plan.tile_weight_rows);
    const CUtensorMap weights = map_matrix(boxes);
    boxes.data = problem.activations;
    boxes.rows = problem.row_count;
    boxes.box_rows = static_cast<std::uint32_t>(plan.tile_tokens);
    const CUtensorMap activations = map_matrix(boxes);
    const int tiles = (problem.row_count + plan.tile_tokens - 1) / plan.tile_tokens *
                      ((w.rows + plan.tile_weight_rows - 1) / plan.tile_weight_rows);
    bool is_launched = false;
    for_each_tile([&]<int rows, int tokens>() {
        using Gemm = UnpackedGemm<rows, tokens>;
        if (plan.tile_weight_rows != rows || plan.tile_tokens != tokens) return;
        launch_pdl(gemm_unpacked_kernel<rows, tokens>, dim3(static_cast<unsigned>(std::min(tiles, sm_count))),
                   Gemm::kThreads, Gemm::kSharedBytes, stream, problem, weights, activations);
        is_launched = true;
    });
    check(is_launched, "a tile that there is code for");
}

}  // namespace gptoss::backend::cuda
