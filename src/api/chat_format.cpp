#include "api/chat_format.h"

#include <unordered_map>

#include "api/error_reply.h"
#include "api/logprob_json.h"

namespace gptoss::api {

namespace {

class ChatFormat final : public ReplyFormat {
  public:
    ChatFormat(const Tokenizer& tokenizer, ResponseMetadata facts, ChatFormatOptions options)
        : tokenizer_(tokenizer), facts_(std::move(facts)), options_(options) {
        // The same for every chunk, so it is written once. Json's text of an object ends with "}".
        head_ = to_text(header("chat.completion.chunk"));
        head_.back() = ',';
    }

    void open(std::int32_t choice, Events& out) override {
        append_chunk(out, choice_json(choice, {{"role", "assistant"}, {"content", ""}}, nullptr, nullptr));
    }

    void add(std::int32_t choice, const ItemEvent& event, Events& out) override {
        if (event.step == ItemEvent::Step::end) return;
        const bool begins = event.step == ItemEvent::Step::begin;
        if (begins && event.kind != ItemKind::call) return;
        if (event.kind != ItemKind::call && !options_.logprobs) return add_text(choice, event, out);
        Json fields = Json::object();
        if (event.kind == ItemKind::reasoning) {
            add_reasoning(fields, event.text);
            if (fields.empty()) return;
        } else if (is_visible(event.kind)) {
            fields["content"] = paragraphs_[choice].next(event);
        } else if (options_.legacy_functions) {
            fields["function_call"] = piece_of_call(event, "arguments");
        } else {
            Json call{{"index", event.call_index}};
            // Clients join the strings of all deltas of an index, so id, type and name are said once.
            if (begins) {
                call["id"] = event.call_id;
                call["type"] = type_of_call(event.custom);
            }
            call[type_of_call(event.custom)] = piece_of_call(event, field_of_input(event.custom));
            fields["tool_calls"] = Json::array({std::move(call)});
        }
        append_chunk(out, choice_json(choice, std::move(fields), logprobs_json(event.logprobs), nullptr));
    }

    void close(std::int32_t choice, const FinishInfo& outcome, const UsageTotals* totals,
               Events& out) override {
        append_chunk(out, choice_json(choice, Json::object(), nullptr, finish_reason(outcome)), totals);
    }

    void end(const UsageTotals& totals, Events& out) override {
        // Only clients that ask for it are ready for a chunk without choices.
        if (options_.include_usage) {
            Json last = header("chat.completion.chunk");
            last["choices"] = Json::array();
            last["usage"] = usage_json(totals);
            out.push_back(unnamed_event(last));
        }
        out.push_back(done_event());
    }

    Json whole(std::span<const Transcript> transcripts, std::span<const FinishInfo> outcomes,
               const UsageTotals& totals) const override {
        Json reply = header("chat.completion");
        reply["choices"] = Json::array();
        for (std::size_t i = 0; i < transcripts.size(); ++i) {
            const Transcript& said = transcripts[i];
            Json choice{{"index", i}, {"message", message_json(said)}};
            choice["logprobs"] = options_.logprobs ? logprobs_json(said.logprobs()) : Json(nullptr);
            choice["finish_reason"] = finish_reason(outcomes[i]);
            reply["choices"].push_back(std::move(choice));
        }
        reply["usage"] = usage_json(totals);
        reply["timings"] = timings_json(totals, facts_);
        return reply;
    }

    Json error(const Error& error) const override { return openai_error(error); }

  private:
    Json header(std::string_view object) const {
        return {{"id", facts_.id},
                {"object", object},
                {"created", facts_.created_s},
                {"model", facts_.model},
                {"system_fingerprint", fingerprint()}};
    }

    // Most of a stream: written without a tree of JSON.
    void add_text(std::int32_t choice, const ItemEvent& event, Events& out) {
        const bool is_reasoning = event.kind == ItemKind::reasoning;
        const std::string text = to_text(is_reasoning ? event.text : paragraphs_[choice].next(event));
        std::string delta;
        const auto add_field = [&](std::string_view name) {
            delta.append(delta.empty() ? "\"" : ",\"").append(name).append("\":").append(text);
        };
        if (!is_reasoning) add_field("content");
        if (is_reasoning && shows_reasoning()) add_field("reasoning");
        if (is_reasoning && shows_reasoning_content()) add_field("reasoning_content");
        if (delta.empty()) return;
        append_chunk(out, "{\"index\":" + std::to_string(choice) + ",\"delta\":{" + delta +
                              "},\"logprobs\":null,\"finish_reason\":null}");
    }

