// `chat` with a model in this process.
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <random>

#include "api/chat_request.h"
#include "api/service.h"
#include "base/error.h"
#include "cli/chat_partner.h"
#include "cli/progress_line.h"
#include "cli/settings_flags.h"
#include "node/load_report.h"
#include "node/loaded_model.h"

namespace gptoss::cli {
namespace {

class Bell {
  public:
    void ring() {
        const std::lock_guard lock(mutex_);
        rung_ = true;
        condition_.notify_one();
    }
    void wait_for(std::chrono::milliseconds limit) {
        std::unique_lock lock(mutex_);
        condition_.wait_for(lock, limit, [this] { return rung_; });
        rung_ = false;
    }

  private:
    std::mutex mutex_;
    std::condition_variable condition_;
    bool rung_ = false;
};

harmony::Message message_of(harmony::Role role, std::string text) {
    harmony::Message message;
    message.role = role;
    if (role == harmony::Role::assistant) message.channel = harmony::Channel::final;
    message.content = std::move(text);
    return message;
}

class LocalPartner final : public ChatPartner {
  public:
    LocalPartner(node::LoadedModel model, const std::string& date)
        : name_(model.served.id + " on " + model.engine->backend_info().device + ", context " +
                std::to_string(model.engine->options().context_length) + " tokens"),
          engine_(model.engine) {
        api::ServiceOptions options;
        options.date = date;
        service_ = std::make_shared<api::Service>(engine_, std::move(model.served), options, nullptr);
    }

    std::string name() const override { return name_; }

    ChatAnswer answer(const Chat& chat, const OnWritten& on_written) override {
        engine::GenerationRequest request;
        request.prompt = service_->render(conversation_of(chat));
        request.sampling.temperature = static_cast<float>(chat.temperature);
        request.sampling.seed = chat.seed ? *chat.seed : std::random_device()();
        request.max_tokens = chat.max_tokens;
        const Tokenizer& tokenizer = *service_->served_model().tokenizer;
        request.stop_tokens = api::stop_tokens(tokenizer);
        return read(std::move(request), *api::make_harmony_reader(tokenizer, {}, {}, memory_), on_written);
    }

  private:
    static harmony::Conversation conversation_of(const Chat& chat) {
        harmony::Conversation conversation;
        conversation.effort = api::read_effort(chat.effort, "effort");
        conversation.instructions = chat.system;
        for (const ChatTurn& turn : chat.turns) {
            conversation.messages.push_back(message_of(harmony::Role::user, turn.question));
            if (&turn != &chat.turns.back())
                conversation.messages.push_back(message_of(harmony::Role::assistant, turn.answer));
        }
        return conversation;
    }

    ChatAnswer read(engine::GenerationRequest request, api::TokenReader& reader,
                    const OnWritten& on_written) {
        using namespace std::chrono_literals;
        // Shared with the engine's thread, which may still be ringing when the answer is already read.
        const auto bell = std::make_shared<Bell>();
        const auto token_queue = std::make_shared<api::TokenQueue>([bell] { bell->ring(); }, nullptr);
        const engine::RequestId id = engine_->submit(std::move(request), token_queue);
        ChatAnswer answer;
        api::Paragraphs paragraphs;
        for (;;) {
            bell->wait_for(100ms);
            const api::TokenQueue::Contents contents = token_queue->take();
            std::vector<api::ItemEvent> events;
            for (const backend::SampledToken& token : contents.tokens) reader.push(token, events);
            if (contents.finish) reader.finish(events);
            bool keep_going = on_written(Written::content, "");
            for (const api::ItemEvent& event : events) {
                if (event.step != api::ItemEvent::Step::delta) continue;
                if (event.kind == api::ItemKind::reasoning) {
                    keep_going = on_written(Written::reasoning, event.text) && keep_going;
                } else if (api::is_visible(event.kind)) {
                    const std::string piece = paragraphs.next(event);
                    keep_going = on_written(Written::content, piece) && keep_going;
                    answer.text += piece;
                }
            }
            if (!keep_going && !answer.interrupted) {
                answer.interrupted = true;
                engine_->cancel(id);
            }
            if (!contents.finish) continue;
            if (contents.finish->reason == engine::FinishReason::error)
                throw Error(ErrorCode::device_failed, contents.finish->error);
            say_speed(contents.finish->usage, answer);
            return answer;
        }
    }

    static void say_speed(const engine::Usage& usage, ChatAnswer& answer) {
        const auto speed = [](double tokens, double time_ms) {
            return time_ms > 0 && tokens > 0 ? tokens * 1e3 / time_ms : 0.0;
        };
        answer.prompt_tokens = usage.prompt_tokens;
        answer.completion_tokens = usage.completion_tokens;
        answer.prompt_tokens_per_second = speed(usage.prompt_tokens - usage.cached_tokens, usage.prompt_ms);
        answer.generation_tokens_per_second = speed(usage.completion_tokens - 1, usage.generation_ms);
    }

    std::string name_;
    std::shared_ptr<engine::Engine> engine_;
    std::shared_ptr<api::Service> service_;
    api::CallMemory memory_;
};

}  // namespace

std::unique_ptr<ChatPartner> make_local_partner(const node::Settings& settings) {
    ProgressLine line;
    node::LoadReport report;
    node::LoadedModel model =
        node::load_model(settings, devices(),
                         [&](const std::string& stage, std::int64_t done_bytes, std::int64_t total_bytes) {
                             line.show(report.text(stage, done_bytes, total_bytes));
                         });
    return std::make_unique<LocalPartner>(std::move(model), settings.date);
}

}  // namespace gptoss::cli
