// `chat`: a conversation in the terminal, computed in this process.
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <condition_variable>
#include <cstdio>
#include <iostream>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>

#include "api/chat_request.h"
#include "api/service.h"
#include "base/error.h"
#include "cli/commands.h"
#include "cli/settings_flags.h"
#include "node/load_report.h"
#include "node/loaded_model.h"

namespace gptoss::cli {
namespace {

constexpr const char* kDim = "\033[2m";
constexpr const char* kPlain = "\033[0m";

struct ChatOptions {
    explicit ChatOptions(CLI::App& command) : settings(command) {}
    SettingsFlags settings;
    std::string prompt;
    std::string system;
    std::string effort = "medium";
    double temperature = 1.0;
    std::int32_t max_tokens = 0;
    std::optional<std::uint64_t> seed;
};

// One line that is written over while a model is loaded.
node::LoadProgress show_progress() {
    return [report = node::LoadReport()](const std::string& stage, std::int64_t done_bytes,
                                         std::int64_t total_bytes) mutable {
        if (isatty(STDERR_FILENO) == 0) return;
        std::fprintf(stderr, "\r\033[K%s", report.text(stage, done_bytes, total_bytes).c_str());
    };
}

class Bell {
  public:
    void ring() {
        const std::lock_guard lock(mutex_);
        rung_ = true;
        condition_.notify_one();
    }
    void wait() {
        std::unique_lock lock(mutex_);
        condition_.wait(lock, [this] { return rung_; });
        rung_ = false;
    }

  private:
    std::mutex mutex_;
    std::condition_variable condition_;
    bool rung_ = false;
};

class Conversation {
  public:
    Conversation(const ChatOptions& options, node::LoadedModel model, const std::string& date)
        : options_(options), colours_(isatty(STDOUT_FILENO) != 0) {
        api::ServiceOptions service_options;
        service_options.date = date;
        engine_ = model.engine;
        service_ = std::make_shared<api::Service>(engine_, std::move(model.served), service_options, nullptr);
        history_.effort = api::read_effort(options.effort, "--effort");
        history_.instructions = options.system;
    }

    void ask(std::string question) {
        harmony::Message message;
        message.content = std::move(question);
        history_.messages.push_back(std::move(message));

        engine::GenerationRequest request;
        request.prompt = service_->render(history_);
        request.sampling.temperature = static_cast<float>(options_.temperature);
        request.sampling.seed = options_.seed ? *options_.seed : std::random_device()();
        request.max_tokens = options_.max_tokens;
        const Tokenizer& tokenizer = *service_->served_model().tokenizer;
        request.stop_tokens = api::stop_tokens(tokenizer);
        const engine::Usage usage =
            show(std::move(request), *api::make_harmony_reader(tokenizer, {}, {}, memory_));
        say_speed(usage);
    }

  private:
    // Prints the answer as it comes; returns when it is complete and in the history.
    engine::Usage show(engine::GenerationRequest request, api::TokenReader& reader) {
        // Shared with the engine's thread, which may still be ringing when the answer is already read.
        const auto bell = std::make_shared<Bell>();
        const auto mailbox = std::make_shared<api::Mailbox>([bell] { bell->ring(); }, nullptr);
        engine_->submit(std::move(request), mailbox);
        api::Transcript said;
        api::Paragraphs paragraphs;
        for (;;) {
            bell->wait();
            const api::Mailbox::Contents contents = mailbox->take();
            std::vector<api::ItemEvent> events;
            for (const backend::SampledToken& token : contents.tokens) reader.push(token, events);
            if (contents.finish) reader.finish(events);
            for (const api::ItemEvent& event : events) {
                if (event.step == api::ItemEvent::Step::delta) print(event, said, paragraphs);
                said.add(event);
            }
            std::fflush(stdout);
            if (!contents.finish) continue;
            std::printf("%s\n", colours_ ? kPlain : "");
            if (contents.finish->reason == engine::FinishReason::error) {
                throw Error(ErrorCode::device_failed, contents.finish->error);
            }
            remember(said);
            return contents.finish->usage;
        }
    }

