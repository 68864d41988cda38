// Routing of many rows in the order of few rows (batched_routing_few.cu): the same sums to the bit. A block takes some rows
// through all columns, chunk by chunk, so that a chunk's logits are added where they are made; the next chunk of the
// router and of the rows is on its way meanwhile. Float32 throughout: a thread has 8 rows by 4
// experts, so that what it reads from shared memory does not take much longer than its fused multiply-adds.
#include <algorithm>

#include "backend/cuda/batched_routing_parts.cuh"
#include "backend/cuda/cuda_device.h"
#include "backend/cuda/launch.cuh"
#include "base/check.h"

namespace gptoss::backend::cuda {

namespace {

constexpr int kQuads = kRouterChunk / 4;
constexpr int kStride = kRouterChunk + 4;  // floats: eight neighbouring rows begin in different banks

// A warp has `rows` rows and all experts, a lane every 32nd of them.
template <int rows, int warps, int experts>
struct ManyRows {
    static constexpr int kThreads = warps * 32, kRows = warps * rows;  // of a block
    static constexpr int kLoaders = kThreads / kQuads;                 // rows that are loaded at once
    static constexpr int kLoads = kRows / kLoaders;
    static_assert(kLoads * kLoaders == kRows);
    struct Stage {
        float router[experts * 32][kStride];
        float rows_[kRows][kStride];
    };
    static constexpr int kSharedBytes = std::max(2 * static_cast<int>(sizeof(Stage)), kRows* kMaxExperts * 4);

    const Routing& r;
    Stage* stages = reinterpret_cast<Stage*>(dynamic_shared());
    int first_row = static_cast<int>(blockIdx.x) * kRows;
    int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    int quad = threadIdx.x % kQuads, loader = threadIdx.x / kQuads;  // what it loads
    float4 loaded[kLoads], gain;
    float squares[kLoads] = {};
    float totals[rows][experts] = {};

    __device__ explicit ManyRows(const Routing& routing) : r(routing) {}

    __device__ void load_router(int chunk) {
#pragma unroll
        for (int i = 0; i < experts * 32 / kLoaders; ++i) {
            const int expert = loader + i * kLoaders;
            copy_16_bytes_async(shared_address(&stages[chunk % 2].router[expert][quad * 4]),
                                r.router + std::int64_t{min(expert, r.experts - 1)} * r.hidden +
                                    chunk * kRouterChunk + quad * 4,
                                true);
        }
        commit_copies();
    }
    __device__ void load_rows(int chunk) {
        gain = *reinterpret_cast<const float4*>(r.gain + chunk * kRouterChunk + quad * 4);
#pragma unroll
        for (int i = 0; i < kLoads; ++i)
            loaded[i] = *reinterpret_cast<const float4*>(
                r.residual +
                std::int64_t{min(first_row + loader + i * kLoaders, r.row_count - 1)} * r.hidden +
                chunk * kRouterChunk + quad * 4);
    }
    __device__ void keep_rows(int chunk) {
#pragma unroll
        for (int i = 0; i < kLoads; ++i) {
            const int row = loader + i * kLoaders;
            *reinterpret_cast<float4*>(&stages[chunk % 2].rows_[row][quad * 4]) = scaled(loaded[i], gain);
            squares[i] += chunk_squares(loaded[i]);
        }
    }

    __device__ void add_chunk(int chunk) {
        const Stage& from = stages[chunk % 2];
        float sums[rows][experts] = {};
#pragma unroll 4
        for (int column = 0; column < kRouterChunk; column += 4) {
            float4 weights[experts];
#pragma unroll
            for (int i = 0; i < experts; ++i)
                weights[i] = *reinterpret_cast<const float4*>(&from.router[lane + 32 * i][column]);
#pragma unroll
            for (int j = 0; j < rows; ++j) {
                const float4 value = *reinterpret_cast<const float4*>(&from.rows_[warp * rows + j][column]);
#pragma unroll
                for (int i = 0; i < experts; ++i) add_products(sums[j][i], value, weights[i]);
            }
        }
#pragma unroll
        for (int j = 0; j < rows; ++j)
#pragma unroll
            for (int i = 0; i < experts; ++i) totals[j][i] += sums[j][i];
    }

