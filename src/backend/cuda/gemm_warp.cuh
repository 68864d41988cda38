// The matrix product with mma.sync, for every architecture from sm_80 on. Eight warps: four parts of a tile's weight rows by
// two halves of its tokens.
//
// - A block stays for many tiles. All threads copy ahead with cp.async, and go on with the next tile's stages while
//   the last ones of a tile are multiplied and its sums are stored.
// - A warp unpacks the weights of 32 columns while it multiplies those before them, so that what shared memory holds
//   is packed, and its bandwidth is left for the activations.
#pragma once

#include "backend/cuda/gemm_epilogue.cuh"
#include "backend/cuda/plan/few_rows_tile.h"

namespace gptoss::backend::cuda {

template <WeightFormat type, int tile_rows>
struct WarpGemm {
    static constexpr int kThreads = 256;
    static constexpr int kTokenWarps = 2, kRowWarps = 8 / kTokenWarps;
    static constexpr int kRows = tile_rows, kWarpRows = tile_rows / kRowWarps, kParts = kWarpRows / 16;
    static constexpr int kMostTokens = tile_rows == kFewWeightRows ? kTokensOfFewWeightRows : kMaxTileTokens;
    static constexpr int kGroups = kMostTokens / kTokenWarps / 8;  // of eight tokens, of a warp
    // Of a stage: fewer where a weight has more bytes, so that there are enough stages.
    static constexpr bool kIsWide = type == WeightFormat::f16 || type == WeightFormat::bf16;
    static constexpr int kColumns = kIsWide && tile_rows != kFewWeightRows ? 32 : 64;
    using Weights = WeightStage<type, kColumns>;
    static constexpr int kBlocks = Weights::kBlocks;
    static constexpr int kScaledColumns = type == WeightFormat::q8_0 ? kColumns : 64;
    using Scales = ScaleStage<type, kScaledColumns>;
    static constexpr int kWeightBytes = kRows * Weights::kRowBytes, kTokenBytes = kColumns * 2;
    static constexpr int kStageBytes = kWeightBytes + kMostTokens * kTokenBytes + Scales::kBytes;
    static_assert(kThreads / 32 * turn_bytes(kTurnedTokens) <= kStageBytes, "the turn takes a stage's place");
    // As deep as the 99 KB of the smaller architectures allow.
    static constexpr int kSharedBytes = 99 * 1024, kMostStages = 8;
    static constexpr int kFit = (kSharedBytes - static_cast<int>(sizeof(GroupList))) / kStageBytes;
    static constexpr int kStages = kFit < kMostStages ? kFit : kMostStages;
    static_assert(kStages >= 3, "one is read while the next has landed and another is copied");

    // What a thread copies of every stage: 16-byte pieces of these weight rows and tokens.
    static constexpr int kRowPieces = Weights::kRowBytes / 16, kTokenPieces = kTokenBytes / 16;
    static constexpr int kWeightCopies = (kRows * kRowPieces + kThreads - 1) / kThreads;
    static constexpr int kTokenCopies = kMostTokens * kTokenPieces / kThreads;

    using Fragments = std::uint32_t[kParts][2][4];

    // The index of a 16-byte piece is XORed with its token's, so that the eight rows of a matrix lie in different banks.
    __device__ static int token_place(int token, int piece) {
        if constexpr (kTokenPieces == 8) return token * kTokenBytes + ((piece ^ (token & 7)) << 4);
        return token * kTokenBytes + ((piece ^ (token >> 1 & 3)) << 4);
    }

    struct Tiles {
        const GemmProblem& problem;
        const GroupList* groups;
        const TokenGroup& dense;
        int row_tiles;
        __device__ bool find(int index, Tile& tile) const {
            return find_tile<tile_rows>(groups, dense, row_tiles, index, tile);
        }
    };

    // Copies stage after stage of tile after tile. A thread has the same pieces of every stage: what it needs to know of
    // them is looked up once a tile.
    struct Copier {
        int index, stages, stage = 0, slot = 0, rounded_tokens = 0;  // of a tile: 0 past the last one
        std::uint32_t weight_place, token_place;                     // in a stage
        const std::byte *weights, *scales;                           // the next stage's
        std::uint32_t rows[kWeightCopies];                           // bytes from `weights`
        std::uint32_t tokens[kTokenCopies];                          // bytes from the activations

        __device__ Copier(const Tiles& tiles, int stage_count)
            : index(blockIdx.x),
              stages(stage_count),
              weight_place(Weights::swizzled(threadIdx.x * 16)),
              token_place(kWeightBytes +
                          WarpGemm::token_place(threadIdx.x / kTokenPieces, threadIdx.x % kTokenPieces)) {
            start(tiles);
        }

