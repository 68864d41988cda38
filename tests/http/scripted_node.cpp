// A node whose model is a script: the real server, API, renderer, engine and parser, with answers told
// beforehand. For clients' test suites, which need a model that does the right thing and no weights.
//
//   scripted_node SCRIPT [--step-ms N] [--port N] [--responses-path FILE] [--reasoning summary] [--sequences N]
//
// A step, which gives each running answer one token, takes N milliseconds (0). Without a file, responses are
// kept until the node stops. 64 answers run at a time.
//
// SCRIPT has one JSON object a line: {"user": "What is 2+2?", "say":
// "<|channel|>final<|message|>4<|return|>"} is what follows that user message; {"contains": "…", "say": …} what
// follows when that text came since the model last spoke, a tool's result for example (the first that fits);
// and {"say": …} alone what follows everything else. Prints "listening on http://…" and serves until
// SIGTERM or SIGINT.
#include <signal.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "http/server.h"
#include "node/application/console_parts.h"
#include "node/application/routes.h"
#include "support/o200k.h"
#include "support/scripted_backend.h"
#include "tokenizer/tokenizer.h"

namespace gptoss {
namespace {

// Room for agents that bring many tools: the vocabulary is cut, and prompts are longer in it.
constexpr std::int32_t kContextBlocks = 2048;

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

// What is said where no user's message fits.
class Otherwise {
  public:
    explicit Otherwise(const Tokenizer& tokenizer)
        : tokenizer_(tokenizer), rest_(tokens_of(tokenizer, "<|channel|>final<|message|>Done.<|return|>")) {}

    void set_rest(std::vector<TokenId> answer) { rest_ = std::move(answer); }
    void add(std::string contains, std::vector<TokenId> answer) {
        answers_.emplace_back(std::move(contains), std::move(answer));
    }

    const std::vector<TokenId>& answer_to(std::span<const TokenId> prompt) const {
        if (answers_.empty()) return rest_;
        // From the model's last message on; the prompt ends with the beginning of its next one.
        std::size_t begin = prompt.size() - std::min(prompt.size(), assistant_.size());
        while (begin > 0 && !begins_at(prompt, --begin)) {
        }
        const std::string recent = tokenizer_.decode(prompt.subspan(begin));
        for (const auto& [contains, answer] : answers_) {
            if (recent.find(contains) != std::string::npos) return answer;
        }
        return rest_;
    }

  private:
    bool begins_at(std::span<const TokenId> prompt, std::size_t place) const {
        return std::ranges::equal(prompt.subspan(place, std::min(assistant_.size(), prompt.size() - place)),
                                  assistant_);
    }

