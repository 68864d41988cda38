// The matrix product with wgmma (sm_90a). Three warpgroups of 64 weight rows each unpack weights into
// registers and multiply; a fourth copies packed weights and activations ahead, several stages deep.
// Stages are handed over by barriers in shared memory: `full` when the copies of a stage have landed, `empty`
// when every thread has read it. (One lane speaking for its warp is no faster, and does not order the other
// lanes' reads.)
//
// While one warpgroup unpacks, the others keep the tensor cores busy; inside a warpgroup the product of a block of
// 32 columns is in flight while the next one is unpacked. There is a loop over the columns for every token count: a
// tile's tokens are one operand of one instruction, and nothing is decided inside the loop.
#pragma once

#include "backend/cuda/gemm_epilogue.cuh"
#include "backend/cuda/gemm_wgmma.cuh"

namespace gptoss::backend::cuda {

// `most_tokens`: of a tile. Fewer leave room for more stages.
template <WeightFormat type, int most_tokens>
struct WarpgroupGemm {
    static constexpr int kConsumers = 3;
    static constexpr int kThreads = (kConsumers + 1) * 128;
    static constexpr int kRows = kConsumers * 64;
    // 64 or 128 bytes of a weight row a stage.
    static constexpr int kColumns = type == WeightFormat::mxfp4 ? 128 : 64;
    static constexpr int kPanels = kColumns / kPanelColumns;
    static constexpr int kTokenPanelBytes = most_tokens * kPanelColumns * 2;
    using Weights = WeightStage<type, kColumns>;
    using Scales = ScaleStage<type, kColumns>;
    static constexpr int kBlocks = Weights::kBlocks;
    static constexpr int kWeightBytes = kRows * Weights::kRowBytes;
    static constexpr int kScaleBytes = Scales::kPresent ? (kRows * 4 + 1023) / 1024 * 1024 : 0;
    static constexpr int kStageBytes = kPanels * kTokenPanelBytes + kWeightBytes + kScaleBytes;
    static constexpr int kTurnBytes = kConsumers * 4 * turn_bytes(kTurnedTokens);
    // The tiles of clusters are dense products'.
    static constexpr int kGroupBytes =
        most_tokens <= kClusterTileTokens ? 0 : static_cast<int>(sizeof(GroupList));
    static constexpr int kStages = (227 * 1024 - 1024 - 256 - kTurnBytes - kGroupBytes) / kStageBytes;
    static constexpr int kSharedBytes =
        kStages * kStageBytes + kTurnBytes + 1024 + 2 * kStages * 8 + kGroupBytes;
    static_assert(kSharedBytes <= 227 * 1024, "a block's limit on sm_90");
    // 65,536 registers: 3 x 128 x 152 for those who hold sums, 128 x 56 for those who copy. Four or five warpgroups
    // that multiply would have 104 or 88, of what 640 or 768 threads start with: too few for their loops.
    static constexpr int kConsumerRegisters = 152, kProducerRegisters = 56;

    using Ring = StageRing<kStages>;
    struct Shared {
        std::uint32_t stages;  // address of stage 0: panels of activations, weights, scales
        std::uint32_t barriers;
        std::uint32_t turns;  // a warp's turn_bytes() after another's
        GroupList* groups;    // kGroupBytes
        __device__ std::uint32_t stage(int i) const { return stages + i * kStageBytes; }
        __device__ std::uint32_t weights(int i) const { return stage(i) + kPanels * kTokenPanelBytes; }
        __device__ std::uint32_t scales(int i) const { return weights(i) + kWeightBytes; }
        __device__ std::uint32_t full(int i) const { return barriers + i * 8; }
        __device__ std::uint32_t empty(int i) const { return barriers + (kStages + i) * 8; }
    };

    // All threads; a barrier of the block must follow.
    __device__ static Shared divide_shared_memory() {
        extern __shared__ std::byte shared_memory[];
        Shared shared;
        shared.stages = (shared_address(shared_memory) + 1023) / 1024 * 1024;
        shared.turns = shared.stages + kStages * kStageBytes;
        shared.barriers = shared.turns + kTurnBytes;
        shared.groups = reinterpret_cast<GroupList*>(
            shared_memory + (shared.barriers - shared_address(shared_memory)) + 2 * kStages * 8);
        if (threadIdx.x == 0)
            for (int i = 0; i < kStages; ++i) {
                barrier_init(shared.full(i), 128);
                barrier_init(shared.empty(i), kConsumers * 128);
            }
        return shared;
    }

