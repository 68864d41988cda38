#include "backend/cuda/gemm_tiled.cuh"

namespace gptoss::backend::cuda {

template void launch_tiled_gemm<WeightFormat::q8_0>(const GemmProblem&, const MatrixPlan&, std::int32_t,
                                                    cudaStream_t);
template void prepare_tiled_gemm<WeightFormat::q8_0>(bool);

}  // namespace gptoss::backend::cuda
