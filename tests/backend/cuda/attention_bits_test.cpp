// Attention in order: a row has the same bits as one of many in a prompt, by mma.sync and by wgmma, as a lone row whose
// keys many blocks of threads share, as one of few whose scores are made where they are weighted, and as one of many, which
// a warp goes through alone.
#include <algorithm>
#include <cstring>

#include "backend/cuda/batched_support.h"

namespace gptoss::backend::cuda::test {
namespace {

constexpr std::int32_t kQueryHeadsInOrder = 16, kKvHeadsInOrder = 2, kRowsInOrder = 70, kFewRowsInOrder = 8;

class AttentionInOrder : public backend::test::GpuTest {
  protected:
    void SetUp() override {
        GpuTest::SetUp();
        if (IsSkipped()) return;
        prepare_prefill_attention();
        prepare_lone_row_chain_attention();
    }
};

// Finite numbers of any type: the top bits of the exponent are taken away.
std::vector<std::uint16_t> random_bits(std::size_t count, model::KvType type, unsigned seed,
                                       float size = 1.5F) {
    std::mt19937 random(seed);
    std::vector<std::uint16_t> bits(count);
    for (std::size_t i = 0; i < count; ++i) {
        const float value = std::normal_distribution<float>(0, size)(random);
        std::uint32_t word = 0;
        std::memcpy(&word, &value, 4);
        bits[i] = type == model::KvType::bf16 ? static_cast<std::uint16_t>(word >> 16)
                  : type == model::KvType::f16
                      ? __half_as_ushort(__float2half(value))
                      : static_cast<std::uint16_t>(random() & 0xB7B7U);  // two e4m3 below 2
    }
    return bits;
}

TEST_F(AttentionInOrder, LoneRowsHaveThePromptsBits) {
    for (const model::KvType type : {model::KvType::bf16, model::KvType::f16, model::KvType::f8})
        for (const std::int32_t window : {0, 128})
            for (const auto& [first, query_size] :
                 {std::pair{0, 1.5F}, {50, 1.5F}, {700, 1.5F}, {700, 12.0F}, {9000, 1.5F}, {9000, 5.0F}}) {
                const std::int32_t blocks = (first + kRowsInOrder + 63) / 64;
                KvPool pool{nullptr, type, 1, blocks, kKvHeadsInOrder, kHeadSize};
                const auto words =
                    static_cast<std::size_t>(pool.layer_elements() * model::kv_element_bytes(type) / 2);
                const DeviceVector<std::uint16_t> cache(random_bits(words, type, 1));
                pool.data = reinterpret_cast<std::byte*>(cache.get());
                const DeviceVector<std::uint16_t> queries(
                    random_bits(std::size_t{kRowsInOrder} * kQueryHeadsInOrder * kHeadSize,
                                type == model::KvType::bf16 ? type : model::KvType::f16, 2, query_size));
                const DeviceVector<float> sinks(random_floats(kQueryHeadsInOrder, 2.0F, 3));
                std::vector<std::int32_t> table, rows;
                for (std::int32_t i = 0; i < blocks; ++i) table.push_back(blocks - 1 - i);
                std::vector<RowInput> inputs;
                for (std::int32_t i = 0; i < kRowsInOrder; ++i) {
                    inputs.push_back({0, first + i, 0, first + i, -1});
                    rows.push_back(kRowsInOrder - 1 - i);
                }
                const DeviceVector<std::int32_t> device_table(table), device_rows(rows);
                const DeviceVector<RowInput> device_inputs(inputs);
                const DeviceVector<PrefillSegment> segments(
                    std::vector<PrefillSegment>{{0, 0, kRowsInOrder, first}});
                const DeviceVector<float> workspace(
                    static_cast<std::size_t>(kLoneChainFloats * kRowsInOrder * kKvHeadsInOrder * blocks));
                const auto outputs = [&](const auto& launch) {
                    const DeviceVector<std::uint16_t> output(std::size_t{kRowsInOrder} * kQueryHeadsInOrder *
                                                             kHeadSize);
                    PrefillAttention a;
                    a.segments = segments.get();
                    a.segment_count = 1;
                    a.row_count = kRowsInOrder;
                    a.queries = queries.get();
                    a.query_heads = kQueryHeadsInOrder;
                    a.pool = pool;
                    a.tables = device_table.get();
                    a.table_stride = blocks;
                    a.window = window;
                    a.sinks = sinks.get();
                    a.output = reinterpret_cast<__half*>(output.get());
                    launch(a);
                    return output.read();
                };
                const std::int32_t most_blocks = window > 0 ? std::min(blocks, 3) : blocks;
                const auto lone = outputs([&](const PrefillAttention& a) {
                    launch_lone_row_chain_attention(
                        a,
                        {device_inputs.get(), device_rows.get(), kRowsInOrder, most_blocks, workspace.get()},
                        nullptr);
                });
                const auto few = outputs([&](const PrefillAttention& a) {
                    for (std::int32_t i = 0; i < kRowsInOrder; i += kFewRowsInOrder)
                        launch_lone_row_chain_attention(
                            a,
                            {device_inputs.get(), device_rows.get() + i,
                             std::min(kFewRowsInOrder, kRowsInOrder - i), most_blocks, workspace.get(),
                             current_device_traits().shared_bytes_per_block},
                            nullptr);
                });
                const std::int32_t shared_bytes = current_device_traits().shared_bytes_per_block;
                const auto many = outputs([&](const PrefillAttention& a) {
                    // On a card without room for it, the scores go to the workspace.
                    launch_lone_row_chain_attention(a,
                                                    {device_inputs.get(), device_rows.get(), kRowsInOrder,
                                                     most_blocks, workspace.get(), shared_bytes},
                                                    nullptr);
                });
                const auto prompt =
                    outputs([&](const PrefillAttention& a) { launch_prefill_attention(a, false, nullptr); });
                const auto warpgroups = outputs([&](const PrefillAttention& a) {
                    launch_prefill_attention(a, current_device_traits().has_wgmma(), nullptr);
                });
                const auto expect_prompts = [&, from = first, size = query_size](
                                                const std::vector<std::uint16_t>& others, const char* whose) {
                    int different = 0;
                    for (std::size_t i = 0; i < prompt.size(); ++i) different += prompt[i] != others[i];
                    EXPECT_EQ(different, 0) << whose << ": " << model::name_of(type) << " cache, window "
                                            << window << ", from " << from << ", queries " << size;
                };
                expect_prompts(lone, "lone rows");
                expect_prompts(few, "few lone rows");
                expect_prompts(many, "many lone rows");
                expect_prompts(warpgroups, "wgmma");
            }
}

}  // namespace
}  // namespace gptoss::backend::cuda::test
