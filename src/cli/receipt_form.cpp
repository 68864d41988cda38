#include "cli/receipt_form.h"

#include <algorithm>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "acceptance/answer.h"
#include "api/chat_request.h"
#include "api/completion_request.h"
#include "api/inference_request.h"
#include "api/request_form.h"
#include "base/error.h"
#include "gguf/file.h"
#include "harmony/render.h"
#include "tokenizer/tokenizer.h"

namespace gptoss::cli {
namespace {

struct FormCommand {
    std::string model, endpoint = "chat", date, reply;
};

api::GenerationIntent intent_of(const FormCommand& command, const api::Json& request,
                                const Tokenizer& tokenizer) {
    if (command.endpoint == "completions") return api::read_completion_request(request, tokenizer);
    if (command.endpoint == "inference") return api::read_inference_request(request);
    return api::read_chat_request(request);
}

// A chat completion's reasoning and answer, spelled with the tokens that this tokenizer takes for their text. A model
// may have spelled them otherwise: the receipt's hash decides.
std::vector<TokenId> spelled_again(const Tokenizer& tokenizer, const std::string& path) {
    std::ifstream file(path);
    acceptance::Answer answer;
    acceptance::read_whole_answer(std::string(std::istreambuf_iterator<char>(file), {}), answer);
    if (!answer.problem.empty())
        throw Error(ErrorCode::file_corrupt, path + " is no chat completion: " + answer.problem,
                    "Save the reply of POST /v1/chat/completions as it came, not streamed.");
    if (!answer.tool_calls.empty())
        throw Error(ErrorCode::request_invalid, "the reply calls tools, which can be spelled in several ways",
                    "Replay it with tokens that the node kept (GPTOSS_RECEIPTS=tokens).");
    std::vector<TokenId> tokens;
    const auto say = [&](const std::string& markers, const std::string& text) {
        std::ranges::copy(tokenizer.encode_with_special(markers), std::back_inserter(tokens));
        tokenizer.encode_append(text, tokens);
    };
    if (!answer.reasoning.empty()) say("<|channel|>analysis<|message|>", answer.reasoning);
    if (!answer.content.empty()) {
        const std::string between = answer.reasoning.empty() ? "" : "<|end|><|start|>assistant";
        say(between + "<|channel|>final<|message|>", answer.content);
    }
    if (answer.finish_reason == "stop") say("<|return|>", "");
    return tokens;
}

void print_form(const FormCommand& command) {
    const Tokenizer tokenizer = Tokenizer::from_metadata(gguf::File::open(command.model).metadata());
    const std::string body{std::istreambuf_iterator<char>(std::cin), {}};
    api::GenerationIntent intent = intent_of(command, api::parse_json(body), tokenizer);
    if (intent.raw_prompts.size() > 1)
        throw Error(ErrorCode::request_invalid, "the request has several prompts",
                    "Give it with the one prompt that the receipt is of.", {{"param", "prompt"}});
    intent.conversation.current_date = command.date;
    const std::vector<TokenId> prompt =
        intent.is_raw() ? intent.raw_prompts.front() : harmony::render(tokenizer, intent.conversation);
    nlohmann::ordered_json printed = {{"prompt", prompt},
                                      {"form", api::form_text(api::form_of(intent, true))}};
    if (!command.reply.empty()) printed["output"] = spelled_again(tokenizer, command.reply);
    std::cout << printed.dump() << "\n";
    if (!std::cout.flush()) throw Error(ErrorCode::disk_full, "writing to standard output failed");
}

}  // namespace

void add_receipt_form(CLI::App& receipt, int& exit_code) {
    auto command = std::make_shared<FormCommand>();
    CLI::App* form = receipt.add_subcommand(
        "form", "Print the prompt's tokens and the form that the request on standard input stands for");
    form->add_option("--model", command->model, "GGUF file, or any part of a split one")->required();
    form->add_option("--endpoint", command->endpoint, "Where the request was sent")
        ->check(CLI::IsMember({"chat", "completions", "inference"}))
        ->capture_default_str();
    form->add_option(
        "--date", command->date,
        "The date the model was told, YYYY-MM-DD: the day of the request (UTC) on a node of default "
        "settings; none without it");
    form->add_option("--reply", command->reply,
                     "A chat completion, saved as it came: adds its tokens as \"output\"");
    form->footer("What it prints, with \"output\", is the file for `receipt replay --tokens`.");
    form->callback([command, &exit_code] {
        print_form(*command);
        exit_code = 0;
    });
}

}  // namespace gptoss::cli
