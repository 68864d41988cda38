// The whole prompt path on the golden model: whole prompts, chunks, and several sequences in one batch must
// give the logits of an independent float32 implementation.
#include "backend/cuda/batched_forward.h"

#include "backend/cuda/batched_support.h"
#include "backend/cuda/load_to_device.h"
#include "backend/oracle.h"
#include "model/rope.h"

namespace gptoss::backend::cuda::test {
namespace {

class BatchedForwardTest : public backend::test::GpuTest {};

constexpr std::int32_t kBlocks = 64, kSlots = 4, kMostRows = 1024;

struct Model {
    explicit Model(const model::KvTypes& types, const KernelChoice& kernels = {})
        : loaded(backend::test::load_oracle_model()) {
        device.weights = load_to_device(loaded.weights, 2, {});
        device.weights.kernels = kernels;
        const model::Hyperparameters& shape = device.weights.shape;
        const auto pool = [&](std::int32_t layers, model::KvType type) {
            KvPool p{nullptr, type, layers, kBlocks, shape.kv_heads, shape.head_size};
            const std::int64_t bytes = p.layer_elements() * layers * model::kv_element_bytes(type);
            memory.push_back(allocate_device(bytes));
            p.data = memory.back().get();
            cuda_check(cudaMemset(p.data, 0, static_cast<std::size_t>(bytes)));
            return p;
        };
        device.full = pool(shape.full_layers(), types.full);
        device.sliding = pool(shape.sliding_layers(), types.sliding);
        std::vector<std::int32_t> table(kBlocks);  // slot s owns 16 blocks, scattered
        for (std::int32_t i = 0; i < kBlocks; ++i) table[i] = i * 29 % kBlocks;
        tables = DeviceVector<std::int32_t>(table);
        device.tables = {tables.get(), tables.get(), kBlocks / kSlots};
        const model::RopeTable rope = model::rope_table(shape);
        std::copy(rope.inverse_frequencies.begin(), rope.inverse_frequencies.end(),
                  device.frequencies.inverse);
        device.frequencies.attention_factor = rope.attention_factor;
        logits = DeviceVector<float>(std::size_t{kMostRows} * shape.vocabulary);
        last_tokens = DeviceVector<std::int32_t>(std::size_t{kSlots});
        forward = std::make_unique<BatchedForward>(device, last_tokens.get(), logits.get(), shape.vocabulary,
                                                   kMostRows);
    }

