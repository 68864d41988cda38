#include "backend/cuda/gemm_tiled.cuh"

namespace gptoss::backend::cuda {

template void launch_tiled_gemm<WeightFormat::bf16>(const GemmProblem&, const MatrixPlan&, std::int32_t,
                                                    cudaStream_t);
template void prepare_tiled_gemm<WeightFormat::bf16>(bool);

}  // namespace gptoss::backend::cuda
