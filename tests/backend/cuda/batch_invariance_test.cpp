// The same bits, whatever the batch (docs/numerics.md): with KernelChoice::batch_invariant every logit of a row and
// every token drawn from it are those of the same row computed alone, in a batch of any size, in any chunking of
// its prompt, and in one prompt over everything.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <string_view>

#include "backend/cuda/gpu.h"
#include "backend/oracle.h"

namespace gptoss::backend::test {
namespace {

constexpr std::int32_t kContext = 1100;  // more rows in one step than the router takes at a time
constexpr std::int32_t kSlots = 512;

// What a row came to: its logits' bits, hashed, and the token drawn from them.
struct Outcome {
    std::size_t logits = 0;
    TokenId token = 0;
    float logprob = 0, second_logprob = 0;
    bool operator==(const Outcome&) const = default;
};

struct Text {
    std::vector<TokenId> tokens;
    std::vector<Outcome> alone;  // of every position
};

// Where a sequence is in which text.
struct Place {
    std::size_t text = 0;
    std::int32_t position = 0;
};

class Model {
  public:
    explicit Model(const model::Hyperparameters& shape) : shape_(shape) {}
    explicit Model(const std::string& file)
        : loaded_(std::make_unique<LoadedModel>(std::filesystem::path(GPTOSS_SOURCE_DIR) / file)),
          shape_(loaded_->weights.hyperparameters) {}

    // Room for `slots` sequences of a whole context.
    void make(bool batch_invariant, std::int32_t slots, const model::KvTypes& kv_types) {
        backend_.reset();
        BackendOptions options;
        model::PlanRequest request;
        request.context_length = kContext;
        request.cache_tokens = std::int64_t{kContext + model::kBlockTokens} * slots;
        request.max_sequences = kSlots;
        request.max_batch_tokens = 1536;
        request.kv_types = kv_types;
        options.plan = model::plan(shape_, request, 0, 0, 0);
        options.kernels.batch_invariant = batch_invariant;
        backend_ = loaded_ ? make_cuda_backend(loaded_->weights, options)
                           : make_synthetic_cuda_backend(shape_, options, 7);
        runner_ = std::make_unique<SequenceRunner>(*backend_, options.plan, shape_.sliding_window);
        EXPECT_EQ(backend_->info().batch_invariant, batch_invariant);
    }

    SequenceRunner& runner() { return *runner_; }
    const model::Hyperparameters& shape() const { return shape_; }

    // The outcomes of some of the last step's logits rows; row i is the place `places[i]`.
    std::vector<Outcome> outcomes(const std::vector<Place>& places, const std::vector<std::int32_t>& rows) {
        std::vector<SampleRow> samples;
        for (const std::int32_t row : rows) {
            SampleRow sample;
            sample.logits_index = row;
            sample.slot = static_cast<std::int32_t>(samples.size());  // its last token is not fed
            sample.parameters.seed = 1 + places[static_cast<std::size_t>(row)].text;
            sample.parameters.top_p = 0.9F;
            sample.parameters.top_logprobs = 2;
            sample.step = static_cast<std::uint64_t>(places[static_cast<std::size_t>(row)].position);
            samples.push_back(sample);
        }
        const std::span<const SampledToken> drawn = backend_->wait(backend_->sample(samples));
        std::vector<Outcome> all;
        std::vector<float> logits(static_cast<std::size_t>(shape_.vocabulary));
        for (std::size_t i = 0; i < rows.size(); ++i) {
            backend_->read_logits(rows[i], logits);
            const std::string_view bytes(reinterpret_cast<const char*>(logits.data()),
                                         logits.size() * sizeof(float));
            all.push_back({std::hash<std::string_view>{}(bytes), drawn[i].token, drawn[i].logprob,
                           drawn[i].top[1].logprob});
        }
        return all;
    }

