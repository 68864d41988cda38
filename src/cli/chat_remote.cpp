// `chat --url`: a running node answers.
#include "acceptance/client.h"
#include "base/error.h"
#include "cli/chat_partner.h"

namespace gptoss::cli {
namespace {

class RemotePartner final : public ChatPartner {
  public:
    RemotePartner(acceptance::Client client, std::string model)
        : client_(std::move(client)), model_(std::move(model)) {}

    std::string name() const override { return model_ + " at " + client_.url(); }

    ChatAnswer answer(const Chat& chat, const OnWritten& on_written) override {
        ChatAnswer answer;
        std::size_t reasoning_seen = 0, content_seen = 0;
        // The client hands over all that was written so far; only what is new is passed on.
        const auto tell = [&on_written](Written kind, const std::string& text, std::size_t& seen) {
            const std::string piece = text.substr(seen);
            seen = text.size();
            return on_written(kind, piece);
        };
        const acceptance::Answer reply =
            client_.stream(request_of(chat), [&](const acceptance::Answer& so_far) {
                const bool keep_going = tell(Written::reasoning, so_far.reasoning, reasoning_seen) &&
                                        tell(Written::content, so_far.content, content_seen);
                answer.interrupted = !keep_going;
                return keep_going;
            });
        if (!reply.problem.empty())
            throw Error(ErrorCode::network_failed, client_.url() + ": " + reply.problem);
        answer.text = reply.content;
        answer.prompt_tokens = reply.prompt_tokens;
        answer.completion_tokens = reply.completion_tokens;
        if (reply.delta_times_ms.size() > 1) {
            const double generation_ms = reply.delta_times_ms.back() - reply.delta_times_ms.front();
            if (generation_ms > 0 && reply.completion_tokens > 1)
                answer.generation_tokens_per_second =
                    static_cast<double>(reply.completion_tokens - 1) * 1e3 / generation_ms;
        }
        return answer;
    }

  private:
    acceptance::Json request_of(const Chat& chat) const {
        acceptance::Json request = {{"model", model_},
                                    {"messages", acceptance::Json::array()},
                                    {"reasoning_effort", chat.effort},
                                    {"temperature", chat.temperature}};
        if (chat.max_tokens > 0) request["max_completion_tokens"] = chat.max_tokens;
        if (chat.seed) request["seed"] = *chat.seed;
        acceptance::Json& messages = request["messages"];
        if (!chat.system.empty()) messages.push_back({{"role", "system"}, {"content", chat.system}});
        for (const ChatTurn& turn : chat.turns) {
            messages.push_back({{"role", "user"}, {"content", turn.question}});
            if (&turn != &chat.turns.back())
                messages.push_back({{"role", "assistant"}, {"content", turn.answer}});
        }
        return request;
    }

    acceptance::Client client_;
    std::string model_;
};

}  // namespace

std::unique_ptr<ChatPartner> make_remote_partner(const std::string& url, const std::string& api_key) {
    constexpr std::int64_t kTimeout_ms = 3'600'000;  // a long answer on a slow machine; Ctrl-C stops it
    acceptance::Client client({url, api_key, kTimeout_ms});
    const acceptance::PlainReply models = client.get("/v1/models");
    if (models.status != 200)
        throw Error(
            ErrorCode::network_failed,
            url + ": " + (models.status == 0 ? models.problem : "HTTP " + std::to_string(models.status)),
            models.status == 401 ? "Give the key in OPENAI_API_KEY or with --api-key-file."
                                 : "Is the node running there? `gpt-oss-node serve` starts one.");
    std::string model;
    if (models.json.is_object() && models.json.contains("data") && models.json["data"].is_array() &&
        !models.json["data"].empty())
        model = acceptance::text_at(models.json["data"].front(), "id");
    if (model.empty())
        throw Error(ErrorCode::network_failed, url + ": /v1/models names no model",
                    "Is it an OpenAI-compatible server?");
    return std::make_unique<RemotePartner>(std::move(client), model);
}

}  // namespace gptoss::cli
