// What the tests of the prompt's kernels share: vectors on the device, and random packed weights.
#pragma once

#include <cuda_fp16.h>
#include <cuda_runtime.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "backend/cuda/attention_prefill.h"
#include "backend/cuda/cuda_device.h"
#include "backend/cuda/decode_stages.h"
#include "backend/cuda/gpu.h"
#include "backend/cuda/mxfp4_words.h"
#include "backend/cuda/weights.h"

namespace gptoss::backend::cuda::test {

// A kernel with either kind of matrix instruction; skipped where the card does not have it.
class MatrixPathTest : public backend::test::GpuTest, public testing::WithParamInterface<MatrixKernel> {
  protected:
    void SetUp() override {
        GpuTest::SetUp();
        if (IsSkipped()) return;
        device = current_device_traits();
        if ((is_wgmma(kernel) || kernel == MatrixKernel::streamed_tiles) && !device.has_wgmma())
            GTEST_SKIP() << name_of(kernel) << " is Hopper's alone";
        if (kernel == MatrixKernel::streamed_tiles_small && device.compute_major < 9)
            GTEST_SKIP() << name_of(kernel) << " wants a copy engine";
        prepare_gemm();
        prepare_prefill_attention();
    }
    const MatrixKernel kernel = GetParam();
    DeviceTraits device;

    // With this kernel; few tokens of a dense product take wgmma's own kernel for them, as the plan would.
    // `tile_tokens`: of `problem.groups`.
    void run(GemmProblem problem, std::int32_t tile_tokens = 0) const {
        const DeviceMatrix& w = problem.weights;
        const bool dense = problem.groups == nullptr;
        const DeviceMemory unpacked = allocate_device(2 * unpacked_count(w.rows, w.columns));
        problem.unpacked = reinterpret_cast<__half*>(unpacked.get());
        MatrixPlan plan = kernel == MatrixKernel::wgmma && dense
                              ? plan_dense(problem.row_count, w.rows, device)
                              : plan_with(kernel, problem.row_count, w.rows, problem.experts, device);
        if (!dense) plan.tile_tokens = tile_tokens;
        launch_gemm(problem, plan, device.sm_count, nullptr);
        cuda_check(cudaDeviceSynchronize());
    }
};
inline const auto kMatrixPaths = testing::Values(MatrixKernel::mma, MatrixKernel::wgmma);
inline std::string name_of_path(const testing::TestParamInfo<MatrixKernel>& given) {
    return name_of(given.param);
}

template <typename T>
class DeviceVector {
  public:
    explicit DeviceVector(const std::vector<T>& values)
        : count_(values.size()),
          memory_(allocate_device(static_cast<std::int64_t>(count_ * sizeof(T) + 4096))) {
        cuda_check(cudaMemcpy(memory_.get(), values.data(), count_ * sizeof(T), cudaMemcpyHostToDevice));
    }
    // Filled with 0xFF: no number at all, in every float type.
    explicit DeviceVector(std::size_t count)
        : count_(count), memory_(allocate_device(static_cast<std::int64_t>(count * sizeof(T) + 4096))) {
        cuda_check(cudaMemset(memory_.get(), 0xFF, count * sizeof(T)));
    }
    T* get() const { return reinterpret_cast<T*>(memory_.get()); }
    std::vector<T> read() const {
        std::vector<T> values(count_);
        cuda_check(cudaDeviceSynchronize());
        cuda_check(cudaMemcpy(values.data(), memory_.get(), count_ * sizeof(T), cudaMemcpyDeviceToHost));
        return values;
    }

  private:
    std::size_t count_;
    DeviceMemory memory_;
};

// Places where the first numbers of two lists differ in a bit.
template <typename T>
int differences(const std::vector<T>& a, const std::vector<T>& b) {
    int count = 0;
    for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i)
        count += std::memcmp(&a[i], &b[i], sizeof(T)) != 0;
    return count;
}

inline std::vector<float> random_floats(std::size_t count, float size, unsigned seed) {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal(0.0F, size);
    std::vector<float> values(count);
    for (float& value : values) value = normal(random);
    return values;
}

