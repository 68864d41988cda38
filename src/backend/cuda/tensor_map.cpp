#include "backend/cuda/tensor_map.h"

#include <cuda_runtime_api.h>

#include "backend/cuda/memory.h"
#include "base/error.h"

namespace gptoss::backend::cuda {

CUtensorMap map_matrix(const BoxedMatrix& matrix) {
    static const auto encode = [] {
        void* entry = nullptr;
        cudaDriverEntryPointQueryResult found{};
        cuda_check(cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &entry, 12000,
                                                    cudaEnableDefault, &found));
        return reinterpret_cast<decltype(&cuTensorMapEncodeTiled)>(entry);
    }();
    CUtensorMap map{};
    const bool has_pieces = matrix.box_pieces > 1;
    const auto row_bytes = static_cast<cuuint64_t>(matrix.columns * matrix.element_bytes);
    const cuuint64_t sizes[] = {has_pieces ? matrix.box_columns : static_cast<cuuint64_t>(matrix.columns),
                                static_cast<cuuint64_t>(matrix.rows), matrix.box_pieces};
    const cuuint64_t strides[] = {row_bytes,
                                  static_cast<cuuint64_t>(matrix.box_columns) * matrix.element_bytes};
    const cuuint32_t box[] = {matrix.box_columns, matrix.box_rows, matrix.box_pieces}, steps[] = {1, 1, 1};
    if (encode == nullptr ||
        encode(&map,
               matrix.element_bytes == 1 ? CU_TENSOR_MAP_DATA_TYPE_UINT8 : CU_TENSOR_MAP_DATA_TYPE_UINT16,
               has_pieces ? 3 : 2, const_cast<void*>(matrix.data), sizes, strides, box, steps,
               CU_TENSOR_MAP_INTERLEAVE_NONE, matrix.swizzle, matrix.fetches,
               CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE) != CUDA_SUCCESS)
        throw Error(ErrorCode::device_failed, "the driver cannot describe a matrix to the GPU's copy engine",
                    "Update the NVIDIA driver, or ban the kernels named wgmma and streamed_tiles.");
    return map;
}

}  // namespace gptoss::backend::cuda