    backend::test::LoadedModel loaded;
    DeviceModel device;
    std::vector<DeviceMemory> memory;
    DeviceVector<std::int32_t> tables{std::size_t{0}}, last_tokens{std::size_t{0}};
    DeviceVector<float> logits{std::size_t{0}};
    std::unique_ptr<BatchedForward> forward;
};

// Rows `first` .. `last` of a case as a segment of `slot`; the case's last rows want logits.
void append(std::vector<RowInput>& rows, const backend::test::OracleCase& oracle, std::int32_t slot,
            std::int32_t first, std::int32_t last) {
    const auto length = static_cast<std::int32_t>(oracle.tokens.size());
    std::int32_t wanted = 0;
    for (const RowInput& row : rows) wanted = std::max(wanted, row.logits_index + 1);
    for (std::int32_t i = first; i < last; ++i)
        rows.push_back(RowInput{oracle.tokens[i], i, slot, first, i >= length - oracle.rows ? wanted++ : -1});
}

double error_of(const Model& model, const backend::test::OracleCase& oracle, std::size_t first_index) {
    const std::vector<float> found = model.logits.read();
    const std::size_t vocabulary = model.device.weights.shape.vocabulary;
    return backend::test::relative_error(
        std::span(found).subspan(first_index * vocabulary, oracle.logits.size()), oracle.logits);
}

TEST_F(BatchedForwardTest, WholePromptsMatchTheOracle) {
    for (const auto& [types, allowed] : {std::pair{model::KvTypes(model::KvType::bf16), 3e-2},
                                         {model::KvType::f16, 2e-3},
                                         {model::KvType::f8, 2e-1},
                                         {model::kF8OnFullLayers, 2e-1}}) {
        Model model(types);
        std::vector<double> errors;
        for (const int length : {40, 200, 600}) {
            const auto oracle = backend::test::oracle_case(length);
            std::vector<RowInput> rows;
            append(rows, oracle, 1, 0, length);
            model.forward->run(rows, nullptr);
            const double error = error_of(model, oracle, 0);
            std::printf("[ measured ] %d tokens, %s cache: %.2e from the oracle\n", length,
                        model::name_of(types), error);
            errors.push_back(error);
        }
        backend::test::expect_close_but_for_ties(errors, allowed);
    }
}

TEST_F(BatchedForwardTest, ChunksAndMixedBatchesGiveTheSame) {
    Model model(model::KvType::f16);
    const auto a = backend::test::oracle_case(600), b = backend::test::oracle_case(200),
               c = backend::test::oracle_case(40);
    std::vector<RowInput> first, second, third;
    append(first, a, 0, 0, 100);
    append(first, b, 2, 0, 190);
    model.forward->run(first, nullptr);
    append(second, b, 2, 190, 200);
    append(second, a, 0, 100, 333);
    model.forward->run(second, nullptr);
    const double error_of_b = error_of(model, b, 0);
    append(third, c, 3, 0, 40);
    append(third, a, 0, 333, 600);
    model.forward->run(third, nullptr);
    backend::test::expect_close_but_for_ties({error_of_b, error_of(model, c, 0), error_of(model, a, 8)},
                                             2e-3);
}

// "The same seed, the same tokens" begins here: no sum may depend on which block of threads came first.
TEST_F(BatchedForwardTest, TheSamePromptGivesTheSameBits) {
    Model model(model::KvType::bf16);
    const auto oracle = backend::test::oracle_case(600);
    std::vector<RowInput> rows;
    append(rows, oracle, 1, 0, 600);
    model.forward->run(rows, nullptr);
    const std::vector<float> first = model.logits.read();
    const auto wanted = first.begin() + static_cast<std::ptrdiff_t>(oracle.logits.size());
    for (int again = 0; again < 5; ++again) {
        model.forward->run(rows, nullptr);
        const std::vector<float> found = model.logits.read();
        EXPECT_TRUE(std::equal(first.begin(), wanted, found.begin())) << "run " << again;
    }
}

// The dense weights are unpacked into memory that other operations of the step use too.
TEST_F(BatchedForwardTest, UnpackedDenseWeightsGiveTheSameBits) {
    const DeviceTraits device = current_device_traits();
    if (!device.has_wgmma()) GTEST_SKIP() << "wgmma is Hopper's alone";
    const auto oracle = backend::test::oracle_case(600);
    std::vector<RowInput> rows;
    append(rows, oracle, 1, 0, 600);
    std::vector<std::vector<float>> found;
    ASSERT_LT(oracle.rows, 100);  // so lm_head, which is never unpacked, has one kernel for both
    for (const std::string kernel : {"wgmma", "wgmma_unpacked"}) {
        const Model model(model::KvType::bf16, {{}, {{"dense/" + kernel, 100, kMostRows}}});
        PlanOptions options = plan_options_of(model.device.weights);
        options.unpacked_room = BatchedForward::unpacked_room(options.shape, kMostRows);
        const ExecutionPlan plan = make_batched_plan({600, 600, oracle.rows}, device, options);
        EXPECT_EQ(name_of(plan.qkv.kernel), kernel);
        EXPECT_EQ(name_of(plan.output.kernel), kernel);
        model.forward->run(rows, nullptr);
        found.push_back(model.logits.read());
        found.back().resize(oracle.logits.size());
    }
    EXPECT_EQ(found[0], found[1]);
}

TEST_F(BatchedForwardTest, TheClockNamesEveryOperation) {
    Model model(model::KvType::f16);
    const auto oracle = backend::test::oracle_case(40);
    std::vector<RowInput> rows;
    append(rows, oracle, 1, 0, 40);
    OperationClock clock(nullptr);
    model.forward->set_clock(&clock);
    model.forward->run(rows, nullptr);
    model.forward->set_clock(nullptr);
    std::vector<OperationTime> times;
    clock.add_to(times);
    const model::Hyperparameters& shape = model.device.weights.shape;
    std::int32_t calls = 0;
    for (const OperationTime& time : times) {
        calls += time.calls;
        EXPECT_GT(time.seconds, 0) << time.name;
        const std::int32_t layers = time.name == "attention, full" ? shape.full_layers() : shape.layers;
        if (time.name == "attention, full" || time.name == "gate, up") {
            EXPECT_EQ(time.calls, layers) << time.name;
        }
    }
    EXPECT_EQ(calls, 2 + 7 * shape.layers);  // and embedding and head
    EXPECT_LT(error_of(model, oracle, 0), 2e-3);
}

}  // namespace
}  // namespace gptoss::backend::cuda::test