    const Tokenizer& tokenizer_;
    std::vector<TokenId> assistant_ = tokens_of(tokenizer_, "<|start|>assistant");
    std::vector<TokenId> rest_;
    std::vector<std::pair<std::string, std::vector<TokenId>>> answers_;
};

void read_script(const std::string& path, const Tokenizer& tokenizer, test::ScriptBook& book,
                 Otherwise& otherwise) {
    std::ifstream file(path);
    if (!file) throw std::runtime_error("cannot read " + path);
    for (std::string line; std::getline(file, line);) {
        if (line.empty()) continue;
        const api::Json entry = api::Json::parse(line);
        std::vector<TokenId> answer = tokens_of(tokenizer, entry.at("say").get<std::string>());
        if (entry.contains("user")) {
            book.add(prompt_ending(tokenizer, entry["user"].get<std::string>()), std::move(answer));
        } else if (entry.contains("contains")) {
            otherwise.add(entry["contains"].get<std::string>(), std::move(answer));
        } else {
            otherwise.set_rest(std::move(answer));
        }
    }
}

struct Options {
    std::string script_path;
    double step_ms = 0;
    std::uint16_t port = 0;
    std::string responses_path;
    api::ResponsesReasoning reasoning = api::ResponsesReasoning::both;
    std::int32_t sequences = 64;
};

Options read_options(std::span<char*> arguments) {
    Options options;
    if (arguments.size() % 2 != 0) throw std::runtime_error("usage: scripted_node SCRIPT [--NAME VALUE]...");
    options.script_path = arguments[1];
    for (std::size_t i = 2; i < arguments.size(); i += 2) {
        const std::string name = arguments[i];
        const std::string value = arguments[i + 1];
        if (name == "--step-ms") {
            options.step_ms = std::stod(value);
        } else if (name == "--port") {
            options.port = static_cast<std::uint16_t>(std::stoi(value));
        } else if (name == "--responses-path") {
            options.responses_path = value;
        } else if (name == "--reasoning" && value == "summary") {
            options.reasoning = api::ResponsesReasoning::summary;
        } else if (name == "--sequences") {
            options.sequences = std::stoi(value);
        } else {
            throw std::runtime_error("there is no option " + name);
        }
    }
    return options;
}

void serve(const Options& chosen) {
    sigset_t stop_signals;
    sigemptyset(&stop_signals);
    sigaddset(&stop_signals, SIGTERM);
    sigaddset(&stop_signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &stop_signals, nullptr);

    const auto tokenizer = std::make_shared<const Tokenizer>(Tokenizer::from_metadata(test::cut_metadata()));
    const TokenId end = tokenizer->special().return_;
    Otherwise otherwise(*tokenizer);
    test::ScriptBook book(end, [&otherwise, end](const test::Moment& moment) {
        const std::vector<TokenId>& answer = otherwise.answer_to(moment.prompt());
        return moment.step < answer.size() ? answer[moment.step] : end;
    });
    read_script(chosen.script_path, *tokenizer, book, otherwise);

    test::ScriptedOptions scripted;
    scripted.vocabulary = tokenizer->vocabulary_size();
    scripted.max_sequences = chosen.sequences;
    scripted.full_blocks = kContextBlocks * 4;
    scripted.sliding_blocks = chosen.sequences * 12;
    scripted.max_batch_tokens = 8192;  // agents bring long prompts
    scripted.asynchronous = true;
    scripted.step_ms = chosen.step_ms;
    scripted.computes_meanwhile = true;
    engine::EngineOptions options;
    options.context_length = kContextBlocks * model::kBlockTokens;

    node::Metrics metrics;
    node::NodeState state;
    const auto engine =
        std::make_shared<engine::Engine>(std::make_unique<test::ScriptedBackend>(scripted, book.source()),
                                         test::engine_options(scripted, options));
    api::ServiceOptions service_options;
    service_options.seal =
        std::make_shared<const api::SealedText>(std::vector{api::SealedText::random_key()});
    service_options.responses_reasoning = chosen.reasoning;
    service_options.stored =
        std::make_shared<api::StoredResponses>(chosen.responses_path, api::StoreLimits());
    state.set_ready(std::make_shared<api::Service>(engine, api::ServedModel{"script", 0, tokenizer},
                                                   service_options, &metrics));
    node::ConsoleParts parts(metrics, {});  // the console asks for the day, a fleet and MCP servers
    const http::Router router = parts.with_routes(node::make_routes(state, metrics));
    http::ServerOptions server_options;
    server_options.port = chosen.port;
    http::Server server(server_options, router, {}, parts.history);
    std::cerr << "listening on http://127.0.0.1:" << server.port() << std::endl;
    int signal = 0;
    sigwait(&stop_signals, &signal);
    service_options.stored->runs().stop();
}

}  // namespace
}  // namespace gptoss

int main(int argc, char** argv) {
    try {
        gptoss::serve(gptoss::read_options({argv, static_cast<std::size_t>(argc)}));
        return 0;
    } catch (const std::exception& problem) {
        std::cerr << "scripted_node: " << problem.what() << "\n";
        return 1;
    }
}
