#include <algorithm>

#include "backend/cuda/gemm_column_stream.cuh"
#include "backend/cuda/launch.cuh"
#include "base/check.h"

namespace gptoss::backend::cuda {
namespace {

template <typename Run>
void for_kernel(std::int32_t tile_tokens, std::int32_t columns, Run run) {
    const bool few_columns = columns <= ColumnStream<1, 3>::kWarps * 3 * ColumnStream<1, 3>::kRowBytes;
    if (tile_tokens <= 8)
        few_columns ? run.template operator()<1, 3>() : run.template operator()<1, 4>();
    else
        few_columns ? run.template operator()<2, 3>() : run.template operator()<2, 4>();
}

}  // namespace

void prepare_column_stream_gemm() {
    for (const std::int32_t tokens : {8, 16})
        for (const std::int32_t columns : {64, kColumnStreamColumns})
            for_kernel(tokens, columns, [&]<int groups, int k_tiles>() {
                allow_shared_memory(gemm_column_stream_kernel<groups, k_tiles>);
            });
}

void launch_column_stream_gemm(const GemmProblem& problem, std::int32_t sm_count, cudaStream_t stream) {
    const DeviceMatrix& w = problem.weights;
    check(problem.groups == nullptr && w.type == WeightFormat::q8_0 && w.rows % kColumnStreamRows == 0 &&
              w.columns <= kColumnStreamColumns,
          "a q8_0 matrix of whole tiles");
    static_assert(kColumnStreamColumns == ColumnStream<1, 4>::kWarps * 4 * ColumnStream<1, 4>::kRowBytes);
    const std::int32_t token_tiles = (problem.row_count + kColumnStreamTokens - 1) / kColumnStreamTokens;
    const dim3 blocks(
        static_cast<unsigned>(std::clamp(sm_count / token_tiles, 1, w.rows / kColumnStreamRows)),
        static_cast<unsigned>(token_tiles));
    for_kernel(problem.row_count, w.columns, [&]<int groups, int k_tiles>() {
        using Gemm = ColumnStream<groups, k_tiles>;
        launch_pdl(gemm_column_stream_kernel<groups, k_tiles>, blocks, Gemm::kThreads, Gemm::kSharedBytes,
                   stream, problem);
    });
}

}  // namespace gptoss::backend::cuda