    // Copies a tile of at most `passes` x 16 tokens. A thread always copies the same 16-byte piece of a row, of every
    // 16th token and of every 32nd (or 16th) weight row, and the scales of one row or two. Where rows start
    // is kept in registers, and nothing is decided in the loop: whoever copies is in the way of those who multiply.
    template <int passes>
    __device__ __forceinline__ static void produce_passes(const GemmProblem& problem, const Tile& tile,
                                                          const Shared& shared, Ring& ring) {
        const DeviceMatrix& w = problem.weights;
        const int rows_of_expert = w.rows / problem.experts;
        const int thread = threadIdx.x % 128;
        constexpr int kPieces = Weights::kRowBytes / 16, kRowsAPass = 128 / kPieces;
        constexpr int kPassBytes = kRowsAPass * Weights::kRowBytes;  // a whole turn of the swizzle
        const int weight_row = thread / kPieces, weight_piece = thread % kPieces;
        const std::int64_t first_row = std::int64_t{tile.expert} * rows_of_expert + tile.weight_row;
        const int last_row = rows_of_expert - 1 - tile.weight_row;  // rows past it repeat one before
        const std::byte* weights =
            w.values + (first_row + min(weight_row, last_row)) * w.value_stride_bytes + weight_piece * 16;
        const int last_pass = max(last_row - weight_row, 0) / kRowsAPass;
        const std::uint32_t pass_stride = kRowsAPass * static_cast<std::uint32_t>(w.value_stride_bytes);
        const std::byte* scales = w.scales + first_row * w.scale_stride_bytes;
        const std::uint32_t weight_place =
            Weights::swizzled(weight_row * Weights::kRowBytes + weight_piece * 16);
        std::uint32_t scale_rows[(kRows + 127) / 128];
#pragma unroll
        for (int i = 0; i < (kRows + 127) / 128; ++i)
            scale_rows[i] = static_cast<std::uint32_t>(min(thread + i * 128, last_row)) *
                            static_cast<std::uint32_t>(w.scale_stride_bytes);

        const int token = thread / 8, token_piece = thread % 8;
        const __half* activations = problem.activations + token_piece * 8;
        const std::uint32_t token_place = token * 128 + ((token_piece ^ (token & 7)) << 4);
        std::uint32_t sources[passes];  // where the tokens' rows start, in 16 bytes
#pragma unroll
        for (int i = 0; i < passes; ++i)
            sources[i] = static_cast<std::uint32_t>(
                std::int64_t{source_row(problem, tile.first_row + min(token + i * 16, tile.row_count - 1))} *
                (w.columns / 8));

        const auto copy_stage = [&]<int panels>(int number) __attribute__((always_inline)) {
            barrier_wait(shared.empty(ring.stage), ring.phase ^ 1);
            const std::uint32_t weights_to = shared.weights(ring.stage) + weight_place;
            if (panels == kPanels || weight_piece < kPieces / 2) {
#pragma unroll
                for (int i = 0; i < kRows / kRowsAPass; ++i)
                    copy_16_bytes_async_line(weights_to + i * kPassBytes,
                                             weights + std::uint64_t{min(i, last_pass) * pass_stride});
            }
            if constexpr (Scales::kPresent) {
#pragma unroll
                for (int i = 0; i < (kRows + 127) / 128; ++i)
                    if ((i + 1) * 128 <= kRows || thread + i * 128 < kRows)
                        Scales::copy(shared.scales(ring.stage), thread + i * 128, scales + scale_rows[i],
                                     number);
            }
            const std::uint32_t to = shared.stage(ring.stage) + token_place;
#pragma unroll
            for (int i = 0; i < passes; ++i) {
                const __half* row = activations + std::uint64_t{sources[i]} * 8;
#pragma unroll
                for (int panel = 0; panel < panels; ++panel)
                    copy_16_bytes_async_line(to + i * 16 * 128 + panel * kTokenPanelBytes,
                                             row + panel * kPanelColumns);
            }
            barrier_arrive_after_copies(shared.full(ring.stage));
            weights += Weights::kRowBytes;
            activations += kColumns;
            ring.advance();
        };
        const int whole_stages = w.columns / kColumns;
#pragma unroll 1
        for (int s = 0; s < whole_stages; ++s) copy_stage.template operator()<kPanels>(s);
        if (kPanels == 2 && whole_stages * kColumns < w.columns)  // half a stage
            copy_stage.template operator()<1>(whole_stages);
    }