  private:
    std::unique_ptr<LoadedModel> loaded_;
    model::Hyperparameters shape_;
    std::unique_ptr<Backend> backend_;
    std::unique_ptr<SequenceRunner> runner_;
};

std::vector<Text> random_texts(const model::Hyperparameters& shape,
                               std::initializer_list<std::size_t> lengths) {
    std::mt19937 random(11);
    std::vector<Text> texts;
    for (const std::size_t length : lengths) {
        Text text;
        while (text.tokens.size() < length)
            text.tokens.push_back(static_cast<TokenId>(random() % static_cast<unsigned>(shape.vocabulary)));
        texts.push_back(std::move(text));
    }
    return texts;
}

void compute_alone(Model& model, std::vector<Text>& texts) {
    for (std::size_t t = 0; t < texts.size(); ++t) {
        model.runner().clear(0);
        texts[t].alone.clear();
        for (std::size_t at = 0; at < texts[t].tokens.size(); ++at) {
            const SequenceRunner::Feed feed{0, std::span(texts[t].tokens).subspan(at, 1), 1};
            model.runner().forward({&feed, 1});
            texts[t].alone.push_back(model.outcomes({{t, static_cast<std::int32_t>(at)}}, {0}).front());
        }
    }
}

struct Count {
    int compared = 0, different = 0;
};

// Steps of `crowd` sequences; each goes on with its text by one token, or now and then by a piece of a prompt, and
// takes another text at its end. Up to 32 rows of a step are compared.
Count count_in_a_crowd(Model& model, const std::vector<Text>& texts, std::int32_t crowd, int steps) {
    std::mt19937 random(static_cast<unsigned>(crowd));
    std::vector<Place> places(static_cast<std::size_t>(crowd));
    const auto begin = [&](std::int32_t slot) {
        model.runner().clear(slot);
        places[static_cast<std::size_t>(slot)] = {random() % texts.size(), 0};
    };
    for (std::int32_t slot = 0; slot < crowd; ++slot) begin(slot);
    Count count;
    for (int step = 0; step < steps; ++step) {
        std::vector<SequenceRunner::Feed> feeds;
        std::vector<Place> rows;
        std::int32_t room = 1500;
        for (std::int32_t slot = 0; slot < crowd; ++slot) {
            Place& place = places[static_cast<std::size_t>(slot)];
            const std::span<const TokenId> tokens = texts[place.text].tokens;
            const auto left = static_cast<std::int32_t>(tokens.size()) - place.position;
            const std::int32_t others = crowd - slot - 1;
            const bool is_piece = random() % 4 == 0 || place.position == 0;
            const std::int32_t wanted = is_piece ? 1 + static_cast<std::int32_t>(random() % 300) : 1;
            const std::int32_t piece = std::min({wanted, left, std::max(1, room - others)});
            room -= piece;
            const std::int32_t logits_rows =
                std::min({piece, 8, kSlots - static_cast<std::int32_t>(rows.size()) - others});
            feeds.push_back(
                {slot,
                 tokens.subspan(static_cast<std::size_t>(place.position), static_cast<std::size_t>(piece)),
                 logits_rows});
            place.position += piece;
            for (std::int32_t row = place.position - logits_rows; row < place.position; ++row)
                rows.push_back({place.text, row});
        }
        model.runner().forward(feeds);
        std::vector<std::int32_t> looked_at(rows.size());
        std::iota(looked_at.begin(), looked_at.end(), 0);
        std::ranges::shuffle(looked_at, random);
        looked_at.resize(std::min<std::size_t>(looked_at.size(), 32));
        const std::vector<Outcome> found = model.outcomes(rows, looked_at);
        for (std::size_t i = 0; i < found.size(); ++i) {
            const Place& place = rows[static_cast<std::size_t>(looked_at[i])];
            ++count.compared;
            count.different += found[i] != texts[place.text].alone[static_cast<std::size_t>(place.position)];
        }
        for (std::int32_t slot = 0; slot < crowd; ++slot)
            if (const Place& place = places[static_cast<std::size_t>(slot)];
                place.position == static_cast<std::int32_t>(texts[place.text].tokens.size()))
                begin(slot);
    }
    for (std::int32_t slot = 0; slot < crowd; ++slot) model.runner().clear(slot);
    return count;
}

// The whole text at once, the logits of its last rows.
Count count_in_one_prompt(Model& model, const std::vector<Text>& texts) {
    Count count;
    for (std::size_t t = 0; t < texts.size(); ++t) {
        model.runner().clear(0);
        const std::int32_t length = static_cast<std::int32_t>(texts[t].tokens.size()),
                           wanted = std::min(length, 400);
        const SequenceRunner::Feed feed{0, texts[t].tokens, wanted};
        model.runner().forward({&feed, 1});
        std::vector<Place> rows;
        std::vector<std::int32_t> all;
        for (std::int32_t row = 0; row < wanted; ++row) {
            all.push_back(row);
            rows.push_back({t, length - wanted + row});
        }
        const std::vector<Outcome> found = model.outcomes(rows, all);
        for (std::size_t i = 0; i < found.size(); ++i) {
            ++count.compared;
            count.different += found[i] != texts[t].alone[static_cast<std::size_t>(rows[i].position)];
        }
    }
    model.runner().clear(0);
    return count;
}

struct Case {
    const char* name;
    const char* file;                             // or a shape:
    model::Hyperparameters (*shape)() = nullptr;  // with so many layers
    std::int32_t layers = 0;
    model::KvTypes kv_types;
};

void PrintTo(const Case& each, std::ostream* out) {
    *out << each.name;
}

constexpr const char* kGolden = "tests/data/oracle/small-00001-of-00003.gguf";
const Case kCases[] = {
    {"Demo", "models/demo/gpt-oss-demo-00001-of-00003.gguf"},
    {"Golden", kGolden},
    {"GoldenFloat8Cache", kGolden, nullptr, 0, model::KvType::f8},
    {"GoldenFloat8OnFullLayers", kGolden, nullptr, 0, model::kF8OnFullLayers},
    {"GoldenFloat16Cache", kGolden, nullptr, 0, model::KvType::f16},
    {"TrueWidth20b", "", model::gpt_oss_20b, 2},
    {"Shape120b", "", model::gpt_oss_120b, 4},
};

class BatchInvariance : public GpuTest, public testing::WithParamInterface<Case> {
  protected:
    static Model model() {
        const Case& given = GetParam();
        if (given.shape == nullptr) return Model(std::string(given.file));
        model::Hyperparameters shape = given.shape();
        shape.layers = given.layers;
        return Model(shape);
    }
};

TEST_P(BatchInvariance, ARowIsTheSameAloneInACrowdAndInOnePrompt) {
    Model model = this->model();
    std::vector<Text> texts = random_texts(model.shape(), {1000, 700, 130, 129, 65, 64, 1, 333});
    model.make(true, kSlots, GetParam().kv_types);
    compute_alone(model, texts);
    for (const std::int32_t crowd : {1, 2, 8, 9, 64, 512}) {
        const Count count = count_in_a_crowd(model, texts, crowd, crowd > 9 ? 20 : 40);
        std::printf("[ measured ] %s, %d sequences: %d of %d rows differ\n", GetParam().name, crowd,
                    count.different, count.compared);
        EXPECT_EQ(count.different, 0) << crowd << " sequences";
    }
    const Count whole = count_in_one_prompt(model, texts);
    std::printf("[ measured ] %s, one prompt: %d of %d rows differ\n", GetParam().name, whole.different,
                whole.compared);
    EXPECT_EQ(whole.different, 0) << "one prompt";
}

// What the test above would see if it were not so: today's fastest kernels.
TEST_P(BatchInvariance, WithoutItRowsDependOnTheBatch) {
    Model model = this->model();
    std::vector<Text> texts = random_texts(model.shape(), {333, 130, 129});
    model.make(false, kSlots, GetParam().kv_types);
    compute_alone(model, texts);
    const Count crowd = count_in_a_crowd(model, texts, 64, 10), whole = count_in_one_prompt(model, texts);
    std::printf("[ measured ] %s without it: %d of %d rows differ, and in one prompt %d of %d\n",
                GetParam().name, crowd.different, crowd.compared, whole.different, whole.compared);
    EXPECT_GT(crowd.different, 0);
    EXPECT_GT(whole.different, 0);
}

INSTANTIATE_TEST_SUITE_P(, BatchInvariance, testing::ValuesIn(kCases),
                         [](const auto& given) { return given.param.name; });

}  // namespace
}  // namespace gptoss::backend::test
