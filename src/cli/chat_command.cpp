// `chat`: a conversation in the terminal, with a model in this process or with a running node.
#include <signal.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <memory>

#include "base/error.h"
#include "cli/chat_commands.h"
#include "cli/chat_partner.h"
#include "cli/commands.h"
#include "cli/line_editor.h"
#include "cli/remote_node.h"
#include "cli/settings_flags.h"

namespace gptoss::cli {
namespace {

constexpr const char* kDim = "\033[2m";
constexpr const char* kPlain = "\033[0m";

struct ChatOptions {
    explicit ChatOptions(CLI::App& command) : settings(command) {}
    SettingsFlags settings;
    std::string prompt, url, key_file;
    Chat chat;
};

volatile std::sig_atomic_t answer_cut = 0;

// While one lives, Ctrl-C is remembered instead of ending the program.
class InterruptStopsTheAnswer {
  public:
    InterruptStopsTheAnswer() {
        answer_cut = 0;
        struct sigaction action {};
        action.sa_handler = [](int) { answer_cut = 1; };
        sigaction(SIGINT, &action, &before_);
    }
    ~InterruptStopsTheAnswer() { sigaction(SIGINT, &before_, nullptr); }
    InterruptStopsTheAnswer(const InterruptStopsTheAnswer&) = delete;
    InterruptStopsTheAnswer& operator=(const InterruptStopsTheAnswer&) = delete;

  private:
    struct sigaction before_ {};
};

// Prints an answer as it comes: reasoning dimmed on a terminal; into a file or a pipe goes the answer alone.
class Printer {
  public:
    bool operator()(Written kind, const std::string& piece) {
        if (!piece.empty() && (kind == Written::content || terminal_)) {
            if (terminal_ && kind != last_)
                std::printf(kind == Written::reasoning ? "%s" : "%s\n\n",
                            kind == Written::reasoning ? kDim : kPlain);
            last_ = kind;
            std::fputs(piece.c_str(), stdout);
            std::fflush(stdout);
        }
        return answer_cut == 0;
    }
    void finish() const { std::printf("%s\n", terminal_ ? kPlain : ""); }

  private:
    bool terminal_ = isatty(STDOUT_FILENO) != 0;
    Written last_ = Written::content;
};

void say_speed(const ChatAnswer& answer) {
    const bool terminal = isatty(STDERR_FILENO) != 0;
    const auto speed = [](double tokens_per_second) {
        char text[32] = "";
        if (tokens_per_second > 0) std::snprintf(text, sizeof text, ", %.1f tok/s", tokens_per_second);
        return std::string(text);
    };
    std::fprintf(stderr, "%s[%sprompt %lld tokens%s; answer %lld tokens%s]%s\n", terminal ? kDim : "",
                 answer.interrupted ? "stopped; " : "", static_cast<long long>(answer.prompt_tokens),
                 speed(answer.prompt_tokens_per_second).c_str(),
                 static_cast<long long>(answer.completion_tokens),
                 speed(answer.generation_tokens_per_second).c_str(), terminal ? kPlain : "");
}

void ask(ChatPartner& partner, Chat& chat, const std::string& question) {
    const InterruptStopsTheAnswer guard;
    Printer printer;
    chat.turns.push_back({question, ""});
    try {
        const ChatAnswer answer = partner.answer(chat, std::ref(printer));
        printer.finish();
        chat.turns.back().answer = answer.text;
        say_speed(answer);
    } catch (const Error&) {
        chat.turns.pop_back();  // a question without an answer is no part of the conversation
        throw;
    }
}

int converse(ChatPartner& partner, Chat& chat) {
    LineEditor editor("> ", chat_history_file());
    if (editor.interactive())
        std::fprintf(stderr, "Type a message and press Enter; /help lists commands; Ctrl-D ends.\n");
    for (;;) {
        if (editor.interactive()) std::fputc('\n', stderr);
        // At the prompt Ctrl-C leaves the line alone.
        const auto line = [&editor] {
            const InterruptStopsTheAnswer guard;
            return editor.read();
        }();
        if (!line) return 0;
        if (line->empty()) continue;
        if (line->starts_with('/')) {
            if (run_chat_command(*line, chat) == AfterCommand::leave) return 0;
            continue;
        }
        try {
            ask(partner, chat, *line);
        } catch (const Error& error) {
            if (!editor.interactive()) throw;
            std::fprintf(stderr, "error: %s\n", error.for_people().c_str());
        }
    }
}

int run(ChatOptions& options) {
    spdlog::set_level(spdlog::level::warn);  // the terminal belongs to the conversation
    std::unique_ptr<ChatPartner> partner;
    if (!options.url.empty()) {
        if (const std::string flag = options.settings.first_given(); !flag.empty())
            throw Error(ErrorCode::setting_invalid,
                        flag + " is for a model in this process, and --url asks a node",
                        "Leave one of the two out.");
        partner = make_remote_partner(url_of_node(options.url), api_key_of_client(options.key_file));
    } else {
        partner = make_local_partner(options.settings.load().values);
    }
    std::fprintf(stderr, "%s\n", partner->name().c_str());
    if (options.prompt.empty()) return converse(*partner, options.chat);
    ask(*partner, options.chat, options.prompt);
    return 0;
}

}  // namespace

void add_chat(CLI::App& app, int& exit_code) {
    CLI::App* command = app.add_subcommand("chat", "Talk to a model in the terminal");
    auto options = std::make_shared<ChatOptions>(*command);
    command->add_option("prompt", options->prompt, "Ask this, print the answer and stop");
    command->add_option("--url", options->url, "Talk to this running node instead of loading a model here");
    command->add_option("--api-key-file", options->key_file, kApiKeyFileHelp);
    command->add_option("--system", options->chat.system, "Instructions for the model");
    command->add_option("--effort", options->chat.effort, "How long to think")
        ->check(CLI::IsMember({"low", "medium", "high"}))
        ->capture_default_str();
    command->add_option("--temperature", options->chat.temperature, "0 = always the most likely word")
        ->check(CLI::Range(0.0, 2.0))
        ->capture_default_str();
    command
        ->add_option("--max-tokens", options->chat.max_tokens,
                     "Longest answer, thinking included; 0 = no limit")
        ->check(CLI::NonNegativeNumber)
        ->capture_default_str();
    command->add_option("--seed", options->chat.seed, "The same seed gives the same answer");
    command->footer(
        "With no model named, the demo model answers. In the conversation, /help lists its commands; the "
        "arrow keys find\n"
        "earlier questions, which are kept in ~/.local/state/gpt-oss-node/chat_history.\n\n"
        "Examples:\n  gpt-oss-node chat \"What is 2+2?\"\n"
        "  gpt-oss-node chat --model gpt-oss-20b-mxfp4.gguf --effort high\n"
        "  gpt-oss-node chat --url http://127.0.0.1:8080");
    command->callback([options, &exit_code] { exit_code = run(*options); });
}

}  // namespace gptoss::cli