    __device__ static void produce(const GemmProblem& problem, const Tile& tile, const Shared& shared,
                                   Ring& ring) {
        const int passes = tile_rows_for(tile.row_count) / 16;
        const auto run = [&]<int most>() __attribute__((always_inline)) {
            produce_passes<most>(problem, tile, shared, ring);
        };
        if (passes <= 1) return run.template operator()<1>();
        if (passes <= 2) return run.template operator()<2>();
        if (passes <= 3) return run.template operator()<3>();
        if (passes <= 4) return run.template operator()<4>();
        if (passes <= 5) return run.template operator()<5>();
        if (passes <= 6) return run.template operator()<6>();
        if (passes <= 7) return run.template operator()<7>();
        run.template operator()<8>();
    }

    // A stage's blocks of 32 columns: unpack one while the tensor cores multiply the one before.
    // `unreleased`: the stage before, or -1; it is given back once its products are done.
    template <int tokens, int blocks>
    __device__ __forceinline__ static void multiply_stage(float (&sums)[tokens / 8][4],
                                                          std::uint32_t (&fragments)[2][2][4],
                                                          const std::uint32_t (&lanes)[2],
                                                          const int (&rows)[2], const Shared& shared,
                                                          int stage, int number, int unreleased) {
        const std::uint32_t start = shared.stage(stage);
        const std::uint32_t scales[2] = {Scales::load(shared.scales(stage), rows[0], number),
                                         Scales::load(shared.scales(stage), rows[1], number)};
        // These words are fragments as they are, and the product before may still read those of its stage.
        if constexpr (type == WeightFormat::f16) warpgroup_wait<0>();
        // All loads before the first use.
        std::uint32_t words[blocks][2][Weights::kLaneWords];
#pragma unroll
        for (int block = 0; block < blocks; ++block)
#pragma unroll
            for (int slot = 0; slot < 2; ++slot)
                Weights::load(words[block][slot], start + kPanels * kTokenPanelBytes + lanes[slot], block);
        const std::uint64_t activations = matrix_descriptor(start);
#pragma unroll
        for (int block = 0; block < blocks; ++block) {
            std::uint32_t(&own)[2][4] = fragments[block % 2];
            make_fragments<type, kColumns>(own, words[block], block, scales);
            const std::uint64_t b = activations + ((block / 2 * kTokenPanelBytes + block % 2 * 64) >> 4);
            multiply_block<tokens>(sums, own, b);
            if (block == 0 && unreleased >= 0) barrier_arrive(shared.empty(unreleased));
        }
    }

    // A tile of up to `tokens` tokens: its columns from stage `first_stage` to before `end_stage`.
    template <int tokens>
    __device__ __forceinline__ static void accumulate(float (&sums)[tokens / 8][4], const int (&rows)[2],
                                                      int columns, int first_stage, int end_stage,
                                                      const Shared& shared, Ring& ring) {
        static_assert(kBlocks % 2 == 0, "stages begin with the same fragments");
        std::uint32_t fragments[2][2][4];
        const std::uint32_t lanes[2] = {Weights::lane_offset(rows[0], threadIdx.x % 4),
                                        Weights::lane_offset(rows[1], threadIdx.x % 4)};
#pragma unroll
        for (int i = 0; i < tokens / 8; ++i)
#pragma unroll
            for (int k = 0; k < 4; ++k) sums[i][k] = 0;
        int unreleased = -1;
        const int whole_stages = min(end_stage, columns / kColumns);
#pragma unroll 1
        for (int s = first_stage; s < whole_stages; ++s, ring.advance()) {
            barrier_wait(shared.full(ring.stage), ring.phase);
            fence_async_proxy();
            multiply_stage<tokens, kBlocks>(sums, fragments, lanes, rows, shared, ring.stage, s, unreleased);
            unreleased = ring.stage;
        }
        if (kPanels == 2 && whole_stages * kColumns < columns && whole_stages < end_stage) {  // half a stage
            barrier_wait(shared.full(ring.stage), ring.phase);
            fence_async_proxy();
            multiply_stage<tokens, kBlocks / kPanels>(sums, fragments, lanes, rows, shared, ring.stage,
                                                      whole_stages, unreleased);
            unreleased = ring.stage;
            ring.advance();
        }
        warpgroup_wait<0>();
        fence_accumulators(sums);
        if (unreleased >= 0) barrier_arrive(shared.empty(unreleased));
    }

