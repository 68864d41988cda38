// Products of experts with mxfp4 weights (sm_90a). As in gemm_warpgroup.cuh, three warpgroups of 64 weight rows each
// unpack and multiply, and a fourth copies. Here those who multiply look nothing up:
//
// - Whoever copies finds the next tile, and leaves a record of it in shared memory: where it is, its bias, and for
//   each token where its output goes and what it is multiplied with. Nobody waits for device memory between tiles.
// - Weights and scales are copied by the copy engine (TMA), asked by one thread, activations by all 128 threads.
// - Two blocks share an SM where tiles are small: one multiplies while the other stores.
#pragma once

#include "backend/cuda/gemm_epilogue.cuh"
#include "backend/cuda/gemm_wgmma.cuh"

namespace gptoss::backend::cuda {

// How the copy engine sees the weights: boxes of a stage's values, of four stages' scales.
struct ExpertMaps {
    CUtensorMap values, scales;
};

// `most_tokens`: of a tile.
template <int most_tokens>
struct ExpertGemm {
    static constexpr int kConsumerThreads = 3 * 128, kThreads = kConsumerThreads + 128;
    static constexpr int kRows = kGemmTileRows, kColumns = 128, kPanels = kColumns / kPanelColumns;
    using Weights = WeightStage<WeightFormat::mxfp4, kColumns>;
    using Scales = ScaleStage<WeightFormat::mxfp4, kColumns>;
    static constexpr int kBlocksAnSm = most_tokens <= kFewTileTokens ? 2 : 1;
    static constexpr int kStages = 4;
    static constexpr int kTokenPanelBytes = most_tokens * kPanelColumns * 2;
    static constexpr int kStageBytes = kPanels * kTokenPanelBytes + Weights::kBytes;
    // 16 bytes of a row are the scales of four stages, and lie in a ring of their own. A place is written when the
    // stage kStages before has been read; then the scales kStages places before are no longer wanted either.
    static constexpr int kStagesOfScales = 4, kScalePlaces = kStages, kScaleBytes = kRows * 16;
    static constexpr int kTurned = kTurnedTokens / kBlocksAnSm;  // tokens that are stored together
    static constexpr int kTurnBytes = kConsumerThreads / 32 * turn_bytes(kTurned);
    // Of a tile: Tile, bias, pairs, routing weights.
    static constexpr int kRecordBytes = static_cast<int>(sizeof(Tile)) + kRows * 4 + most_tokens * 8;
    static constexpr int kBarriers = 2 * kStages + 6;
    static constexpr int kSharedBytes = 1024 + kStages * kStageBytes + kScalePlaces * kScaleBytes +
                                        kTurnBytes + 2 * kRecordBytes + kBarriers * 8 +
                                        static_cast<int>(sizeof(GroupList));
    static_assert(kBlocksAnSm * (kSharedBytes + 1024) <= 228 * 1024, "what an SM has");
    // 65,536 registers: 3 x 128 x 152 and 128 x 56, or twice 3 x 128 x 72 and 128 x 40. With two blocks a lane holds
    // the words of one block of columns only: with more, the compiler waits after every product (C7512).
    static constexpr int kConsumerRegisters = kBlocksAnSm == 2 ? 72 : 152;
    static constexpr int kProducerRegisters = kBlocksAnSm == 2 ? 40 : 56;
    static constexpr int kBlocksAhead = kBlocksAnSm == 2 ? 1 : 4;

