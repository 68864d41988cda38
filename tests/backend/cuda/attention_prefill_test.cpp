// Attention of many rows against a slow reference in double: prefixes, several segments, windows, shared key
// heads, every type of cache, blocks in scattered order.
#include "backend/cuda/attention_prefill.h"

#include <cuda_bf16.h>
#include <cuda_fp8.h>

#include <algorithm>

#include "backend/cuda/batched_support.h"

namespace gptoss::backend::cuda::test {
namespace {

using PrefillAttentionTest = MatrixPathTest;
INSTANTIATE_TEST_SUITE_P(Instructions, PrefillAttentionTest, kMatrixPaths, name_of_path);

constexpr int kHead = 64;

// Rounds to the cache's type and back; `bytes` gets the element.
float rounded(float value, model::KvType type, std::byte* bytes) {
    if (type == model::KvType::f8) {
        const __nv_fp8_storage_t stored = __nv_cvt_float_to_fp8(value, __NV_SATFINITE, __NV_E4M3);
        *bytes = static_cast<std::byte>(stored);
        return __half2float(__half(__nv_cvt_fp8_to_halfraw(stored, __NV_E4M3)));
    }
    const std::uint16_t bits = type == model::KvType::bf16 ? __bfloat16_as_ushort(__float2bfloat16(value))
                                                           : __half_as_ushort(__float2half(value));
    std::memcpy(bytes, &bits, 2);
    return type == model::KvType::bf16 ? __bfloat162float(__ushort_as_bfloat16(bits))
                                       : __half2float(__ushort_as_half(bits));
}

struct Shape {
    std::int32_t query_heads, kv_heads, window;
    model::KvType type;
    // slot, first_row, row_count, first_position; those of a slot follow each other
    std::vector<PrefillSegment> segments;
    float query_size = 1.5F, sink_size = 2.0F;
};

struct Outputs {
    std::vector<__half> stored;
    std::vector<double> reference, found;
};

// Whose kernel: a prompt's, or that of few or many rows that are alone, or of many on a card with 99 KB.
enum class Rows : std::uint8_t { prompt, lone, streamed_lone, many_lone, many_lone_small };

// Twice: semaphores are left as they were found.
void launch_lone(const PrefillAttention& a, const Shape& shape, Rows kind) {
    const auto rows = static_cast<std::int32_t>(shape.segments.size());
    const DeviceVector<float> partials(
        static_cast<std::size_t>(std::max(kLoneRowFloats, kManyLoneRowFloats)));
    const DeviceVector<std::int32_t> semaphores(
        std::vector<std::int32_t>(std::max(kMostLoneWorkers, rows * shape.kv_heads), 0));
    std::vector<RowInput> inputs;
    std::vector<LoneRow> list;
    for (const PrefillSegment& s : shape.segments) {
        inputs.push_back({0, s.first_position, s.slot, s.first_position, -1});
        list.push_back({s.first_row, s.slot, s.first_position});
    }
    std::ranges::reverse(list);  // in any order
    std::vector<std::int32_t> numbers;
    for (const LoneRow& row : list) numbers.push_back(row.row);
    DeviceTraits device = current_device_traits();
    if (kind == Rows::many_lone_small) device.shared_bytes_per_block = 99 * 1024;
    std::vector<LoneRowShare> work(static_cast<std::size_t>(count_lone_workers(device)));
    const LoneRowShares shares = share_lone_rows(list, shape.window, shape.kv_heads, work);
    const DeviceVector<RowInput> d_inputs(inputs);
    const DeviceVector<LoneRow> d_list(list);
    const DeviceVector<std::int32_t> d_numbers(numbers);
    const DeviceVector<LoneRowShare> d_work(work);
    for (int again = 0; again < 2; ++again) {
        if (kind == Rows::many_lone || kind == Rows::many_lone_small)
            launch_many_lone_rows_attention(
                a, {d_list.get(), rows, d_work.get(), shares, partials.get(), semaphores.get()}, device,
                nullptr);
        else
            launch_lone_row_attention(
                a, {d_inputs.get(), d_numbers.get(), rows, partials.get(), semaphores.get()},
                {shape.window > 0 ? 1 : std::min(kMaxKvSplits, kLoneRowBlocks / (rows * shape.kv_heads)),
                 kind == Rows::streamed_lone},
                nullptr);
    }
    cuda_check(cudaDeviceSynchronize());
}

// `refers`: computes the reference too.
Outputs outputs_of(Shape shape, MatrixKernel kernel, Rows kind = Rows::prompt, bool refers = true) {
    const std::int32_t group = shape.query_heads / shape.kv_heads;
    const int element_bytes = shape.type == model::KvType::f8 ? 1 : 2;
    std::int32_t rows = 0, blocks = 0, stride = 0, slots = 0;
    std::vector<PrefillSegment> sequences;  // a slot's segments as one
    for (PrefillSegment& s : shape.segments) {
        s.first_row = rows;
        rows += s.row_count;
        if (sequences.empty() || sequences.back().slot != s.slot)
            sequences.push_back(s);
        else
            sequences.back().row_count += s.row_count;
    }
    for (const PrefillSegment& s : sequences) {
        const std::int32_t used = (s.first_position + s.row_count + 63) / 64;
        blocks += used;
        stride = std::max(stride, used);
        slots = std::max(slots, s.slot + 1);
    }
    // Blocks in an order that is not the positions': 37 is prime to every count used here.
    std::vector<std::int32_t> tables(static_cast<std::size_t>(slots * stride), -1);
    std::int32_t next = 0;
    for (const PrefillSegment& s : sequences) {
        for (std::int32_t b = 0; b < (s.first_position + s.row_count + 63) / 64; ++b) {
            const bool needed = shape.window == 0 || (b + 1) * 64 > s.first_position - shape.window + 1;
            if (needed) tables[s.slot * stride + b] = next * 37 % blocks;
            ++next;
        }
    }
    KvPool pool{nullptr, shape.type, 2, blocks, shape.kv_heads, kHead};
    const std::int64_t elements = pool.layer_elements() * 2;
    std::vector<std::byte> cache(static_cast<std::size_t>(elements * element_bytes));
    std::vector<float> cached(static_cast<std::size_t>(elements));
    const std::vector<float> random = random_floats(static_cast<std::size_t>(elements), 1.0F, 1);
    for (std::int64_t i = 0; i < elements; ++i)
        cached[i] = rounded(random[i], shape.type, cache.data() + i * element_bytes);

    const model::KvType query_type =
        shape.type == model::KvType::bf16 ? model::KvType::bf16 : model::KvType::f16;
    std::vector<float> queries =
        random_floats(static_cast<std::size_t>(rows * shape.query_heads * kHead), shape.query_size, 2);
    std::vector<std::uint16_t> query_bits(queries.size());
    for (std::size_t i = 0; i < queries.size(); ++i)
        queries[i] = rounded(queries[i], query_type, reinterpret_cast<std::byte*>(&query_bits[i]));
    const std::vector<float> sinks = random_floats(shape.query_heads, shape.sink_size, 3);

    const DeviceVector<std::byte> d_cache(cache);
    const DeviceVector<std::uint16_t> d_queries(query_bits);
    const DeviceVector<float> d_sinks(sinks);
    const DeviceVector<std::int32_t> d_tables(tables);
    const DeviceVector<PrefillSegment> d_segments(shape.segments);
    const DeviceVector<__half> output(queries.size());
    pool.data = d_cache.get();
    PrefillAttention a;
    a.segments = d_segments.get();
    a.segment_count = static_cast<std::int32_t>(shape.segments.size());
    a.row_count = rows;
    a.queries = d_queries.get();
    a.query_heads = shape.query_heads;
    a.pool = pool;
    a.pool_layer = 1;
    a.tables = d_tables.get();
    a.table_stride = stride;
    a.window = shape.window;
    a.sinks = d_sinks.get();
    a.output = output.get();
    if (kind != Rows::prompt) {
        launch_lone(a, shape, kind);
    } else {
        launch_prefill_attention(a, kernel == MatrixKernel::wgmma, nullptr);
    }
    Outputs outputs;
    outputs.stored = output.read();
    if (!refers) return outputs;
    for (const PrefillSegment& s : shape.segments) {
        for (std::int32_t i = 0; i < s.row_count; ++i) {
            const std::int32_t position = s.first_position + i, row = s.first_row + i;
            const std::int32_t first = shape.window > 0 ? std::max(0, position - shape.window + 1) : 0;
            for (std::int32_t head = 0; head < shape.query_heads; ++head) {
                const float* query = &queries[(row * shape.query_heads + head) * kHead];
                const auto tile = [&](std::int32_t key, bool values) {
                    return &cached[pool.layer_elements() +
                                   tables[s.slot * stride + key / 64] * pool.block_elements() +
                                   ((values ? shape.kv_heads : 0) + head / group) * pool.tile_elements() +
                                   key % 64 * kHead];
                };
                double total = std::exp(double{sinks[head]}), sums[kHead] = {};
                for (std::int32_t key = first; key <= position; ++key) {
                    double score = 0;
                    for (int d = 0; d < kHead; ++d) score += double{query[d]} * tile(key, false)[d];
                    const double p = std::exp(score / 8);
                    total += p;
                    for (int d = 0; d < kHead; ++d) sums[d] += p * tile(key, true)[d];
                }
                for (int d = 0; d < kHead; ++d) {
                    outputs.reference.push_back(sums[d] / total);
                    outputs.found.push_back(
                        __half2float(outputs.stored[std::size_t(row * shape.query_heads + head) * kHead +
                                                    stored_column(ActivationOrder::sequential, d)]));
                }
            }
        }
    }
    return outputs;
}

double error_of(const Shape& shape, MatrixKernel kernel, Rows kind = Rows::prompt) {
    const Outputs outputs = outputs_of(shape, kernel, kind);
    return relative_error(outputs.reference, outputs.found);
}

// Probabilities are rounded to the cache's type before they meet the values.
double tolerance(model::KvType type) {
    return type == model::KvType::bf16 ? 3e-3 : 6e-4;
}

TEST_P(PrefillAttentionTest, EveryCacheType) {
    for (const model::KvType type : {model::KvType::bf16, model::KvType::f16, model::KvType::f8})
        for (const std::int32_t window : {0, 128})
            EXPECT_LT(error_of({16, 2, window, type, {{0, 0, 130, 0}}}, kernel), tolerance(type)) << window;
}

TEST_P(PrefillAttentionTest, PrefixesAndSegments) {
    for (const std::int32_t window : {0, 128})
        for (const std::int32_t heads : {8, 4, 2, 1})
            EXPECT_LT(error_of({heads * 2,
                                2,
                                window,
                                model::KvType::bf16,
                                {{2, 0, 1, 0}, {0, 0, 77, 1000}, {3, 0, 33, 63}, {1, 0, 1, 700}}},
                               kernel),
                      tolerance(model::KvType::bf16))
                << heads << " heads a group, window " << window;
}

TEST_P(PrefillAttentionTest, OneRow) {
    for (const std::int32_t position : {0, 1, 63, 64, 127, 128, 129, 500})
        for (const std::int32_t window : {0, 128})
            EXPECT_LT(error_of({8, 1, window, model::KvType::f16, {{0, 0, 1, position}}}, kernel),
                      tolerance(model::KvType::f16))
                << position << ' ' << window;
}

// The largest score grows from block to block, by far; sinks above and below all scores.
TEST_P(PrefillAttentionTest, LargeScoresAndSinks) {
    for (const model::KvType type : {model::KvType::bf16, model::KvType::f16})
        for (const float query_size : {1.5F, 12.0F})
            for (const float sink_size : {2.0F, 60.0F})
                EXPECT_LT(error_of({16, 2, 0, type, {{0, 0, 70, 900}}, query_size, sink_size}, kernel),
                          tolerance(type))
                    << "queries " << query_size << ", sinks " << sink_size;
}

TEST_P(PrefillAttentionTest, BitsDoNotDependOnTheChunk) {
    for (const model::KvType type : {model::KvType::bf16, model::KvType::f16, model::KvType::f8}) {
        for (const std::int32_t window : {0, 128}) {
            for (const float query_size : {1.5F, 12.0F}) {
                const std::vector<PrefillSegment> one = {{0, 0, 300, 900}}, four = {{0, 0, 1, 900},
                                                                                    {0, 0, 62, 901},
                                                                                    {0, 0, 137, 963},
                                                                                    {0, 0, 100, 1100}};
                const Outputs whole = outputs_of({16, 2, window, type, one, query_size}, kernel, Rows::prompt,
                                                 false),
                              chunks = outputs_of({16, 2, window, type, four, query_size}, kernel,
                                                  Rows::prompt, false);
                EXPECT_EQ(std::memcmp(whole.stored.data(), chunks.stored.data(),
                                      whole.stored.size() * sizeof(__half)),
                          0)
                    << "window " << window << ", queries " << query_size;
            }
        }
    }
}

// More segments than a warp asks about at a time.
TEST_P(PrefillAttentionTest, ManySegments) {
    std::vector<PrefillSegment> segments;
    for (std::int32_t i = 0; i < 80; ++i) segments.push_back({i, 0, 1 + i % 3 * 20, i * 5 % 90});
    EXPECT_LT(error_of({16, 2, 0, model::KvType::bf16, segments}, kernel), tolerance(model::KvType::bf16));
}

class SingleRowAttention : public backend::test::GpuTest, public testing::WithParamInterface<Rows> {
  protected:
    void SetUp() override {
        GpuTest::SetUp();
        if (IsSkipped()) return;
        prepare_lone_row_attention();
        prepare_many_lone_rows_attention();
    }
};
INSTANTIATE_TEST_SUITE_P(Rows, SingleRowAttention,
                         testing::Values(Rows::lone, Rows::streamed_lone, Rows::many_lone,
                                         Rows::many_lone_small),
                         [](const auto& given) {
                             return given.param == Rows::lone            ? "few"
                                    : given.param == Rows::streamed_lone ? "streamed"
                                    : given.param == Rows::many_lone     ? "many"
                                                                         : "many_small";
                         });

TEST_P(SingleRowAttention, MatchesTheReference) {
    std::vector<PrefillSegment> segments;
    for (const std::int32_t position : {0, 1, 63, 64, 127, 128, 129, 500, 1500})
        segments.push_back({static_cast<std::int32_t>(segments.size()), 0, 1, position});
    for (const model::KvType type : {model::KvType::bf16, model::KvType::f16, model::KvType::f8})
        for (const std::int32_t window : {0, 128})
            for (const std::int32_t heads : {8, 3, 1})
                EXPECT_LT(error_of({heads * 2, 2, window, type, segments}, MatrixKernel::mma, GetParam()),
                          tolerance(type))
                    << heads << " heads a group, window " << window;
}

// More rows than a warp has, and a row whose keys all warps share.
TEST_P(SingleRowAttention, RowsOfVeryDifferentLengths) {
    std::vector<PrefillSegment> many, uneven;
    for (std::int32_t i = 0; i < 100; ++i) many.push_back({i, 0, 1, i * 7919 % 300});
    for (std::int32_t i = 0; i < 10; ++i) uneven.push_back({i, 0, 1, i == 4 ? 9000 : i * 29});
    for (const auto& segments : {many, uneven})
        for (const model::KvType type : {model::KvType::bf16, model::KvType::f8})
            for (const std::int32_t window : {0, 128})
                EXPECT_LT(error_of({4, 2, window, type, segments}, MatrixKernel::mma, GetParam()),
                          tolerance(type))
                    << segments.size() << " rows, window " << window;
}

TEST_P(SingleRowAttention, LargeScoresAndSinks) {
    for (const model::KvType type : {model::KvType::bf16, model::KvType::f16})
        for (const float sink_size : {2.0F, 60.0F})
            EXPECT_LT(error_of({16, 2, 0, type, {{0, 0, 1, 3000}, {1, 0, 1, 70}}, 12.0F, sink_size},
                               MatrixKernel::mma, GetParam()),
                      tolerance(type))
                << "sinks " << sink_size;
}

}  // namespace
}  // namespace gptoss::backend::cuda::test
