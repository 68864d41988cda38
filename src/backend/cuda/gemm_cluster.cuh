// Dense products of few tokens with wgmma (sm_90a). There are too few tiles of 192 weight rows for all SMs, so the
// blocks of a cluster share a tile's columns. Each leaves its sums in its shared memory; then each adds up all
// blocks' sums of some tokens, in the order of the columns, and stores them.
#pragma once

#include "backend/cuda/gemm_warpgroup.cuh"

namespace gptoss::backend::cuda {

__device__ __forceinline__ int cluster_rank() {
    int rank;
    asm("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
    return rank;
}
__device__ __forceinline__ int cluster_size() {
    int size;
    asm("mov.u32 %0, %%cluster_nctarank;" : "=r"(size));
    return size;
}
// What the threads of all blocks of the cluster did before is seen by all after.
__device__ __forceinline__ void cluster_barrier() {
    asm volatile("barrier.cluster.arrive.release.aligned;\nbarrier.cluster.wait.acquire.aligned;" ::
                     : "memory");
}
// A float in the shared memory of block `rank` of the cluster, at the place that `address` is in one's own.
__device__ __forceinline__ float load_of_block(std::uint32_t address, int rank) {
    float value;
    asm volatile(
        "{ .reg .b32 there; mapa.shared::cluster.u32 there, %1, %2; ld.shared::cluster.f32 %0, [there]; }"
        : "=f"(value)
        : "r"(address), "r"(rank)
        : "memory");
    return value;
}

// `most_tokens`: of a tile.
template <WeightFormat type, int most_tokens>
struct ClusterGemm : WarpgroupGemm<type, most_tokens> {
    using Base = WarpgroupGemm<type, most_tokens>;
    using typename Base::Ring;
    using typename Base::Shared;
    static constexpr int kSumThreads = Base::kConsumers * 128;
    static_assert(most_tokens / 2 * kSumThreads * 4 <= Base::kStages * Base::kStageBytes,
                  "the sums take the stages' place");

    // Stage `number` of the tile's weights to place `place` of the ring. A thread always copies the same 16-byte
    // piece of a row.
    __device__ static void copy_weights(const DeviceMatrix& w, const Tile& tile, int number, int place,
                                        const Shared& shared) {
        constexpr int kPieces = Base::Weights::kRowBytes / 16, kRowsAPass = 128 / kPieces;
        const int thread = threadIdx.x % 128, piece = thread % kPieces;
        const int last_row = w.rows - 1 - tile.weight_row;                        // rows past it repeat it
        if ((number + 1) * Base::kColumns <= w.columns || piece < kPieces / 2) {  // else half a stage exists
#pragma unroll
            for (int i = 0; i < Base::kRows / kRowsAPass; ++i) {
                const int row = thread / kPieces + i * kRowsAPass;
                copy_16_bytes_async_line(
                    shared.weights(place) +
                        Base::Weights::swizzled(row * Base::Weights::kRowBytes + piece * 16),
                    w.values + std::int64_t{tile.weight_row + min(row, last_row)} * w.value_stride_bytes +
                        number * Base::Weights::kRowBytes + piece * 16);
            }
        }
        if constexpr (Base::Scales::kPresent) {
#pragma unroll
            for (int row = thread; row < Base::kRows; row += 128)
                Base::Scales::copy(
                    shared.scales(place), row,
                    w.scales + std::int64_t{tile.weight_row + min(row, last_row)} * w.scale_stride_bytes,
                    number);
        }
    }

    // The same of its tokens: the same piece of every 16th.
    __device__ static void copy_tokens(const GemmProblem& problem, const Tile& tile, int number, int place,
                                       const Shared& shared) {
        const int columns = problem.weights.columns;
        const int thread = threadIdx.x % 128, first = thread / 8, piece = thread % 8;
        const std::uint32_t to = shared.stage(place) + first * 128 + ((piece ^ (first & 7)) << 4);
#pragma unroll
        for (int i = 0; i < most_tokens / 16; ++i) {
            if (i * 16 >= tile.row_count) break;
            const __half* from =
                problem.activations +
                std::int64_t{tile.first_row + min(first + i * 16, tile.row_count - 1)} * columns +
                number * Base::kColumns + piece * 8;
            copy_16_bytes_async_line(to + i * 16 * 128, from);
            if (Base::kPanels == 2 && (number + 1) * Base::kColumns <= columns)
                copy_16_bytes_async_line(to + i * 16 * 128 + Base::kTokenPanelBytes, from + kPanelColumns);
        }
    }

    // The block's stages of its tile. As many weights as there are places in the ring are asked for before the
    // kernel before is over.
    __device__ static void produce(const GemmProblem& problem, const Tile& tile, int first_stage,
                                   int end_stage, const Shared& shared) {
        const int early_end = min(end_stage, first_stage + Base::kStages);
        for (int s = first_stage; s < early_end; ++s)
            copy_weights(problem.weights, tile, s, s - first_stage, shared);
        griddep_wait();
        Ring ring;
        for (int s = first_stage; s < end_stage; ++s, ring.advance()) {
            if (s >= early_end) {
                barrier_wait(shared.empty(ring.stage), ring.phase ^ 1);
                copy_weights(problem.weights, tile, s, ring.stage, shared);
            }
            copy_tokens(problem, tile, s, ring.stage, shared);
            barrier_arrive_after_copies(shared.full(ring.stage));
        }
    }

    template <int tokens>
    __device__ __forceinline__ static void consume(const GemmProblem& problem, const Tile& tile,
                                                   int first_stage, int end_stage, const Shared& shared) {
        int rows[2];
        Base::find_rows(rows);
        float sums[tokens / 8][4];
        Ring ring;
        Base::template accumulate<tokens>(sums, rows, problem.weights.columns, first_stage, end_stage, shared,
                                          ring);
        asm volatile("bar.sync 1, %0;" ::"n"(kSumThreads) : "memory");  // all have read all stages
        const std::uint32_t own = shared.stages + threadIdx.x * 4;
#pragma unroll
        for (int i = 0; i < tokens / 2; ++i)
            asm volatile("st.shared.f32 [%0], %1;" ::"r"(own + i * kSumThreads * 4), "f"(sums[i / 4][i % 4])
                         : "memory");
        cluster_barrier();
        const int size = cluster_size(), warp = threadIdx.x / 32;
        for (int group = cluster_rank(); group < tokens / 8; group += size) {
            float total[1][4] = {};
#pragma unroll 2
            for (int rank = 0; rank < size; ++rank)
#pragma unroll
                for (int i = 0; i < 4; ++i)
                    total[0][i] += load_of_block(own + (group * 4 + i) * kSumThreads * 4, rank);
            store_sums(problem.epilogue, tile, problem.weights.rows, tile.weight_row + warp * 16,
                       Base::Weights::odd_row_first(threadIdx.x % 32 / 4) != 0, group * 8, total,
                       shared.turns + warp * turn_bytes(kTurnedTokens));
        }
        cluster_barrier();  // no block leaves while another reads its sums
    }
};

template <WeightFormat type, int most_tokens>
__global__ void __launch_bounds__(ClusterGemm<type, most_tokens>::kThreads, 1)
    gemm_cluster_kernel(const __grid_constant__ GemmProblem problem,
                        const __grid_constant__ TokenGroup dense) {
    if constexpr (kHasWgmma) {
        using Gemm = ClusterGemm<type, most_tokens>;
        griddep_launch_dependents();
        const typename Gemm::Shared shared = Gemm::divide_shared_memory();
        __syncthreads();
        const int rank = cluster_rank(), size = cluster_size();
        const int row_tiles = (problem.weights.rows + Gemm::kRows - 1) / Gemm::kRows;
        Tile tile;
        find_tile<Gemm::kRows>(nullptr, dense, row_tiles, blockIdx.x / size, tile);
        const int stages = Gemm::stages_of(problem.weights.columns);
        const int first_stage = stages * rank / size, end_stage = stages * (rank + 1) / size;
        if (threadIdx.x >= Gemm::kSumThreads) {
            asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(Gemm::kProducerRegisters));
            Gemm::produce(problem, tile, first_stage, end_stage, shared);
            cluster_barrier();
            cluster_barrier();
        } else {
            asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(Gemm::kConsumerRegisters));
            griddep_wait();
            const auto run = [&]<int tokens>() __attribute__((always_inline)) {
                Gemm::template consume<tokens>(problem, tile, first_stage, end_stage, shared);
            };
            if constexpr (most_tokens > kClusterTileTokens) {
                if (tile.row_count <= 96) return run.template operator()<96>();
                return run.template operator()<most_tokens>();
            } else {
                if (tile.row_count <= 16) return run.template operator()<16>();
                if (tile.row_count <= 32) return run.template operator()<32>();
                if (tile.row_count <= 48) return run.template operator()<48>();
                run.template operator()<most_tokens>();
            }
        }
    }
}

}  // namespace gptoss::backend::cuda
