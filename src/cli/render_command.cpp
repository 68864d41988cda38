// `render`: a chat-completions request on standard input -> the exact prompt on standard output.
#include <algorithm>
#include <cctype>
#include <iostream>
#include <iterator>
#include <memory>
#include <string>

#include "api/chat_request.h"
#include "base/error.h"
#include "cli/commands.h"
#include "gguf/file.h"
#include "harmony/render.h"
#include "tokenizer/tokenizer.h"

namespace gptoss::cli {
namespace {

struct RenderCommand {
    std::string model;
    std::string date;
};

std::string check_date(const std::string& date) {
    const std::string pattern = "dddd-dd-dd";
    const bool fits =
        std::equal(date.begin(), date.end(), pattern.begin(), pattern.end(), [](char c, char wanted) {
            return wanted == 'd' ? std::isdigit(static_cast<unsigned char>(c)) != 0 : c == wanted;
        });
    return fits ? "" : "a date looks like 2026-11-22";
}

void run(const RenderCommand& options) {
    const Tokenizer tokenizer = Tokenizer::from_metadata(gguf::File::open(options.model).metadata());
    const std::string body{std::istreambuf_iterator<char>(std::cin), {}};
    harmony::Conversation conversation = api::conversation_from_chat_request(api::parse_json(body));
    conversation.current_date = options.date;
    // By way of the tokens, so that what is shown is what the model would be given and not a second
    // rendering.
    std::cout << tokenizer.decode(harmony::render(tokenizer, conversation));
    if (!std::cout.flush()) throw Error(ErrorCode::disk_full, "writing to standard output failed");
}

}  // namespace

void add_render(CLI::App& app, int& exit_code) {
    auto options = std::make_shared<RenderCommand>();
    CLI::App* command = app.add_subcommand("render", "Show the prompt of the chat request on standard input");
    command->add_option("--model", options->model, "GGUF file, or any part of a split one")->required();
    command->add_option("--date", options->date, "The date the model is told, YYYY-MM-DD; none without it")
        ->check(check_date);
    command->footer("Nothing is added to the prompt, not even a line end: it stops at <|start|>assistant.");
    command->callback([options, &exit_code] {
        run(*options);
        exit_code = 0;
    });
}

}  // namespace gptoss::cli