        __device__ void start(const Tiles& tiles) {
            const GemmProblem& problem = tiles.problem;
            const DeviceMatrix& w = problem.weights;
            Tile tile;
            if (!tiles.find(index, tile)) {
                rounded_tokens = 0;
                return;
            }
            const int thread = threadIdx.x, rows_of_expert = w.rows / problem.experts;
            const std::int64_t first = std::int64_t{tile.expert} * rows_of_expert;
            weights = w.values + first * w.value_stride_bytes;
#pragma unroll
            for (int i = 0; i < kWeightCopies; ++i) {
                const int row = tile.weight_row + (thread + i * kThreads) / kRowPieces;
                rows[i] = static_cast<std::uint32_t>(min(row, rows_of_expert - 1) * w.value_stride_bytes +
                                                     thread % kRowPieces * 16);
            }
            if constexpr (Scales::kPresent)
                scales = w.scales +
                         (first + min(tile.weight_row + thread, rows_of_expert - 1)) * w.scale_stride_bytes;
            rounded_tokens = (tile.row_count + 7) / 8 * 8;
#pragma unroll
            for (int i = 0; i < kTokenCopies; ++i) {
                const int token = min((thread + i * kThreads) / kTokenPieces, tile.row_count - 1);
                tokens[i] = static_cast<std::uint32_t>(
                    std::int64_t{source_row(problem, tile.first_row + token)} * w.columns * 2 +
                    thread % kTokenPieces * 16);
            }
        }

        __device__ __forceinline__ void copy(const Tiles& tiles, std::uint32_t shared) {
            if (rounded_tokens != 0) {
                const std::uint32_t to = shared + slot * kStageBytes;
                const int thread = threadIdx.x;
                constexpr int kRowStep = kThreads / kRowPieces, kTokenStep = kThreads / kTokenPieces;
                static_assert(kRowStep * Weights::kRowBytes % 512 == 0 && kTokenStep % 8 == 0,
                              "a thread's pieces are swizzled alike");
                const auto* activations = reinterpret_cast<const std::byte*>(tiles.problem.activations);
#pragma unroll
                for (int i = 0; i < kWeightCopies; ++i)
                    if (kRows % kRowStep == 0 || i + 1 < kWeightCopies ||
                        thread < kRows % kRowStep * kRowPieces)
                        copy_16_bytes_async_line(to + weight_place + i * kThreads * 16, weights + rows[i]);
#pragma unroll
                for (int i = 0; i < kTokenCopies; ++i) {
                    if (thread / kTokenPieces + i * kTokenStep < rounded_tokens)
                        copy_16_bytes_async_line(to + token_place + i * kThreads * 16,
                                                 activations + tokens[i]);
                    tokens[i] += kTokenBytes;
                }
                if constexpr (Scales::kPresent)
                    if (thread < kRows)
                        Scales::copy(to + kWeightBytes + kMostTokens * kTokenBytes, thread, scales, stage);
                weights += Weights::kRowBytes;
                if (++stage == stages) {
                    stage = 0;
                    index += gridDim.x;
                    start(tiles);
                }
            }
            commit_copies();
            if (++slot == kStages) slot = 0;
        }
    };

    // What a lane knows of where its operands lie in a stage.
    struct Places {
        std::uint32_t weights[kParts];  // of slot 0's row; slot 1's is its neighbour
        std::uint32_t scales[kParts];
    };

    struct Words {
        std::uint32_t values[kParts][2][Weights::kLaneWords];
        std::uint32_t scales[kParts][2];
    };

    __device__ __forceinline__ static void load(Words& words, const Places& places, std::uint32_t stage,
                                                int block, bool with_scales, int number) {
#pragma unroll
        for (int m = 0; m < kParts; ++m) {
#pragma unroll
            for (int slot = 0; slot < 2; ++slot) {
                if (with_scales)
                    words.scales[m][slot] = Scales::load(stage + (places.scales[m] ^ slot * 4), 0, number);
                Weights::load(words.values[m][slot], stage + neighbour(places.weights[m], slot), block);
            }
        }
    }
    // Rows 2g and 2g + 1: one bit of the address, and where a swizzle looks at it, one more.
    __device__ __forceinline__ static std::uint32_t neighbour(std::uint32_t place, int slot) {
        return place ^ slot * (Weights::kRowBytes | (Weights::kRowBytes == 128 ? 16 : 0));
    }

    __device__ __forceinline__ static void unpack_part(Fragments& fragments, const Words& words, int block,
                                                       int m) {
        make_fragments<type, kScaledColumns>(fragments[m], words.values[m], block, words.scales[m]);
    }

    __device__ __forceinline__ static void copy_fragments(Fragments& to, const Fragments& from) {
#pragma unroll
        for (int i = 0; i < kParts * 8; ++i) to[i / 8][i / 4 % 2][i % 4] = from[i / 8][i / 4 % 2][i % 4];
    }