    void append_chunk(Events& out, const Json& choice, const UsageTotals* totals = nullptr) const {
        append_chunk(out, to_text(choice), totals);
    }

    void append_chunk(Events& out, const std::string& choice, const UsageTotals* totals = nullptr) const {
        std::string data = head_;
        data.append("\"choices\":[").append(choice) += ']';
        if (options_.include_usage) data += ",\"usage\":null";
        if (totals != nullptr) data += ",\"timings\":" + to_text(timings_json(*totals, facts_));
        data += "}";
        out.push_back({{}, std::move(data)});
    }

    static Json choice_json(std::int32_t index, Json delta, Json logprobs, Json finish_reason) {
        Json choice;
        choice["index"] = index;
        choice["delta"] = std::move(delta);
        choice["logprobs"] = std::move(logprobs);
        choice["finish_reason"] = std::move(finish_reason);
        return choice;
    }

    std::string finish_reason(const FinishInfo& outcome) const {
        const bool called = outcome.finish_reason == "tool_calls";
        return called && options_.legacy_functions ? "function_call" : outcome.finish_reason;
    }

    static std::string type_of_call(bool custom) { return custom ? "custom" : "function"; }
    static std::string field_of_input(bool custom) { return custom ? "input" : "arguments"; }

    static Json piece_of_call(const ItemEvent& event, const std::string& field) {
        if (event.step == ItemEvent::Step::begin) return {{"name", event.name}, {field, ""}};
        return {{field, event.text}};
    }

    void add_reasoning(Json& fields, const std::string& text) const {
        if (shows_reasoning()) fields["reasoning"] = text;
        if (shows_reasoning_content()) fields["reasoning_content"] = text;
    }
    bool shows_reasoning() const {
        return options_.reasoning == ReasoningFields::both ||
               options_.reasoning == ReasoningFields::reasoning;
    }
    bool shows_reasoning_content() const {
        return options_.reasoning == ReasoningFields::both ||
               options_.reasoning == ReasoningFields::reasoning_content;
    }

    Json message_json(const Transcript& said) const {
        Json message{{"role", "assistant"}};
        const std::string content = said.content();
        // Where there are calls, the content is what the model said to the user before them.
        message["content"] = said.has_calls() && content.empty() ? Json(nullptr) : Json(content);
        message["refusal"] = nullptr;
        if (const std::string thought = said.reasoning(); !thought.empty()) add_reasoning(message, thought);
        if (!said.has_calls()) return message;
        Json calls = Json::array();
        for (const Item& item : said.items) {
            if (item.kind != ItemKind::call) continue;
            const std::string type = type_of_call(item.custom);
            calls.push_back({{"id", item.call_id},
                             {"type", type},
                             {type, {{"name", item.name}, {field_of_input(item.custom), item.text}}}});
        }
        if (options_.legacy_functions) {
            message["function_call"] = calls[0]["function"];
        } else {
            message["tool_calls"] = std::move(calls);
        }
        return message;
    }

    Json logprobs_json(const std::vector<backend::SampledToken>& tokens) const {
        if (!options_.logprobs) return nullptr;
        Json list = Json::array();
        for (const backend::SampledToken& sampled : tokens)
            list.push_back(sampled_logprob_json(tokenizer_, sampled));
        return {{"content", std::move(list)}, {"refusal", nullptr}};
    }

    const Tokenizer& tokenizer_;
    ResponseMetadata facts_;
    ChatFormatOptions options_;
    std::string head_;
    std::unordered_map<std::int32_t, Paragraphs> paragraphs_;  // by choice
};

}  // namespace

std::unique_ptr<ReplyFormat> make_chat_format(const Tokenizer& tokenizer, ResponseMetadata facts,
                                              ChatFormatOptions options) {
    return std::make_unique<ChatFormat>(tokenizer, std::move(facts), options);
}

}  // namespace gptoss::api
