// `tokenize`: text on standard input -> token ids on standard output.
#include <iostream>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "base/error.h"
#include "cli/commands.h"
#include "gguf/file.h"
#include "tokenizer/tokenizer.h"

namespace gptoss::cli {
namespace {

struct TokenizeOptions {
    std::string model;
    bool lines = false;
    bool special = false;
};

std::vector<TokenId> encode(const Tokenizer& tokenizer, const std::string& text, bool special) {
    return special ? tokenizer.encode_with_special(text) : tokenizer.encode(text);
}

// {"text": ...} -> {"ids": [...]}, line by line, so that a pipe gets its answers as it goes.
void answer_lines(const Tokenizer& tokenizer, bool special) {
    std::size_t number = 0;
    for (std::string line; std::getline(std::cin, line);) {
        ++number;
        if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
        const auto request = nlohmann::json::parse(line, nullptr, false);
        if (!request.is_object() || !request.contains("text") || !request["text"].is_string())
            throw Error(ErrorCode::request_invalid,
                        "line " + std::to_string(number) + " is not an object with a text",
                        "Each line is JSON like {\"text\": \"Hello\"}, in UTF-8.",
                        {{"line", std::to_string(number)}});
        const nlohmann::json answer = {
            {"ids", encode(tokenizer, request["text"].get<std::string>(), special)}};
        std::cout << answer.dump() << '\n';
    }
}

void run(const TokenizeOptions& options) {
    const Tokenizer tokenizer = Tokenizer::from_metadata(gguf::File::open(options.model).metadata());
    std::ios::sync_with_stdio(false);
    if (options.lines) {
        answer_lines(tokenizer, options.special);
    } else {
        const std::string text{std::istreambuf_iterator<char>(std::cin), {}};
        std::cout << nlohmann::json(encode(tokenizer, text, options.special)).dump() << '\n';
    }
    if (!std::cout.flush()) throw Error(ErrorCode::disk_full, "writing to standard output failed");
}

}  // namespace

void add_tokenize(CLI::App& app, int& exit_code) {
    auto options = std::make_shared<TokenizeOptions>();
    CLI::App* command = app.add_subcommand("tokenize", "Show the token ids of the text on standard input");
    command->add_option("--model", options->model, "GGUF file, or any part of a split one")->required();
    command->add_flag("--jsonl", options->lines, R"({"text":...} lines in, {"ids":[...]} lines out)");
    command->add_flag("--special", options->special,
                      "Special tokens spelled in the text, such as <|start|>, become themselves; "
                      "without this they are ordinary text");
    command->footer("The text may be any bytes. Its last line end counts, too: use printf or echo -n.");
    command->callback([options, &exit_code] {
        run(*options);
        exit_code = 0;
    });
}

}  // namespace gptoss::cli