    static constexpr int stages_of(int columns) {
        return (columns + kColumns - 1) / kColumns;
    }

    // A lane's two weight rows in the tile, of slot 0 and slot 1.
    __device__ static void find_rows(int (&rows)[2]) {
        const int g = threadIdx.x % 32 / 4;
#pragma unroll
        for (int slot = 0; slot < 2; ++slot)
            rows[slot] = threadIdx.x / 32 * 16 + 2 * g + (slot ^ Weights::odd_row_first(g));
    }

    __device__ __forceinline__ static void consume(const GemmProblem& problem, const Tile& tile,
                                                   const Shared& shared, Ring& ring) {
        const DeviceMatrix& w = problem.weights;
        const int rows_of_expert = w.rows / problem.experts;
        const int g = threadIdx.x % 32 / 4;
        const int warp = threadIdx.x / 32;
        int rows[2];
        find_rows(rows);
        const auto run = [&]<int count>() __attribute__((always_inline)) {
            float sums[count / 8][4];
            accumulate<count>(sums, rows, w.columns, 0, stages_of(w.columns), shared, ring);
            store_sums(problem.epilogue, tile, rows_of_expert, tile.weight_row + warp * 16,
                       Weights::odd_row_first(g) != 0, 0, sums,
                       shared.turns + warp * turn_bytes(kTurnedTokens));
        };
        const int tokens = tile.row_count;
        // Six counts and not eight: with more loops in one kernel the compiler runs out of registers and waits
        // after every product (its warning C7512). Columns past the tile's tokens are computed and not stored.
        if (tokens <= 32) return run.template operator()<32>();
        if (tokens <= 48) return run.template operator()<48>();
        if (tokens <= 64) return run.template operator()<64>();
        if (tokens <= 80) return run.template operator()<80>();
        if (tokens <= 96) return run.template operator()<96>();
        run.template operator()<128>();
    }
};

template <WeightFormat type>
__global__ void __launch_bounds__(WarpgroupGemm<type, kMaxTileTokens>::kThreads, 1)
    gemm_warpgroup_kernel(const __grid_constant__ GemmProblem problem,
                          const __grid_constant__ TokenGroup dense) {
    if constexpr (kHasWgmma) {
        using Gemm = WarpgroupGemm<type, kMaxTileTokens>;
        const typename Gemm::Shared shared = Gemm::divide_shared_memory();
        const int row_tiles = (problem.weights.rows / problem.experts + Gemm::kRows - 1) / Gemm::kRows;
        typename Gemm::Ring ring;
        Tile tile;
        griddep_wait();
        // Only now: the next stage may be one that takes the groups for settled.
        griddep_launch_dependents();
        // Every tile begins with a search in the list.
        const GroupList* groups = problem.groups == nullptr ? nullptr : shared.groups;
        if (groups != nullptr)
            for (int i = threadIdx.x; i < Gemm::kGroupBytes / 4; i += Gemm::kThreads)
                reinterpret_cast<int*>(shared.groups)[i] = reinterpret_cast<const int*>(problem.groups)[i];
        __syncthreads();
        if (threadIdx.x >= Gemm::kConsumers * 128) {
            asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(Gemm::kProducerRegisters));
            for (int index = blockIdx.x; find_tile<Gemm::kRows>(groups, dense, row_tiles, index, tile);
                 index += gridDim.x)
                Gemm::produce(problem, tile, shared, ring);
        } else {
            asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(Gemm::kConsumerRegisters));
            for (int index = blockIdx.x; find_tile<Gemm::kRows>(groups, dense, row_tiles, index, tile);
                 index += gridDim.x)
                Gemm::consume(problem, tile, shared, ring);
        }
    }
}

}  // namespace gptoss::backend::cuda