    // Positions in the three rings: of stages, of scales, of records. A phase flips when its ring wraps.
    struct Ring : StageRing<kStages> {
        int scales = kScalePlaces - 1, record = 0;
        std::uint32_t record_phase = 0;
        __device__ void advance_scales() {
            if (++scales == kScalePlaces) scales = 0;
        }
        __device__ void advance_record() {
            record ^= 1;
            if (record == 0) record_phase ^= 1;
        }
    };
    struct Shared {
        std::uint32_t stages;  // address of stage 0: panels of activations, weights
        GroupList* groups;
        __device__ std::uint32_t stage(int i) const { return stages + i * kStageBytes; }
        __device__ std::uint32_t weights(int i) const { return stage(i) + kPanels * kTokenPanelBytes; }
        __device__ std::uint32_t scales(int i) const { return stage(kStages) + i * kScaleBytes; }
        __device__ std::uint32_t turn(int warp) const {
            return scales(kScalePlaces) + warp * turn_bytes(kTurned);
        }
        __device__ std::uint32_t tile(int i) const {
            return scales(kScalePlaces) + kTurnBytes + i * kRecordBytes;
        }
        __device__ std::uint32_t bias(int i) const { return tile(i) + static_cast<int>(sizeof(Tile)); }
        __device__ std::uint32_t pairs(int i) const { return bias(i) + kRows * 4; }
        __device__ std::uint32_t routing_weights(int i) const { return pairs(i) + most_tokens * 4; }
        __device__ std::uint32_t barrier(int i) const { return tile(2) + i * 8; }
        __device__ std::uint32_t full(int i) const { return barrier(i); }
        __device__ std::uint32_t empty(int i) const { return barrier(kStages + i); }
        __device__ std::uint32_t tile_full(int i) const { return barrier(2 * kStages + i); }
        __device__ std::uint32_t record_full(int i) const { return barrier(2 * kStages + 2 + i); }
        __device__ std::uint32_t record_empty(int i) const { return barrier(2 * kStages + 4 + i); }
    };

    // All threads; a barrier of the block must follow.
    __device__ static Shared divide_shared_memory() {
        extern __shared__ std::byte shared_memory[];
        Shared shared;
        shared.stages = (shared_address(shared_memory) + 1023) / 1024 * 1024;
        shared.groups = reinterpret_cast<GroupList*>(
            shared_memory + (shared.barrier(kBarriers) - shared_address(shared_memory)));
        if (threadIdx.x == 0) {
            for (int i = 0; i < kStages; ++i) {
                barrier_init(shared.full(i), 128 + 1);  // and the copy engine
                barrier_init(shared.empty(i), kConsumerThreads);
            }
            for (int i = 0; i < 2; ++i) {
                barrier_init(shared.tile_full(i), 1);
                barrier_init(shared.record_full(i), 2 * 128);  // stores and copies of each thread
                barrier_init(shared.record_empty(i), kConsumerThreads);
            }
            fence_barrier_init();
        }
        return shared;
    }

    // What one thread asks of the copy engine.
    __device__ __forceinline__ static void ask_for_weights(const GemmProblem& problem, const ExpertMaps& maps,
                                                           const Tile& tile, const Shared& shared, Ring& ring,
                                                           int number) {
        const std::uint32_t full = shared.full(ring.stage);
        const bool has_scales = number % kStagesOfScales == 0;
        const int first_row = tile.expert * (problem.weights.rows / problem.experts) + tile.weight_row;
        barrier_arrive_expecting(full, Weights::kBytes + (has_scales ? kScaleBytes : 0));
        copy_box_async(shared.weights(ring.stage), maps.values, number * Weights::kRowBytes, first_row, full);
        if (!has_scales) return;
        ring.advance_scales();
        copy_box_async(shared.scales(ring.scales), maps.scales, number * Weights::kBlocks, first_row, full);
    }

    // Copies a tile of at most `passes` x 16 tokens. A thread copies the same 16-byte piece of every 16th token, zeros for
    // tokens that are not there: the tensor cores take less power for them.
    template <int passes>
    __device__ __forceinline__ static void produce_passes(const GemmProblem& problem, const ExpertMaps& maps,
                                                          const Tile& tile, const Shared& shared,
                                                          Ring& ring) {
        const int columns = problem.weights.columns;
        const int thread = threadIdx.x % 128, token = thread / 8, piece = thread % 8;
        const int own_tokens = tile.row_count - token;
        const __half* activations = problem.activations + piece * 8;
        const std::uint32_t place = token * 128 + ((piece ^ (token & 7)) << 4);
        std::uint32_t sources[passes];  // where the tokens' rows start, in 16 bytes
#pragma unroll
        for (int i = 0; i < passes; ++i)
            sources[i] = static_cast<std::uint32_t>(
                std::int64_t{source_row(problem, tile.first_row + min(token + i * 16, tile.row_count - 1))} *
                (columns / 8));
        const auto copy_stage = [&]<int panels>(int number) __attribute__((always_inline)) {
            barrier_wait(shared.empty(ring.stage), ring.phase ^ 1);
            if (thread == 0) ask_for_weights(problem, maps, tile, shared, ring, number);
            const std::uint32_t to = shared.stage(ring.stage) + place;
#pragma unroll
            for (int i = 0; i < passes; ++i) {
                const __half* row = activations + std::uint64_t{sources[i]} * 8;
#pragma unroll
                for (int panel = 0; panel < panels; ++panel)
                    copy_16_bytes_async_line(to + i * 16 * 128 + panel * kTokenPanelBytes,
                                             row + panel * kPanelColumns,
                                             i < passes - 2 || i * 16 < own_tokens);
            }
            barrier_arrive_after_copies(shared.full(ring.stage));
            activations += kColumns;
            ring.advance();
        };
        const int whole_stages = columns / kColumns;
#pragma unroll 1
        for (int s = 0; s < whole_stages; ++s) copy_stage.template operator()<kPanels>(s);
        if (whole_stages * kColumns < columns) copy_stage.template operator()<1>(whole_stages);
    }