    void print(const api::ItemEvent& delta, const api::Transcript& before,
               api::Paragraphs& paragraphs) const {
        if (delta.kind == api::ItemKind::reasoning) {
            // Into a file or a pipe goes the answer alone.
            if (colours_) std::printf("%s%s", kDim, delta.text.c_str());
        } else if (api::is_visible(delta.kind)) {
            if (colours_ && before.content().empty() && !before.reasoning().empty())
                std::printf("%s\n\n", kPlain);
            std::printf("%s", paragraphs.next(delta).c_str());
        }
    }

    void remember(const api::Transcript& said) {
        harmony::Message answer;
        answer.role = harmony::Role::assistant;
        answer.channel = harmony::Channel::final;
        answer.content = said.content();
        history_.messages.push_back(std::move(answer));
    }

    void say_speed(const engine::Usage& usage) const {
        const auto speed = [](double tokens, double time_ms) {
            return time_ms > 0 ? tokens * 1e3 / time_ms : 0.0;
        };
        std::fprintf(stderr, "%s[prompt %d tokens, %.1f tok/s; answer %d tokens, %.1f tok/s]%s\n",
                     colours_ ? kDim : "", usage.prompt_tokens,
                     speed(usage.prompt_tokens - usage.cached_tokens, usage.prompt_ms),
                     usage.completion_tokens, speed(usage.completion_tokens - 1, usage.generation_ms),
                     colours_ ? kPlain : "");
    }

    const ChatOptions& options_;
    bool colours_;
    std::shared_ptr<engine::Engine> engine_;
    std::shared_ptr<api::Service> service_;
    api::CallMemory memory_;
    harmony::Conversation history_;
};

int run(const ChatOptions& options) {
    const node::LoadedSettings settings = options.settings.load();
    spdlog::set_level(spdlog::level::warn);  // the terminal belongs to the conversation
    node::LoadedModel model = node::load_model(settings.values, devices(), show_progress());
    if (isatty(STDERR_FILENO) != 0) std::fprintf(stderr, "\r\033[K");
    std::fprintf(stderr, "%s on %s, context %d tokens\n", model.served.id.c_str(),
                 model.engine->backend_info().device.c_str(), model.engine->options().context_length);
    Conversation conversation(options, std::move(model), settings.values.date);
    if (!options.prompt.empty()) {
        conversation.ask(options.prompt);
        return 0;
    }
    const bool interactive = isatty(STDIN_FILENO) != 0;
    if (interactive) std::fprintf(stderr, "Type a message and press Enter; Ctrl-D ends.\n");
    std::string line;
    for (;;) {
        if (interactive) std::fprintf(stderr, "\n> ");
        if (!std::getline(std::cin, line)) break;
        if (!line.empty()) conversation.ask(line);
    }
    return 0;
}

}  // namespace

void add_chat(CLI::App& app, int& exit_code) {
    CLI::App* command = app.add_subcommand("chat", "Talk to a model in the terminal");
    auto options = std::make_shared<ChatOptions>(*command);
    command->add_option("prompt", options->prompt, "Ask this, print the answer and stop");
    command->add_option("--system", options->system, "Instructions for the model");
    command->add_option("--effort", options->effort, "How long to think: low, medium, high")
        ->capture_default_str();
    command->add_option("--temperature", options->temperature, "0 = always the most likely word")
        ->check(CLI::Range(0.0, 2.0))
        ->capture_default_str();
    command
        ->add_option("--max-tokens", options->max_tokens, "Longest answer, thinking included; 0 = no limit")
        ->check(CLI::NonNegativeNumber)
        ->capture_default_str();
    command->add_option("--seed", options->seed, "The same seed gives the same answer");
    command->footer(
        "With no model named, the demo model answers.\n\nExamples:\n  gpt-oss-node chat \"What is 2+2?\"\n"
        "  gpt-oss-node chat --model gpt-oss-20b-mxfp4.gguf --effort high");
    command->callback([options, &exit_code] { exit_code = run(*options); });
}

}  // namespace gptoss::cli
