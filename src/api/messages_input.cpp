#include "api/messages_input.h"

#include <array>
#include <utility>

#include "api/history.h"

namespace gptoss::api {

namespace {

// Claude Code's first system block names its build and changes from request to request. It is meant for
// Anthropic's servers, and at the prompt's beginning it would keep everything behind it out of the cache.
constexpr std::string_view kBillingBlock = "x-anthropic-billing-header:";

bool is_error_text(std::string_view text) {
    constexpr std::array<std::string_view, 4> kBeginnings{"Error", "error", "ERROR", "<tool_use_error"};
    for (const std::string_view beginning : kBeginnings) {
        if (text.starts_with(beginning)) return true;
    }
    return false;
}

class MessagesReader {
  public:
    MessagesReader(const MessagesInputOptions& options, harmony::Conversation& conversation)
        : options_(options), history_(options.memory, conversation) {}

    void read_system(const Json* system) {
        if (system == nullptr) return;
        if (!system->is_array()) return history_.add_instructions(text_of(system, "system"));
        for (std::size_t i = 0; i < system->size(); ++i) {
            const Fields block((*system)[i], "system[" + std::to_string(i) + "]");
            const std::string text = read_text_part(block, options_.unseen);
            if (!text.starts_with(kBillingBlock)) history_.add_instructions(text);
        }
    }

    void read(const Fields& message) {
        const std::string role = message.text("role");
        const Json* content = message.find("content");
        if (role == "system") {
            history_.add_developer(text_of(content, message.path("content")));
        } else if (role == "user") {
            read_user(content, message.path("content"));
        } else if (role == "assistant") {
            read_assistant(content, message.path("content"));
        } else {
            refuse_field(message.path("role"), "must be user, assistant or system, not \"" + role + "\".");
        }
    }

    void finish() { history_.finish(); }

  private:
    std::string text_of(const Json* content, const std::string& path) const {
        return read_text_parts(content, path, options_.unseen);
    }

    // Results of tools stand before what the user says beside them.
    void read_user(const Json* content, const std::string& path) {
        if (content == nullptr || !content->is_array()) return history_.add_user(text_of(content, path));
        std::string said;
        for (std::size_t i = 0; i < content->size(); ++i) {
            const Fields block((*content)[i], path + "[" + std::to_string(i) + "]");
            if (block.text("type") == "tool_result") {
                read_result(block);
                continue;
            }
            const std::string text = read_text_part(block, options_.unseen);
            if (!said.empty() && !text.empty()) said += "\n\n";
            said += text;
        }
        if (!said.empty()) history_.add_user(std::move(said));
    }

    void read_result(const Fields& block) {
        const std::string id = block.text("tool_use_id");
        std::string text = text_of(block.find("content"), block.path("content"));
        if (block.find_boolean("is_error").value_or(false) && !is_error_text(text)) text = "Error: " + text;
        if (!history_.add_tool_result(id, "", std::move(text))) {
            refuse_field(block.path("tool_use_id"),
                         "\"" + id + "\" answers no tool_use of an earlier assistant message.");
        }
    }

    void read_assistant(const Json* content, const std::string& path) {
        if (content == nullptr || !content->is_array())
            return history_.add_assistant(std::nullopt, text_of(content, path), {});
        std::optional<std::string> reasoning;
        std::string said;
        std::vector<PastCall> calls;
        const auto end_turn = [&] {
            if (reasoning || !said.empty() || !calls.empty())
                history_.add_assistant(std::exchange(reasoning, {}), std::exchange(said, {}),
                                       std::exchange(calls, {}));
        };
        for (std::size_t i = 0; i < content->size(); ++i) {
            const Fields block((*content)[i], path + "[" + std::to_string(i) + "]");
            const std::string type = block.text("type");
            if (type == "thinking" || type == "redacted_thinking") {
                if (!calls.empty()) end_turn();
                if (const auto thought = read_thinking(block, type))
                    reasoning = reasoning.value_or("") + *thought;
            } else if (type == "tool_use") {
                calls.push_back(read_call(block));
            } else if (type == "text") {
                if (!calls.empty()) end_turn();
                if (!said.empty()) said += "\n\n";
                said += block.text("text");
            }
            // Blocks of server tools were made elsewhere.
        }
        end_turn();
    }

    // Only what this node thought itself counts as the model's own thought.
    std::optional<std::string> read_thinking(const Fields& block, const std::string& type) const {
        const std::string sealed = block.find_text(type == "thinking" ? "signature" : "data").value_or("");
        auto thought = options_.seal != nullptr ? options_.seal->open(sealed, kThinkingSeal) : std::nullopt;
        const std::string shown = block.find_text("thinking").value_or("");
        if (thought && !shown.empty() && shown != *thought) return std::nullopt;
        return thought;
    }

    static PastCall read_call(const Fields& block) {
        PastCall call;
        call.id = block.text("id");
        call.name = block.text("name");
        const Json* input = block.find("input");
        if (input != nullptr) call.input = input->is_string() ? input->get<std::string>() : to_text(*input);
        return call;
    }

    const MessagesInputOptions& options_;
    HistoryBuilder history_;
};

}  // namespace

void read_messages_input(const Fields& request, const MessagesInputOptions& options,
                         harmony::Conversation& conversation) {
    MessagesReader reader(options, conversation);
    reader.read_system(request.find("system"));
    const Json& messages = request.array("messages");
    if (messages.empty()) refuse_field("messages", "must hold at least one message.");
    for (std::size_t i = 0; i < messages.size(); ++i)
        reader.read(Fields(messages[i], "messages." + std::to_string(i)));
    reader.finish();
}

}  // namespace gptoss::api
