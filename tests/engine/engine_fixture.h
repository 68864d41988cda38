// Engines over the scripted backend, and what a sequence must sound like when nothing else runs.
#pragma once

#include <algorithm>
#include <memory>
#include <random>
#include <vector>

#include "engine/engine.h"
#include "engine/recording_sink.h"
#include "support/scripted_backend.h"

namespace gptoss::test {

struct TestEngine {
    explicit TestEngine(const ScriptedOptions& scripted, const engine::EngineOptions& changes = {},
                        TokenSource source = {})
        : vocabulary(scripted.vocabulary) {
        if (!source) source = hashed_source(scripted.vocabulary);
        auto made = std::make_unique<ScriptedBackend>(scripted, std::move(source));
        backend = made.get();
        engine = std::make_unique<engine::Engine>(std::move(made), engine_options(scripted, changes));
    }

    std::shared_ptr<RecordingSink> submit(engine::GenerationRequest request) {
        auto sink = std::make_shared<RecordingSink>();
        engine->submit(std::move(request), sink);
        return sink;
    }

    std::vector<TokenId> run(engine::GenerationRequest request) {
        const auto sink = submit(std::move(request));
        sink->wait();
        return sink->tokens();
    }

    TokenId vocabulary;
    ScriptedBackend* backend = nullptr;  // the engine's
    std::unique_ptr<engine::Engine> engine;
};

// Counts up from the last token of the history.
inline TokenId counting_source(const Moment& moment) {
    return moment.history.back() + 1;
}

inline std::vector<TokenId> random_tokens(std::mt19937& random, std::size_t count, TokenId vocabulary) {
    std::vector<TokenId> tokens(count);
    for (TokenId& token : tokens)
        token = static_cast<TokenId>(random() % static_cast<unsigned long>(vocabulary));
    return tokens;
}

// What the source says to this prompt, without an engine: up to `count` tokens, or a stop token and no
// further.
inline std::vector<TokenId> expected_answer(const engine::GenerationRequest& request, std::size_t count,
                                            const TokenSource& source, TokenId vocabulary,
                                            TokenConstraint* constraint = nullptr) {
    std::vector<TokenId> history = request.prompt;
    std::vector<TokenId> answer;
    while (answer.size() < count) {
        TokenId token = source({history, answer.size(), request.sampling.seed});
        if (constraint != nullptr) {
            token = nearest_allowed(constraint->allowed(), token, vocabulary);
            constraint->accept(token);
        }
        answer.push_back(token);
        history.push_back(token);
        if (std::ranges::find(request.stop_tokens, token) != request.stop_tokens.end()) break;
    }
    return answer;
}

}  // namespace gptoss::test
