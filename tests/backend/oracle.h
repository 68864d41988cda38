// The golden case tests/data/oracle: a small random gpt-oss in three parts and its logits in float32 by an
// independent implementation (Hugging Face transformers), for three prompts.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>
#include <span>
#include <string>
#include <vector>

#include "backend/backend.h"
#include "backend/sequence_runner.h"
#include "gguf/file.h"

namespace gptoss::backend::test {

inline std::filesystem::path oracle_folder() {
    return std::filesystem::path(GPTOSS_SOURCE_DIR) / "tests/data/oracle";
}

struct OracleCase {
    std::vector<TokenId> tokens;
    std::vector<TokenId> argmax;  // at every position
    std::vector<float> logits;    // of the last `rows` positions
    std::int32_t rows = 0;
};

inline OracleCase oracle_case(int length) {
    std::ifstream json_file(oracle_folder() / "small.json");
    const nlohmann::json json = nlohmann::json::parse(json_file);
    const std::string suffix = "_" + std::to_string(length);
    OracleCase result;
    result.tokens = json.at("tokens" + suffix).get<std::vector<TokenId>>();
    result.argmax = json.at("argmax" + suffix).get<std::vector<TokenId>>();
    const auto& where = json.at("logits" + suffix);
    result.rows = where.at("shape").at(0).get<std::int32_t>();
    result.logits.resize(result.rows * where.at("shape").at(1).get<std::size_t>());
    std::ifstream logits_file(oracle_folder() / "small.logits.f32", std::ios::binary);
    logits_file.seekg(where.at("offset").get<std::streamoff>());
    logits_file.read(reinterpret_cast<char*>(result.logits.data()),
                     static_cast<std::streamsize>(result.logits.size() * sizeof(float)));
    return result;
}

struct LoadedModel {
    explicit LoadedModel(const std::filesystem::path& path)
        : file(gguf::File::open(path)), weights(model::find_weights(file)) {}
    gguf::File file;
    model::Weights weights;
};

inline LoadedModel load_oracle_model() {
    return LoadedModel(oracle_folder() / "small-00001-of-00003.gguf");
}

inline BackendOptions options_for(const model::Weights& weights, std::int32_t context, std::int32_t sequences,
                                  bool exact, const model::KvTypes& kv_types = {}) {
    BackendOptions options;
    model::PlanRequest request;
    request.context_length = context;
    request.cache_tokens = std::int64_t{context} * sequences;
    request.max_sequences = sequences;
    request.max_batch_tokens = context;
    request.kv_types = kv_types;
    options.plan = model::plan(weights.hyperparameters, request, 0, 0, 0);
    options.exact = exact;
    return options;
}

// Logits of every token, [tokens][vocabulary], the prompt computed in steps of `step` rows.
inline std::vector<float> all_logits(const model::Weights& weights, std::span<const TokenId> tokens,
                                     std::int32_t step, const BackendOptions& options, Backend& backend) {
    SequenceRunner runner(backend, options.plan, weights.hyperparameters.sliding_window);
    const std::size_t vocabulary = weights.hyperparameters.vocabulary;
    std::vector<float> logits(tokens.size() * vocabulary);
    for (std::size_t first = 0; first < tokens.size(); first += step) {
        const std::size_t count = std::min<std::size_t>(step, tokens.size() - first);
        const SequenceRunner::Feed feed{0, tokens.subspan(first, count), static_cast<std::int32_t>(count)};
        runner.forward({&feed, 1});
        for (std::size_t i = 0; i < count; ++i)
            backend.read_logits(static_cast<std::int32_t>(i),
                                std::span(logits).subspan((first + i) * vocabulary, vocabulary));
    }
    return logits;
}

inline double relative_error(std::span<const float> a, std::span<const float> b) {
    double difference = 0, size = 0;
    for (std::size_t i = 0; i < b.size(); ++i) {
        difference += (double{a[i]} - b[i]) * (double{a[i]} - b[i]);
        size += double{b[i]} * b[i];
    }
    return std::sqrt(difference / size);
}

// The golden model is random: in a prompt now and then two experts nearly tie, and rounding chooses between them. That
// prompt's error is then tens of times the others', and says nothing of a kernel: a wrong one fails in every prompt.
inline void expect_close_but_for_ties(std::vector<double> errors, double allowed) {
    std::ranges::sort(errors);
    EXPECT_LT(errors[errors.size() / 2], allowed);
    EXPECT_LT(errors.back(), std::max(1e-1, allowed));
}

inline TokenId argmax(std::span<const float> row) {
    return static_cast<TokenId>(std::max_element(row.begin(), row.end()) - row.begin());
}

}  // namespace gptoss::backend::test