// A matrix with random bits (numbers of a plausible size), on the device and as floats.
struct RandomMatrix {
    RandomMatrix(WeightFormat type, std::int32_t rows, std::int32_t columns, unsigned seed)
        : values(static_cast<std::size_t>(rows * value_bytes_a_row(type, columns)) + kSlackBytes),
          scales(static_cast<std::size_t>(rows * scale_bytes_a_row(type, columns)) + kSlackBytes),
          floats(static_cast<std::size_t>(rows) * columns),
          device_values(std::size_t{0}),
          device_scales(std::size_t{0}) {
        std::mt19937 random(seed);
        for (std::byte& b : values) b = static_cast<std::byte>(random());
        matrix.type = type;
        matrix.rows = rows;
        matrix.columns = columns;
        matrix.value_stride_bytes = value_bytes_a_row(type, columns);
        matrix.scale_stride_bytes = scale_bytes_a_row(type, columns);
        static const float codes[16] = {0, .5F, 1, 1.5F, 2, 3, 4, 6, -0.0F, -.5F, -1, -1.5F, -2, -3, -4, -6};
        for (std::int32_t row = 0; row < rows; ++row) {
            std::byte* value_row = values.data() + row * matrix.value_stride_bytes;
            std::byte* scale_row = scales.data() + row * matrix.scale_stride_bytes;
            for (std::int32_t column = 0; column < columns; ++column) {
                const std::int32_t block = column / kQuantBlock, inside = column % kQuantBlock;
                float& out = floats[static_cast<std::size_t>(row) * columns + column];
                if (type == WeightFormat::mxfp4) {
                    if (inside == 0) scale_row[block] = static_cast<std::byte>(118 + random() % 6);
                    const auto byte = static_cast<unsigned>(value_row[block * 16 + inside % 16]);
                    out = codes[inside < 16 ? byte & 15U : byte >> 4] *
                          std::ldexp(1.0F, static_cast<int>(scale_row[block]) - 127);
                } else if (type == WeightFormat::q8_0) {
                    auto* scale = reinterpret_cast<__half*>(scale_row) + block;
                    if (inside == 0)
                        *scale = __float2half(1e-4F + 1e-7F * static_cast<float>(random() % 4096));
                    out = static_cast<float>(static_cast<signed char>(value_row[column])) *
                          __half2float(*scale);
                } else {
                    const float value = static_cast<float>(static_cast<int>(random() % 2001) - 1000) * 2e-5F;
                    std::uint32_t bits = 0;
                    if (type == WeightFormat::f16) {
                        const __half half = __float2half(value);
                        reinterpret_cast<__half*>(value_row)[column] = half;
                        out = __half2float(half);
                    } else {
                        std::memcpy(&bits, &value, 4);
                        bits &= 0xFFFF0000U;
                        reinterpret_cast<std::uint16_t*>(value_row)[column] =
                            static_cast<std::uint16_t>(bits >> 16);
                        std::memcpy(&out, &bits, 4);
                    }
                }
            }
        }
        if (type == WeightFormat::mxfp4) {  // GGUF's words until here
            auto* words = reinterpret_cast<std::uint32_t*>(values.data());
            for (std::size_t i = 0; i < values.size() / 4; ++i) words[i] = regrouped_mxfp4_word(words[i]);
        }
        device_values = DeviceVector<std::byte>(values);
        device_scales = DeviceVector<std::byte>(scales);
        matrix.values = device_values.get();
        matrix.scales = device_scales.get();
    }

    DeviceMatrix matrix;
    std::vector<std::byte> values, scales;
    std::vector<float> floats;  // [rows][columns]
    DeviceVector<std::byte> device_values, device_scales;
};

inline constexpr double kHalfRounding = 5e-4;  // relative, of a result stored as float16

inline double relative_error(const std::vector<double>& reference, const std::vector<double>& found) {
    double difference = 0, size = 0;
    for (std::size_t i = 0; i < reference.size(); ++i) {
        difference += (reference[i] - found[i]) * (reference[i] - found[i]);
        size += reference[i] * reference[i];
    }
    return std::sqrt(difference / size);  // NaN when anything found is not a number
}

}  // namespace gptoss::backend::cuda::test