    // The rows' logits take the stages' place. Two barriers of the block.
    __device__ void finish(float* factors) {
#pragma unroll
        for (int i = 0; i < kLoads; ++i)
            if (quad == 0) factors[loader + i * kLoaders] = rms_factor(squares[i], r.hidden, r.epsilon);
        __syncthreads();  // and the last chunk has been read
        auto* logits = reinterpret_cast<float(*)[kMaxExperts]>(dynamic_shared());
#pragma unroll
        for (int j = 0; j < rows; ++j)
#pragma unroll
            for (int i = 0; i < experts; ++i) {
                const int row = warp * rows + j, expert = lane + 32 * i;
                logits[row][expert] = router_logit(r, first_row + row, expert, totals[j][i], factors[row]);
            }
        __syncthreads();
        for (int row = warp; row < kRows && first_row + row < r.row_count; row += warps)
            choose_top_experts(r, first_row + row, logits[row], lane);
    }

    // A warp's rows, all that a lane wants of one at once.
    __device__ void normalise(const float* factors) const {
        for (int row = warp; row < kRows && first_row + row < r.row_count; row += warps)
            for (int first = 0; first < r.hidden; first += kQuadsAtOnce * 128)
                store_normalised<kQuadsAtOnce>(r, first_row + row, first + lane * 4, 128, factors[row]);
    }

  private:
    static constexpr int kQuadsAtOnce = 12;
};

template <int rows, int warps, int experts>
__global__ void __launch_bounds__(warps * 32) route_many_kernel(const __grid_constant__ Routing r) {
    using Kernel = ManyRows<rows, warps, experts>;
    __shared__ float factors[Kernel::kRows];
    Kernel kernel(r);
    griddep_launch_dependents();
    kernel.load_router(0);  // waits for no other kernel
    griddep_wait();
    kernel.load_rows(0);
    const int chunks = r.hidden / kRouterChunk;
    for (int chunk = 0; chunk < chunks; ++chunk) {
        kernel.keep_rows(chunk);
        wait_for_copies<0>();
        __syncthreads();  // the chunk is there for all, and the one before has been read by all
        if (chunk + 1 < chunks) {
            kernel.load_router(chunk + 1);
            kernel.load_rows(chunk + 1);
        }
        kernel.add_chunk(chunk);
    }
    kernel.finish(factors);
    kernel.normalise(factors);
}

template <int rows, int warps, int experts>
void launch_many(const Routing& routing, cudaStream_t stream) {
    using Kernel = ManyRows<rows, warps, experts>;
    launch_pdl(route_many_kernel<rows, warps, experts>,
               dim3(static_cast<unsigned>((routing.row_count + Kernel::kRows - 1) / Kernel::kRows)),
               Kernel::kThreads, Kernel::kSharedBytes, stream, routing);
}

// Calls action(kernel's rows a warp, warps) for those there are, few rows first.
template <int experts, typename Action>
void for_each_size(Action&& action) {
    action.template operator()<8, 4, experts>();
    action.template operator()<8, 8, experts>();
}
template <typename Action>
void with_experts(std::int32_t experts, Action&& action) {
    experts <= 32 ? for_each_size<1>(action) : for_each_size<kMaxExperts / 32>(action);
}

}  // namespace

// A block has as many rows as leave three of four SMs one, if it has room for them.
void route_many_rows(const Routing& routing, cudaStream_t stream) {
    check(routing.hidden % kRouterChunk == 0, "whole chunks");
    const DeviceTraits device = current_device_traits();
    constexpr int kOwn = 1024;  // the most that a kernel's own variables take
    void (*launch)(const Routing&, cudaStream_t) = nullptr;
    with_experts(routing.experts, [&]<int rows, int warps, int experts>() {
        if (launch == nullptr ||
            (routing.row_count >= rows * warps * (device.sm_count * 3 / 4) &&
             ManyRows<rows, warps, experts>::kSharedBytes + kOwn <= device.shared_bytes_per_block))
            launch = launch_many<rows, warps, experts>;
    });
    launch(routing, stream);
}

void prepare_many_rows_routing() {
    for (const std::int32_t experts : {32, kMaxExperts})
        with_experts(experts, [&]<int rows, int warps, int each>() {
            allow_shared_memory(route_many_kernel<rows, warps, each>);
        });
}

}  // namespace gptoss::backend::cuda