    // A tile and its record, which is complete with the last stage.
    __device__ static void produce(const GemmProblem& problem, const ExpertMaps& maps, const Tile& tile,
                                   const Shared& shared, Ring& ring) {
        const EpilogueTargets& targets = problem.epilogue;
        const int thread = threadIdx.x % 128, record = ring.record;
        const int rows_of_expert = problem.weights.rows / problem.experts;
        OutputPair output;
        const bool has_pairs = targets.kind == Epilogue::expert_output;
        if (has_pairs) output.pair = targets.pairs[tile.first_row + min(thread, tile.row_count - 1)];
        barrier_wait(shared.record_empty(record), ring.record_phase ^ 1);
        if (thread == 0) hand_over(tile, shared, record);
        if (targets.bias != nullptr && thread < kRows / 4 && tile.weight_row + thread * 4 < rows_of_expert)
            copy_16_bytes_async_line(
                shared.bias(record) + thread * 16,
                targets.bias + std::int64_t{tile.expert} * rows_of_expert + tile.weight_row + thread * 4);
        if (has_pairs) output.weight = targets.routing_weights[output.pair];
        const auto run = [&]<int passes>() __attribute__((always_inline)) {
            if constexpr (passes * 16 <= most_tokens)
                produce_passes<passes>(problem, maps, tile, shared, ring);
        };
        const int passes = tile_rows_for(tile.row_count) / 16;
        passes <= 2   ? run.template operator()<2>()
        : passes <= 3 ? run.template operator()<3>()
        : passes <= 4 ? run.template operator()<4>()
        : passes <= 5 ? run.template operator()<5>()
        : passes <= 6 ? run.template operator()<6>()
        : passes <= 7 ? run.template operator()<7>()
                      : run.template operator()<8>();
        if (has_pairs && thread < most_tokens) {
            store_shared_32(shared.pairs(record) + thread * 4, static_cast<std::uint32_t>(output.pair));
            store_shared_32(shared.routing_weights(record) + thread * 4, __float_as_uint(output.weight));
        }
        barrier_arrive(shared.record_full(record));
        barrier_arrive_after_copies(shared.record_full(record));
        ring.advance_record();
    }

    // A tile without rows says that there are no more.
    __device__ static void produce_end(const Shared& shared, const Ring& ring) {
        barrier_wait(shared.record_empty(ring.record), ring.record_phase ^ 1);
        if (threadIdx.x % 128 == 0) hand_over(Tile{}, shared, ring.record);
    }
    __device__ static void hand_over(const Tile& tile, const Shared& shared, int record) {
        const std::uint32_t to = shared.tile(record);
        store_shared_32(to, static_cast<std::uint32_t>(tile.expert));
        store_shared_32(to + 4, static_cast<std::uint32_t>(tile.weight_row));
        store_shared_32(to + 8, static_cast<std::uint32_t>(tile.first_row));
        store_shared_32(to + 12, static_cast<std::uint32_t>(tile.row_count));
        barrier_arrive(shared.tile_full(record));
    }
    __device__ static Tile load_tile(const Shared& shared, int record) {
        std::uint32_t words[4];
        load_shared(words, shared.tile(record));
        return {static_cast<int>(words[0]), static_cast<int>(words[1]), static_cast<int>(words[2]),
                static_cast<int>(words[3])};
    }

