#include <algorithm>

#include "backend/cuda/gemm_few_experts.cuh"
#include "backend/cuda/launch.cuh"
#include "base/check.h"

namespace gptoss::backend::cuda {
namespace {

// One row of the published shape has 11 tiles an SM of gate and up.
constexpr int kWarps = 11, kDepth = 4;
using FewExperts = FewExpertsGemm<kWarps, kDepth>;
// Of an SM: two blocks would meet on those that the kernel before leaves first, and take twice as long.
constexpr int kMoreThanHalf = 116 * 1024;

}  // namespace

void launch_few_experts(const GemmProblem& problem, const Routing& routing, std::int32_t sm_count,
                        cudaStream_t stream) {
    const DeviceMatrix& w = problem.weights;
    const bool is_down = problem.epilogue.kind == Epilogue::expert_output;
    check(w.type == WeightFormat::mxfp4 && w.rows / problem.experts % FewExperts::kRows == 0 &&
              w.columns % kPanelColumns == 0 && routing.row_count <= kFewRows &&
              routing.hidden <= FewExperts::kMostHidden,
          "mxfp4 experts of whole tiles, and few rows");
    const std::int32_t stored = is_down ? routing.row_count * kExpertsPerToken : routing.row_count;
    launch_pdl(is_down ? few_experts_kernel<kWarps, kDepth, true> : few_experts_kernel<kWarps, kDepth, false>,
               dim3(static_cast<unsigned>(sm_count)), FewExperts::kThreads,
               std::max(FewExperts::shared_bytes(w.columns, stored), kMoreThanHalf), stream, problem,
               routing);
}

void prepare_few_experts() {
    allow_shared_memory(few_experts_kernel<kWarps, kDepth, false>);
    allow_shared_memory(few_experts_kernel<kWarps, kDepth, true>);
}

}  // namespace gptoss::backend::cuda