    // The activations of two groups of eight tokens, 32 columns.
    using Tokens = std::uint32_t[2][4];
    __device__ __forceinline__ static void load_tokens(Tokens& b, std::uint32_t place, int pair) {
#pragma unroll
        for (int i = 0; i < 2; ++i) load_matrices(b[i], place + (2 * pair + i) * 8 * kTokenBytes);
    }

    // Multiplies what `now` holds of a block with the warp's `groups` groups of eight tokens, and unpacks the next block, whose
    // words have been asked for. Branches keep the compiler from asking for all activations at once and waiting for the last:
    // a pair of groups is multiplied while the next one is read. `b`: the first pair; in the end the next block's.
    __device__ __forceinline__ static void step(float (&sums)[kParts][kGroups][4], const Fragments& now,
                                                Fragments& next, const Words& words, int next_block,
                                                Tokens (&b)[2], std::uint32_t tokens,
                                                std::uint32_t next_tokens, int groups) {
        constexpr int kPairs = kGroups / 2;
        static_assert(kParts <= kPairs && kPairs % 2 == 0);
#pragma unroll
        for (int pair = 0; pair < kPairs; ++pair) {
            const auto multiply = [&]<int count>() __attribute__((always_inline)) {
                if (pair + 1 < kPairs)
                    load_tokens(b[(pair + 1) % 2], tokens, pair + 1);
                else
                    load_tokens(b[0], next_tokens, 0);
#pragma unroll
                for (int half = 0; half < 2; ++half)
#pragma unroll
                    for (int i = 0; i < count; ++i)
#pragma unroll
                        for (int m = 0; m < kParts; ++m)
                            MmaF16::multiply_add(sums[m][2 * pair + i], now[m][half],
                                                 b[pair % 2][i][2 * half], b[pair % 2][i][2 * half + 1]);
                if (pair < kParts) unpack_part(next, words, next_block, pair);
            };
            if (2 * pair + 1 < groups) {
                multiply.template operator()<2>();
            } else if (2 * pair < groups) {
                multiply.template operator()<1>();
            } else {
                if (pair + 1 == kPairs) load_tokens(b[0], next_tokens, 0);
                if (pair < kParts) unpack_part(next, words, next_block, pair);
            }
        }
    }

    // As store_sums() of gemm_epilogue.cuh for each sixteen of a warp's rows, but one loop for all of them: with a copy of
    // its code for each, most of the time went into fetching instructions.
    __device__ __forceinline__ static void store(const EpilogueTargets& targets, const Tile& tile,
                                                 int rows_of_expert, int first_row, int first_token,
                                                 bool swapped, const float (&sums)[kParts][kGroups][4],
                                                 std::uint32_t turn) {
        const int lane = threadIdx.x % 32, g = lane / 4, c = lane % 4;
        constexpr int kTurns = kGroups / 2 * kParts;
        OutputPair outputs[(kGroups + 3) / 4];  // token t of the warp's in lane t % 32
        if (targets.kind == Epilogue::expert_output) {
#pragma unroll
            for (int i = 0; i < (kGroups + 3) / 4; ++i)
                outputs[i].pair =
                    targets.pairs[tile.first_row + min(first_token + 32 * i + lane, tile.row_count - 1)];
#pragma unroll
            for (OutputPair& output : outputs) output.weight = targets.routing_weights[output.pair];
        }
        const std::uint32_t place = turn + (2 * c * kTurnStride + 2 * g) * 4;
#pragma unroll 1
        for (int i = 0; i < kTurns; ++i) {
            const int row = first_row + i % kParts * 16, pair = i / kParts, token = first_token + pair * 16;
            if (token >= tile.row_count) break;
            float bias[8];
            load_bias(bias, targets, tile.expert, rows_of_expert, row);
            __syncwarp();  // the tokens before have been read
#pragma unroll
            for (int k = 0; k < kTurns; ++k) {
                if (k != i) continue;
#pragma unroll
                for (int j = 0; j < 4; ++j) {
                    const float(&own)[4] = sums[k % kParts][k / kParts * 2 + j / 2];
                    store_shared_64(place + (j / 2 * 8 + j % 2) * kTurnStride * 4,
                                    swapped ? own[2 + j % 2] : own[j % 2],
                                    swapped ? own[j % 2] : own[2 + j % 2]);
                }
            }
            __syncwarp();
            OutputPair output = outputs[0];
            if (targets.kind == Epilogue::expert_output) {
                if (kGroups > 4 && pair >= 2) output = outputs[(kGroups + 3) / 4 - 1];
                const int from = pair % 2 * 16 + lane / 2;
                output = {__shfl_sync(kAllLanes, output.pair, from),
                          __shfl_sync(kAllLanes, output.weight, from)};
            }
            store_turned(targets, tile, rows_of_expert, row, token, kTurnedTokens, bias, output, turn);
        }
    }

