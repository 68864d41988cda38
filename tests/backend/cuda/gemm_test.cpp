// The matrix products of the prompt path against slow references in double.
#include "backend/cuda/gemm.h"

#include <cuda_bf16.h>
#include <cuda_fp8.h>

#include <algorithm>

#include "backend/cuda/batched_support.h"

namespace gptoss::backend::cuda::test {
namespace {

// The same products with either kind of matrix instruction.
using GemmPaths = MatrixPathTest;
INSTANTIATE_TEST_SUITE_P(Instructions, GemmPaths,
                         testing::Values(MatrixKernel::mma, MatrixKernel::wgmma, MatrixKernel::wgmma_cluster,
                                         MatrixKernel::wgmma_unpacked),
                         name_of_path);

// Products of experts can also be streamed.
using ExpertPaths = MatrixPathTest;
INSTANTIATE_TEST_SUITE_P(Instructions, ExpertPaths,
                         testing::Values(MatrixKernel::mma, MatrixKernel::wgmma, MatrixKernel::streamed,
                                         MatrixKernel::streamed_small, MatrixKernel::streamed_tiles,
                                         MatrixKernel::streamed_tiles_small),
                         name_of_path);

const char* name(WeightFormat type) {
    constexpr const char* kNames[] = {"mxfp4", "q8_0", "f16", "bf16"};
    return kNames[static_cast<int>(type)];
}
constexpr WeightFormat kTypes[] = {WeightFormat::mxfp4, WeightFormat::q8_0, WeightFormat::f16,
                                   WeightFormat::bf16};

// Weights that are exact in float16 leave only the order of float32 additions; int8 times scale is rounded to
// 11 bits.
double tolerance(WeightFormat type) {
    return type == WeightFormat::q8_0 ? 3e-4 : 1e-5;
}
constexpr double kBf16Rounding = 3e-3;

// Activations as the kernels store them, and the float values they stand for.
struct Activations {
    Activations(std::int32_t rows, std::int32_t columns, ActivationOrder order, unsigned seed)
        : floats(random_floats(static_cast<std::size_t>(rows) * columns, 1.0F, seed)),
          device(std::size_t{0}) {
        std::vector<__half> stored(floats.size());
        for (std::int32_t row = 0; row < rows; ++row) {
            for (std::int32_t column = 0; column < columns; ++column) {
                float& value = floats[static_cast<std::size_t>(row) * columns + column];
                const __half half = __float2half(value);
                value = __half2float(half);
                stored[static_cast<std::size_t>(row) * columns + stored_column(order, column)] = half;
            }
        }
        device = DeviceVector<__half>(stored);
    }
    std::vector<float> floats;
    DeviceVector<__half> device;
};

double dot(const RandomMatrix& matrix, std::int64_t weight_row, const Activations& activations,
           std::int64_t row) {
    const std::int64_t columns = matrix.matrix.columns;
    double sum = 0;
    for (std::int64_t k = 0; k < columns; ++k)
        sum += double{matrix.floats[weight_row * columns + k]} * activations.floats[row * columns + k];
    return sum;
}

TEST_P(GemmPaths, LogitsOfEveryTypeAndTokenCount) {
    for (const WeightFormat type : kTypes) {
        for (const auto& [rows, columns] : {std::pair{200, 192}, std::pair{64, 64}, std::pair{400, 320}}) {
            const RandomMatrix matrix(type, rows, columns, 1);
            for (const std::int32_t tokens : {1, 7, 16, 17, 40, 64, 90, 112, 128, 129, 300}) {
                const Activations activations(tokens, columns, activation_order(type), 2);
                std::vector<double> reference;
                for (std::int32_t t = 0; t < tokens; ++t)
                    for (std::int32_t r = 0; r < rows - 3; ++r)
                        reference.push_back(dot(matrix, r, activations, t));
                {
                    // Three rows are padding: the row of logits ends before them.
                    const DeviceVector<float> output(static_cast<std::size_t>(tokens) * (rows - 3));
                    GemmProblem problem;
                    problem.weights = matrix.matrix;
                    problem.activations = activations.device.get();
                    problem.row_count = tokens;
                    problem.epilogue.kind = Epilogue::logits;
                    problem.epilogue.output = output.get();
                    problem.epilogue.output_stride = rows - 3;
                    problem.epilogue.output_columns = rows - 3;
                    run(problem);
                    const std::vector<float> found = output.read();
                    const double error = relative_error(reference, {found.begin(), found.end()});
                    EXPECT_LT(error, tolerance(type)) << name(type) << ' ' << name_of(kernel) << ' ' << rows
                                                      << " x " << columns << ", " << tokens << " tokens";
                }
            }
        }
    }
}

class GemmTiles : public backend::test::GpuTest {};

// The columns are one chain whatever the tile (docs/numerics.md), and every number of tokens is copied by a loop of its
// own.
TEST_F(GemmTiles, OfEverySizeGiveTheSameBits) {
    const DeviceTraits device = current_device_traits();
    if (!device.has_wgmma()) GTEST_SKIP() << "wgmma is Hopper's alone";
    prepare_gemm();
    constexpr std::int32_t kTokens = 200, kRows = 400;
    for (const WeightFormat type : kTypes) {
        const RandomMatrix matrix(type, kRows, 2880, 1);
        const Activations activations(kTokens, 2880, activation_order(type), 2);
        std::vector<float> first;
        for (std::int32_t tile = 16; tile <= kMaxTileTokens; tile += 16) {
            const DeviceVector<float> output(std::size_t{kTokens} * kRows);
            GemmProblem problem;
            problem.weights = matrix.matrix;
            problem.activations = activations.device.get();
            problem.row_count = kTokens;
            problem.epilogue.output = output.get();
            problem.epilogue.output_stride = problem.epilogue.output_columns = kRows;
            MatrixPlan plan = plan_with(MatrixKernel::wgmma, kTokens, kRows, 1, device);
            plan.tile_tokens = tile;
            launch_gemm(problem, plan, device.sm_count, nullptr);
            const std::vector<float> found = output.read();
            if (first.empty()) first = found;
            EXPECT_EQ(found, first) << name(type) << ", tiles of " << tile << " tokens";
        }
    }
}

TEST_P(GemmPaths, ResidualIsAddedTo) {
    {
        const RandomMatrix matrix(WeightFormat::q8_0, 2880, 4096, 1);
        const std::int32_t tokens = 37;
        const Activations activations(tokens, 4096, ActivationOrder::sequential, 2);
        const std::vector<float> before = random_floats(std::size_t{37} * 2880, 3.0F, 3);
        const std::vector<float> bias = random_floats(2880, 1.0F, 4);
        const DeviceVector<float> residual(before), device_bias(bias);
        GemmProblem problem;
        problem.weights = matrix.matrix;
        problem.activations = activations.device.get();
        problem.row_count = tokens;
        problem.epilogue.kind = Epilogue::residual;
        problem.epilogue.bias = device_bias.get();
        problem.epilogue.output = residual.get();
        problem.epilogue.output_stride = 2880;
        run(problem);
        const std::vector<float> found = residual.read();
        std::vector<double> reference, changed;
        for (std::int32_t t = 0; t < tokens; ++t) {
            for (std::int32_t r = 0; r < 2880; ++r) {
                reference.push_back(dot(matrix, r, activations, t) + bias[r]);
                changed.push_back(double{found[t * 2880 + r]} - before[t * 2880 + r]);
            }
        }
        EXPECT_LT(relative_error(reference, changed), tolerance(WeightFormat::q8_0)) << name_of(kernel);
    }
}

float from_cache(const std::vector<std::byte>& cache, std::int64_t element, model::KvType type) {
    if (type == model::KvType::f8) {
        const __half_raw raw = __nv_cvt_fp8_to_halfraw(
            static_cast<__nv_fp8_storage_t>(cache[static_cast<std::size_t>(element)]), __NV_E4M3);
        return __half2float(__half(raw));
    }
    std::uint16_t bits = 0;
    std::memcpy(&bits, cache.data() + element * 2, 2);
    return type == model::KvType::bf16 ? __bfloat162float(__ushort_as_bfloat16(bits))
                                       : __half2float(__ushort_as_half(bits));
}

TEST_P(GemmPaths, QueryKeyValueIsRotatedAndCached) {
    const std::int32_t query_heads = 8, kv_heads = 2, columns = 128, tokens = 75;
    const std::int32_t rows = (query_heads + 2 * kv_heads) * 64;
    const RandomMatrix matrix(WeightFormat::q8_0, rows, columns, 1);
    const Activations activations(tokens, columns, ActivationOrder::sequential, 2);
    const std::vector<float> bias = random_floats(rows, 0.1F, 3);
    const std::vector<float> rotation = random_floats(std::size_t{75} * 64, 1.0F, 4);
    // Rows go to scattered places of three blocks, backwards.
    const std::int64_t block_elements = 2 * kv_heads * 64 * 64;
    std::vector<std::int64_t> cache_rows(tokens);
    for (std::int32_t t = 0; t < tokens; ++t) cache_rows[t] = (2 - t / 64) * block_elements + t % 64 * 64;
    const DeviceVector<float> device_bias(bias), device_rotation(rotation);
    const DeviceVector<std::int64_t> device_cache_rows(cache_rows);
    {
        for (const model::KvType type : {model::KvType::bf16, model::KvType::f16, model::KvType::f8}) {
            const DeviceVector<std::uint16_t> queries(static_cast<std::size_t>(tokens * query_heads * 64));
            const DeviceVector<std::byte> cache(static_cast<std::size_t>(3 * block_elements * 2));
            GemmProblem problem;
            problem.weights = matrix.matrix;
            problem.activations = activations.device.get();
            problem.row_count = tokens;
            problem.epilogue.kind = Epilogue::query_key_value;
            problem.epilogue.bias = device_bias.get();
            problem.epilogue.queries = queries.get();
            problem.epilogue.query_rows = query_heads * 64;
            problem.epilogue.kv_rows = kv_heads * 64;
            problem.epilogue.rotation = device_rotation.get();
            problem.epilogue.cache_rows = device_cache_rows.get();
            problem.epilogue.cache = cache.get();
            problem.epilogue.cache_type = type;
            run(problem);
            const std::vector<std::uint16_t> found_queries = queries.read();
            const std::vector<std::byte> found_cache = cache.read();
            std::vector<double> reference, found;
            for (std::int32_t t = 0; t < tokens; ++t) {
                for (std::int32_t r = 0; r < rows; r += 2) {
                    double even = dot(matrix, r, activations, t) + bias[r];
                    double odd = dot(matrix, r + 1, activations, t) + bias[r + 1];
                    const std::int32_t head = r / 64, inside = r % 64;
                    if (head < query_heads + kv_heads) {
                        const double c = rotation[t * 64 + inside], s = rotation[t * 64 + inside + 1];
                        const double turned = even * c - odd * s;
                        odd = odd * c + even * s;
                        even = turned;
                    }
                    for (int i = 0; i < 2; ++i) {
                        reference.push_back(i == 0 ? even : odd);
                        if (head < query_heads) {
                            const std::uint16_t bits = found_queries[t * query_heads * 64 + r + i];
                            found.push_back(type == model::KvType::bf16
                                                ? __bfloat162float(__ushort_as_bfloat16(bits))
                                                : __half2float(__ushort_as_half(bits)));
                        } else {
                            found.push_back(from_cache(
                                found_cache, cache_rows[t] + (head - query_heads) * 64 * 64 + inside + i,
                                type));
                        }
                    }
                }
            }
            const double allowed = type == model::KvType::f8     ? 3e-2
                                   : type == model::KvType::bf16 ? kBf16Rounding
                                                                 : kHalfRounding;
            EXPECT_LT(relative_error(reference, found), allowed) << name_of(kernel);
        }
    }
}

// Routing by hand: experts with many rows, then with eight and with one; some have none.
struct HandRouting {
    HandRouting(std::int32_t rows, std::int32_t experts, std::int32_t tile_tokens) {
        std::vector<std::vector<std::int32_t>> of_expert(experts);
        for (std::int32_t pair = 0; pair < rows * kExpertsPerToken; ++pair)
            of_expert[pair == 5                 ? experts - 1
                      : pair >= 20 && pair < 28 ? experts - 2
                      : pair % 7 == 0           ? 1
                      : pair % 3 == 0           ? 2
                                                : 4]
                .push_back(pair);
        GroupList groups{};
        for (std::int32_t e = 0; e < experts; ++e) {
            const auto count = static_cast<std::int32_t>(of_expert[e].size());
            if (count == 0) continue;
            const std::int32_t tiles = (count + tile_tokens - 1) / tile_tokens;
            groups.groups[groups.group_count++] =
                TokenGroup{e,     static_cast<std::int32_t>(sorted.size()),
                           count, std::min(tile_rows_for((count + tiles - 1) / tiles), tile_tokens),
                           tiles, groups.tile_count};
            groups.tile_count += tiles;
            for (const std::int32_t pair : of_expert[e]) {
                sorted.push_back(pair);
                expert_of_row.push_back(e);
            }
        }
        pairs = DeviceVector<std::int32_t>(sorted);
        list = DeviceVector<GroupList>(std::vector<GroupList>{groups});
    }
    std::vector<std::int32_t> sorted, expert_of_row;
    DeviceVector<std::int32_t> pairs{std::size_t{0}};
    DeviceVector<GroupList> list{std::size_t{0}};
};

TEST_P(ExpertPaths, GroupedSwigluAndExpertOutput) {
    constexpr std::int32_t kExperts = 8, kHidden = 192, kWidth = 320, kRows = 150;
    const bool published = is_streamed_in_tiles(kernel);  // columns, which it takes for granted
    const std::int32_t input_columns = published ? 2880 : kHidden, hidden_columns = published ? 2880 : kWidth;
    // wgmma and whole tiles have tiles of two sizes.
    std::vector<std::int32_t> tiles{plan_with(kernel, kRows, 16, kExperts, device).tile_tokens};
    if (kernel == MatrixKernel::wgmma) tiles = {kFewTileTokens, kMaxTileTokens};
    if (kernel == MatrixKernel::streamed_tiles) tiles = {8, kTileStreamTokens};
    if (kernel == MatrixKernel::streamed_small) tiles.push_back(6);  // in 99 KB
    for (const WeightFormat type : kTypes) {
        if (is_streamed(kernel) && type != WeightFormat::mxfp4) continue;
        const RandomMatrix gate_up(type, kExperts * 2 * kWidth, input_columns, 1),
            down(type, kExperts * kHidden, hidden_columns, 2);
        const ActivationOrder order = activation_order(type);
        const Activations input(kRows, input_columns, order, 3);
        const Activations hidden(kRows * kExpertsPerToken, hidden_columns, order, 4);
        const std::vector<float> gate_up_bias = random_floats(kExperts * 2 * kWidth, 1.0F, 5);
        const std::vector<float> down_bias = random_floats(kExperts * kHidden, 1.0F, 6);
        std::vector<float> weights = random_floats(kRows * kExpertsPerToken, 1.0F, 7);
        const DeviceVector<float> device_gate_up_bias(gate_up_bias), device_down_bias(down_bias),
            routing_weights(weights);
        for (const std::int32_t tile_tokens : tiles) {
            const HandRouting routing(kRows, kExperts, tile_tokens);
            const DeviceVector<__half> activations(std::size_t{kRows} * kExpertsPerToken * kWidth);
            GemmProblem problem;
            problem.weights = gate_up.matrix;
            problem.experts = kExperts;
            problem.activations = input.device.get();
            problem.source_rows = routing.pairs.get();
            problem.source_divisor = kExpertsPerToken;
            problem.groups = routing.list.get();
            problem.row_count = kRows * kExpertsPerToken;
            problem.epilogue.kind = Epilogue::swiglu;
            problem.epilogue.bias = device_gate_up_bias.get();
            problem.epilogue.activations = activations.get();
            problem.epilogue.order = order;
            run(problem, tile_tokens);
            const std::vector<__half> found_activations = activations.read();

            const DeviceVector<__half> outputs(std::size_t{kRows} * kExpertsPerToken * kHidden);
            problem.groups_are_settled = true;
            problem.weights = down.matrix;
            problem.activations = hidden.device.get();
            problem.source_rows = nullptr;
            problem.epilogue = {};
            problem.epilogue.kind = Epilogue::expert_output;
            problem.epilogue.bias = device_down_bias.get();
            problem.epilogue.expert_outputs = outputs.get();
            problem.epilogue.pairs = routing.pairs.get();
            problem.epilogue.routing_weights = routing_weights.get();
            run(problem, tile_tokens);
            const std::vector<__half> found_outputs = outputs.read();

            std::vector<double> swiglu, swiglu_found, output, output_found;
            for (std::int32_t row = 0; row < kRows * kExpertsPerToken; ++row) {
                const std::int32_t pair = routing.sorted[row], e = routing.expert_of_row[row];
                for (std::int32_t r = 0; r < kWidth; ++r) {
                    const std::int32_t first = e * 2 * kWidth + 2 * r;
                    const double gate = std::min(
                        dot(gate_up, first, input, pair / kExpertsPerToken) + gate_up_bias[first], 7.0);
                    const double up = std::clamp(
                        dot(gate_up, first + 1, input, pair / kExpertsPerToken) + gate_up_bias[first + 1],
                        -7.0, 7.0);
                    swiglu.push_back(gate / (1.0 + std::exp(-double{1.702F} * gate)) * (up + 1.0));
                    swiglu_found.push_back(
                        __half2float(found_activations[std::size_t(row) * kWidth + stored_column(order, r)]));
                }
                for (std::int32_t r = 0; r < kHidden; ++r) {
                    output.push_back((dot(down, e * kHidden + r, hidden, row) + down_bias[e * kHidden + r]) *
                                     weights[pair]);
                    output_found.push_back(__half2float(found_outputs[std::size_t(pair) * kHidden + r]) /
                                           kExpertOutputScale);
                }
            }
            EXPECT_LT(relative_error(swiglu, swiglu_found), kHalfRounding)
                << name(type) << ' ' << name_of(kernel) << ", tiles of " << tile_tokens;
            EXPECT_LT(relative_error(output, output_found), kHalfRounding)
                << name(type) << ' ' << name_of(kernel) << ", tiles of " << tile_tokens;
        }
    }
}

}  // namespace
}  // namespace gptoss::backend::cuda::test
