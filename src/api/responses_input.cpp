#include "api/responses_input.h"

#include <set>
#include <utility>

#include "api/history.h"
#include "api/response_store.h"

namespace gptoss::api {

namespace {

// Items of one turn of the assistant, gathered until something else comes: harmony renders them together.
struct Turn {
    std::optional<std::string> reasoning;
    std::string text;
    bool only_commentary = false;  // the text is a preamble, even where no call follows
    std::vector<PastCall> calls;

    bool empty() const { return !reasoning && text.empty() && calls.empty(); }
};

class InputReader {
  public:
    InputReader(const ResponsesTools& tools, const ResponsesInputOptions& options,
                harmony::Conversation& conversation)
        : tools_(tools), options_(options), history_(options.memory, conversation) {}

    void read_all(const Json& items, const std::string& path) {
        for (std::size_t i = 0; i < items.size(); ++i)
            read(Fields(items[i], path + "[" + std::to_string(i) + "]"));
    }

    void finish() {
        end_turn();
        history_.finish();
    }

  private:
    void read(const Fields& item) {
        const bool is_message = item.find("type") == nullptr && item.find("role") != nullptr;
        const std::string type = is_message ? "message" : item.text("type");
        if (type == "message") {
            read_message(item);
        } else if (type == "reasoning") {
            read_reasoning(item);
        } else if (type == "function_call" || type == "custom_tool_call") {
            read_call(item, type == "custom_tool_call");
        } else if (type == "function_call_output" || type == "custom_tool_call_output") {
            read_output(item);
        } else if (type == "item_reference") {
            read_reference(item);
        } else if (type == "compaction" || type == "compaction_summary") {
            if (options_.opens_compaction) read_compaction(item);
        } else if (is_part_type(type)) {
            refuse_field(
                item.path("type"),
                "is \"" + type + "\", which is a part of a message: put it into the content of one.");
        }
        // Items of hosted tools were made elsewhere, and this node knows nothing about them.
    }

    void read_message(const Fields& message) {
        const std::string role = message.text("role");
        std::string text = read_text_parts(message.find("content"), message.path("content"), options_.unseen);
        if (role == "assistant") return read_answer(message, std::move(text));
        end_turn();
        if (role == "user") {
            history_.add_user(std::move(text));
        } else if (role == "developer" || role == "system") {
            history_.add_developer(std::move(text));
        } else {
            refuse_field(message.path("role"),
                         "must be user, assistant, system or developer, not \"" + role + "\".");
        }
    }

    void read_answer(const Fields& message, std::string text) {
        if (!turn_.text.empty() || !turn_.calls.empty()) end_turn();
        turn_.text = std::move(text);
        turn_.only_commentary = message.find_text("phase") == "commentary";
    }

    void read_reasoning(const Fields& item) {
        std::string text = read_text_parts(item.find("content"), item.path("content"), options_.unseen);
        if (const auto sealed = item.find_text("encrypted_content"); sealed && text.empty() && options_.seal)
            text = options_.seal->open(*sealed, kReasoningSeal).value_or("");
        if (text.empty()) text = read_text_parts(item.find("summary"), item.path("summary"), options_.unseen);
        if (text.empty()) return;
        if (!turn_.text.empty() || !turn_.calls.empty()) end_turn();
        if (!turn_.reasoning) turn_.reasoning.emplace();
        *turn_.reasoning += text;
    }

    void read_call(const Fields& item, bool is_custom) {
        PastCall call;
        call.id = item.text("call_id");
        call.name = tools_.harmony_name(item.text("name"), item.find_text("namespace").value_or(""));
        call.is_custom = is_custom;
        call.input = is_custom ? item.find_text("input").value_or("") : read_arguments(item);
        turn_.calls.push_back(std::move(call));
    }

    static std::string read_arguments(const Fields& item) {
        const Json* arguments = item.find("arguments");
        if (arguments == nullptr) return {};
        if (arguments->is_string()) return arguments->get<std::string>();
        if (arguments->is_object()) return to_text(*arguments);
        refuse_field(item.path("arguments"),
                     "must be a string of JSON, not " + std::string(type_name(*arguments)) + ".");
    }

    void read_output(const Fields& item) {
        end_turn();
        const std::string id = item.text("call_id");
        const Json* output = item.find("output");
        // Some tools give an object back; the model reads it as JSON.
        std::string text = output != nullptr && output->is_object()
                               ? to_text(*output)
                               : read_text_parts(output, item.path("output"), options_.unseen);
        if (!history_.add_tool_result(id, "", std::move(text))) {
            refuse_field(item.path("call_id"), "\"" + id + "\" answers no call of an earlier item.");
        }
    }

    void read_reference(const Fields& item) {
        const std::string id = item.text("id");
        // It is rendered once: a short request could otherwise repeat one long item ten thousand times.
        if (!referenced_.insert(id).second) return;
        const std::optional<Json> found = options_.find_item ? options_.find_item(id) : std::nullopt;
        // Reasoning that was not stored comes back by the call that followed it. A reference that leads to
        // another one leads nowhere: it may mean itself.
        if (found && !is_reference(*found)) read(Fields(*found, item.path("id")));
    }

    void read_compaction(const Fields& item) {
        const std::string sealed = item.text("encrypted_content");
        const auto text = options_.seal ? options_.seal->open(sealed, kCompactionSeal) : std::nullopt;
        if (!text) {
            refuse_field(item.path("encrypted_content"),
                         "was not made by this node, or with a key that it no longer has.");
        }
        read_all(parse_json(*text), item.path("encrypted_content"));
    }

    void end_turn() {
        Turn turn = std::exchange(turn_, {});
        if (turn.empty()) return;
        if (turn.only_commentary && turn.calls.empty()) {
            history_.add_preamble(turn.reasoning, std::move(turn.text));
        } else {
            history_.add_assistant(turn.reasoning, std::move(turn.text), turn.calls);
        }
    }

    const ResponsesTools& tools_;
    const ResponsesInputOptions& options_;
    HistoryBuilder history_;
    Turn turn_;
    std::set<std::string> referenced_;
};

}  // namespace

void read_responses_input(const Json& items, const ResponsesTools& tools,
                          const ResponsesInputOptions& options, harmony::Conversation& conversation) {
    InputReader reader(tools, options, conversation);
    reader.read_all(items, "input");
    reader.finish();
}

void check_new_items(const Json& earlier, const Json& items) {
    const ResponsesTools tools;
    ResponsesInputOptions options;
    options.opens_compaction = false;
    harmony::Conversation conversation;
    InputReader reader(tools, options, conversation);
    reader.read_all(earlier, "conversation");
    reader.read_all(items, "items");
    reader.finish();
}

}  // namespace gptoss::api
