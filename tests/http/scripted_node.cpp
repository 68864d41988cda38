// A node whose model is a script: the real server, API, renderer, engine and parser, with answers told
// beforehand. For clients' test suites, which need a model that does the right thing and no weights.
//
//   scripted_node SCRIPT
//
// SCRIPT has one JSON object a line: {"user": "What is 2+2?", "say":
// "<|channel|>final<|message|>4<|return|>"} is what follows that user message, and {"say": …} without "user"
// what follows everything else, a tool's result for example. Prints "listening on http://…" and serves until
// SIGTERM or SIGINT.
#include <signal.h>

#include <cstdio>
#include <exception>
#include <fstream>
#include <iostream>
#include <string>

#include "http/server.h"
#include "node/application/routes.h"
#include "support/o200k.h"
#include "support/scripted_backend.h"
#include "tokenizer/tokenizer.h"

namespace gptoss {
namespace {

// Room for agents that bring many tools: the vocabulary is cut, and prompts are longer in it.
constexpr std::int32_t kSequences = 64;
constexpr std::int32_t kContextBlocks = 256;

std::vector<TokenId> tokens_of(const Tokenizer& tokenizer, const std::string& text) {
    return tokenizer.encode_with_special(text);
}

// How a prompt ends after a user's message. The text itself is encoded as the renderer does it: a special
// token spelled in it is only text.
std::vector<TokenId> prompt_ending(const Tokenizer& tokenizer, const std::string& user_text) {
    std::vector<TokenId> ending = tokens_of(tokenizer, "<|start|>user<|message|>");
    const std::vector<TokenId> text = tokenizer.encode(user_text);
    ending.insert(ending.end(), text.begin(), text.end());
    const std::vector<TokenId> turn = tokens_of(tokenizer, "<|end|><|start|>assistant");
    ending.insert(ending.end(), turn.begin(), turn.end());
    return ending;
}

// Reads the script into `book`; gives what is said where no line fits.
std::vector<TokenId> read_script(const char* path, const Tokenizer& tokenizer, test::ScriptBook& book) {
    std::ifstream file(path);
    if (!file) throw std::runtime_error(std::string("cannot read ") + path);
    std::vector<TokenId> otherwise = tokens_of(tokenizer, "<|channel|>final<|message|>Done.<|return|>");
    for (std::string line; std::getline(file, line);) {
        if (line.empty()) continue;
        const api::Json entry = api::Json::parse(line);
        std::vector<TokenId> answer = tokens_of(tokenizer, entry.at("say").get<std::string>());
        if (entry.contains("user")) {
            book.add(prompt_ending(tokenizer, entry["user"].get<std::string>()), std::move(answer));
        } else {
            otherwise = std::move(answer);
        }
    }
    return otherwise;
}

void serve(const char* script_path) {
    sigset_t stop_signals;
    sigemptyset(&stop_signals);
    sigaddset(&stop_signals, SIGTERM);
    sigaddset(&stop_signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &stop_signals, nullptr);

    const auto tokenizer = std::make_shared<const Tokenizer>(Tokenizer::from_metadata(test::cut_metadata()));
    const TokenId end = tokenizer->special().return_;
    std::vector<TokenId> otherwise;
    test::ScriptBook book(end, [&otherwise, end](const test::Moment& moment) {
        return moment.step < otherwise.size() ? otherwise[moment.step] : end;
    });
    otherwise = read_script(script_path, *tokenizer, book);

    test::ScriptedOptions scripted;
    scripted.vocabulary = tokenizer->vocabulary_size();
    scripted.max_sequences = kSequences;
    scripted.full_blocks = kContextBlocks * 8;
    scripted.sliding_blocks = kSequences * 12;
    scripted.asynchronous = true;
    engine::EngineOptions options;
    options.context_length = kContextBlocks * model::kBlockTokens;

    node::Metrics metrics;
    node::NodeState state;
    const auto engine =
        std::make_shared<engine::Engine>(std::make_unique<test::ScriptedBackend>(scripted, book.source()),
                                         test::engine_options(scripted, options));
    state.set_ready(std::make_shared<api::Service>(engine, api::ServedModel{"script", 0, tokenizer},
                                                   api::ServiceOptions{}, &metrics));
    const http::Router router = node::make_routes(state, metrics);
    http::ServerOptions server_options;
    server_options.port = 0;
    http::Server server(server_options, router, {}, metrics);
    std::cerr << "listening on http://127.0.0.1:" << server.port() << std::endl;
    int signal = 0;
    sigwait(&stop_signals, &signal);
}

}  // namespace
}  // namespace gptoss

int main(int argc, char** argv) {
    if (argc != 2) {
        std::cerr << "usage: scripted_node SCRIPT\n";
        return 2;
    }
    try {
        gptoss::serve(argv[1]);
        return 0;
    } catch (const std::exception& problem) {
        std::cerr << "scripted_node: " << problem.what() << "\n";
        return 1;
    }
}