    // A stage's blocks of 32 columns: unpack one while the tensor cores multiply the one before. `lane`: where the lane's
    // words are in the stage's weights. `unreleased`: the stage before, or -1; it is given back once its products are
    // done.
    template <int tokens, int blocks>
    __device__ __forceinline__ static void multiply_stage(float (&sums)[tokens / 8][4],
                                                          std::uint32_t (&fragments)[2][2][4],
                                                          std::uint32_t lane, std::uint32_t scale_place,
                                                          const Shared& shared, int stage, int unreleased) {
        // The rows of slot 0 and slot 1 are neighbours: one bit of an address tells them apart.
        std::uint32_t scales[2], word[1];
        load_shared(word, scale_place);
        scales[0] = word[0];
        load_shared(word, scale_place ^ 16);
        scales[1] = word[0];
        std::uint32_t words[blocks][2][1];
        const std::uint32_t place = shared.weights(stage) + lane;
        const auto load = [&](int block) __attribute__((always_inline)) {
#pragma unroll
            for (int slot = 0; slot < 2; ++slot)
                load_shared(words[block][slot],
                            place ^ (block * Weights::kBlockBytes + slot * Weights::kRowBytes));
        };
#pragma unroll
        for (int block = 0; block < min(blocks, kBlocksAhead); ++block) load(block);
        const std::uint64_t activations = matrix_descriptor(shared.stage(stage));
#pragma unroll
        for (int block = 0; block < blocks; ++block) {
            if (block > 0 && block + kBlocksAhead - 1 < blocks) load(block + kBlocksAhead - 1);
            std::uint32_t(&own)[2][4] = fragments[block % 2];
            make_fragments<WeightFormat::mxfp4, kColumns>(own, words[block], block, scales);
            const std::uint64_t b = activations + ((block / 2 * kTokenPanelBytes + block % 2 * 64) >> 4);
            multiply_block<tokens>(sums, own, b);
            if (block == 0 && unreleased >= 0) barrier_arrive(shared.empty(unreleased));
        }
    }

    // The sums of a tile of up to `tokens` tokens. `row`: of the lane's slot 0 in the tile.
    template <int tokens>
    __device__ __forceinline__ static void accumulate(float (&sums)[tokens / 8][4], int row, int columns,
                                                      const Shared& shared, Ring& ring) {
        std::uint32_t fragments[2][2][4];
        const std::uint32_t lane = Weights::lane_offset(row, threadIdx.x % 4);
#pragma unroll
        for (int i = 0; i < tokens / 8; ++i)
#pragma unroll
            for (int k = 0; k < 4; ++k) sums[i][k] = 0;
        int unreleased = -1;
        const auto run = [&]<int blocks>(int number) __attribute__((always_inline)) {
            barrier_wait(shared.full(ring.stage), ring.phase);
            fence_async_proxy();
            if (number % kStagesOfScales == 0) ring.advance_scales();
            const std::uint32_t scale_place =
                shared.scales(ring.scales) + row * 16 + number % kStagesOfScales * 4;
            multiply_stage<tokens, blocks>(sums, fragments, lane, scale_place, shared, ring.stage,
                                           unreleased);
            unreleased = ring.stage;
            ring.advance();
        };
        const int whole_stages = columns / kColumns;
#pragma unroll 1
        for (int s = 0; s < whole_stages; ++s) run.template operator()<Weights::kBlocks>(s);
        if (whole_stages * kColumns < columns)
            run.template operator()<Weights::kBlocks / kPanels>(whole_stages);
        warpgroup_wait<0>();
        fence_accumulators(sums);
        if (unreleased >= 0) barrier_arrive(shared.empty(unreleased));
    }

