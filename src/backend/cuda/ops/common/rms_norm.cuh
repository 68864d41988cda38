// RMS norm: y = x * factor * gain with factor = 1 / sqrt(mean(x^2) + epsilon), all in float32. How the squares of a row
// are added up is the kernel's business (docs/numerics.md); this is the formula that they share.
#pragma once

namespace gptoss::backend::cuda {

__device__ __forceinline__ float squares_of(const float4& x) {
    return x.x * x.x + x.y * x.y + x.z * x.z + x.w * x.w;
}

// The division is a multiplication with the rounded reciprocal: one instruction on the way to every stage of decoding.
__device__ __forceinline__ float rms_factor(float sum_of_squares, int hidden, float epsilon) {
    return rsqrtf(sum_of_squares * __frcp_rn(static_cast<float>(hidden)) + epsilon);
}

__device__ __forceinline__ float4 normalised(const float4& x, float factor, const float4& gain) {
    return {x.x * factor * gain.x, x.y * factor * gain.y, x.z * factor * gain.z, x.w * factor * gain.w};
}

}  // namespace gptoss::backend::cuda