    __device__ static void run(const Tiles& tiles, std::uint32_t shared) {
        const GemmProblem& problem = tiles.problem;
        const int rows_of_expert = problem.weights.rows / problem.experts;
        const int stages = problem.weights.columns / kColumns;
        const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, g = lane / 4;
        const int first_row = warp % kRowWarps * kWarpRows;
        Copier copier(tiles, stages);
        for (int i = 0; i < kStages - 1; ++i) copier.copy(tiles, shared);
        Places places;
#pragma unroll
        for (int m = 0; m < kParts; ++m) {
            const int row = first_row + m * 16 + 2 * g + Weights::odd_row_first(g);
            places.weights[m] = Weights::lane_offset(row, lane % 4);
            places.scales[m] = kWeightBytes + kMostTokens * kTokenBytes + row * 4;
        }
        const int matrix_place = token_place(lane % 8, lane / 8);

        Fragments fragments[2];
        Words words;
        wait_for_copies<kStages - 2>();
        __syncthreads();
        load(words, places, shared, 0, true, 0);
#pragma unroll
        for (int m = 0; m < kParts; ++m) unpack_part(fragments[0], words, 0, m);
        int slot = 0;
        std::uint32_t stage = shared;
        Tile tile;
        for (int index = blockIdx.x; tiles.find(index, tile); index += gridDim.x) {
            const int all = (tile.row_count + 7) / 8, half = (all + kTokenWarps - 1) / kTokenWarps;
            const int first_token = warp < kRowWarps ? 0 : half * 8,
                      groups = warp < kRowWarps ? half : all - half;
            const std::uint32_t place = kWeightBytes + first_token * kTokenBytes + matrix_place;
            float sums[kParts][kGroups][4] = {};
            Tokens tokens[2];
            load_tokens(tokens[0], shared + slot * kStageBytes + place, 0);
#pragma unroll 1
            for (int s = 0; s < stages; ++s) {
                stage = shared + slot * kStageBytes;
                if (++slot == kStages) slot = 0;
                const std::uint32_t next_stage = shared + slot * kStageBytes;
                if constexpr (kBlocks == 2) {
                    load(words, places, stage, 1, false, s);
                    step(sums, fragments[0], fragments[1], words, 1, tokens, stage + place,
                         stage + (place ^ 64), groups);
                }
                wait_for_copies<kStages - 3>();
                __syncthreads();  // the next stage has landed for all; the one before has been read by all
                copier.copy(tiles, shared);
                load(words, places, next_stage, 0, true, s + 1 == stages ? 0 : s + 1);
                // Not in place: all of a block's fragments are wanted until its last tokens.
                step(sums, fragments[kBlocks - 1], fragments[2 - kBlocks], words, 0, tokens,
                     stage + (place ^ (kBlocks - 1) * 64), next_stage + place, groups);
                if constexpr (kBlocks == 1) copy_fragments(fragments[0], fragments[1]);
            }
            __syncthreads();  // the last stage has been read by all: the turn takes its place
            tile.row_count = min(tile.row_count, first_token + groups * 8);
            store(problem.epilogue, tile, rows_of_expert, tile.weight_row + first_row, first_token,
                  Weights::odd_row_first(g) != 0, sums, stage + warp * turn_bytes(kTurnedTokens));
        }
        wait_for_copies<0>();
    }
};

template <WeightFormat type, int tile_rows>
__global__ void __launch_bounds__(WarpGemm<type, tile_rows>::kThreads, 1)
    gemm_warp_kernel(const __grid_constant__ GemmProblem problem, const TokenGroup dense) {
    using Gemm = WarpGemm<type, tile_rows>;
    extern __shared__ __align__(128) std::byte shared_memory[];
    griddep_wait();
    griddep_launch_dependents();
    const std::uint32_t shared = shared_address(shared_memory);
    GroupList* groups = nullptr;
    if (problem.groups != nullptr) {
        groups = reinterpret_cast<GroupList*>(shared_memory + Gemm::kStages * Gemm::kStageBytes);
        for (int i = threadIdx.x; i < static_cast<int>(sizeof(GroupList) / 4); i += Gemm::kThreads)
            reinterpret_cast<int*>(groups)[i] = reinterpret_cast<const int*>(problem.groups)[i];
        __syncthreads();
    }
    const int row_tiles = (problem.weights.rows / problem.experts + tile_rows - 1) / tile_rows;
    Gemm::run({problem, groups, dense, row_tiles}, shared);
}

}  // namespace gptoss::backend::cuda