    // As store_sums() of gemm_epilogue.cuh, with what the record says.
    template <int groups>
    __device__ __forceinline__ static void store(const EpilogueTargets& targets, int rows_of_expert,
                                                 bool swapped, const float (&sums)[groups][4],
                                                 const Shared& shared, int record) {
        const Tile tile = load_tile(shared, record);
        const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
        const int g = lane / 4, c = lane % 4, turned_token = lane / 2;
        const int own_row = warp * 16 + lane % 2 * 8, weight_row = tile.weight_row + own_row;
        const std::uint32_t turn = shared.turn(warp);
        std::uint32_t bias[2][4] = {};
        if (targets.bias != nullptr) {
            load_shared(bias[0], shared.bias(record) + own_row * 4);
            load_shared(bias[1], shared.bias(record) + own_row * 4 + 16);
        }
#pragma unroll
        for (int first = 0; first < groups; first += kTurned / 8) {
            if (8 * first >= tile.row_count) break;
            __syncwarp();  // the tokens before have been read
#pragma unroll
            for (int j = first; j < first + kTurned / 8; ++j)
#pragma unroll
                for (int i = 0; i < 2; ++i)
                    store_shared_64(turn + (((j - first) * 8 + 2 * c + i) * kTurnStride + 2 * g) * 4,
                                    swapped ? sums[j][2 + i] : sums[j][i],
                                    swapped ? sums[j][i] : sums[j][2 + i]);
            __syncwarp();
            const int token = 8 * first + turned_token;
            if (turned_token >= kTurned || token >= tile.row_count || weight_row >= rows_of_expert) continue;
            OutputPair output;
            if (targets.kind == Epilogue::expert_output) {
                std::uint32_t word[1];
                load_shared(word, shared.pairs(record) + token * 4);
                output.pair = static_cast<int>(word[0]);
                load_shared(word, shared.routing_weights(record) + token * 4);
                output.weight = __uint_as_float(word[0]);
            }
            std::uint32_t words[2][4];
            const std::uint32_t from = turn + (turned_token * kTurnStride + lane % 2 * 8) * 4;
            load_shared(words[0], from);
            load_shared(words[1], from + 16);
            float v[8];
#pragma unroll
            for (int i = 0; i < 8; ++i)
                v[i] = __uint_as_float(words[i / 4][i % 4]) + __uint_as_float(bias[i / 4][i % 4]);
            store_eight_rows(targets, rows_of_expert, weight_row, tile.first_row + token, output, v);
        }
    }

    __device__ __forceinline__ static void consume(const GemmProblem& problem, int tokens,
                                                   const Shared& shared, Ring& ring) {
        const int g = threadIdx.x % 32 / 4, odd_first = Weights::odd_row_first(g);
        const auto run = [&]<int count>() __attribute__((always_inline)) {
            if constexpr (count <= most_tokens) {
                float sums[count / 8][4];
                accumulate<count>(sums, threadIdx.x / 32 * 16 + 2 * g + odd_first, problem.weights.columns,
                                  shared, ring);
                barrier_wait(shared.record_full(ring.record), ring.record_phase);
                store(problem.epilogue, problem.weights.rows / problem.experts, odd_first != 0, sums, shared,
                      ring.record);
                barrier_arrive(shared.record_empty(ring.record));
                ring.advance_record();
            }
        };
        // Six counts and not eight, as in gemm_warpgroup.cuh.
        if (tokens <= 32 || most_tokens == 32) return run.template operator()<32>();
        if (tokens <= 48) return run.template operator()<48>();
        if (tokens <= 64) return run.template operator()<64>();
        if (tokens <= 80) return run.template operator()<80>();
        if (tokens <= 96) return run.template operator()<96>();
        run.template operator()<128>();
    }
};

template <int most_tokens>
__global__ void __launch_bounds__(ExpertGemm<most_tokens>::kThreads, ExpertGemm<most_tokens>::kBlocksAnSm)
    gemm_experts_kernel(const __grid_constant__ GemmProblem problem,
                        const __grid_constant__ ExpertMaps maps) {
    if constexpr (kHasWgmma) {
        using Gemm = ExpertGemm<most_tokens>;
        const typename Gemm::Shared shared = Gemm::divide_shared_memory();
        typename Gemm::Ring ring;
        griddep_wait();
        // Only now: the next stage may be one that takes the groups for settled.
        griddep_launch_dependents();
        for (int i = threadIdx.x; i < static_cast<int>(sizeof(GroupList) / 4); i += Gemm::kThreads)
            reinterpret_cast<int*>(shared.groups)[i] = reinterpret_cast<const int*>(problem.groups)[i];
        __syncthreads();
        if (threadIdx.x >= Gemm::kConsumerThreads) {
            asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(Gemm::kProducerRegisters));
            const int row_tiles = (problem.weights.rows / problem.experts + Gemm::kRows - 1) / Gemm::kRows;
            Tile tile;
            for (int index = blockIdx.x; find_tile(shared.groups, TokenGroup{}, row_tiles, index, tile);
                 index += gridDim.x)
                Gemm::produce(problem, maps, tile, shared, ring);
            Gemm::produce_end(shared, ring);
        } else {
            asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(Gemm::kConsumerRegisters));
            while (true) {
                barrier_wait(shared.tile_full(ring.record), ring.record_phase);
                const int tokens = Gemm::load_tile(shared, ring.record).row_count;
                if (tokens == 0) break;
                Gemm::consume(problem, tokens, shared, ring);
            }
        }
    }
}

}  // namespace gptoss::backend::cuda
