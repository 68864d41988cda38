#include "api/messages_format.h"

#include <utility>

#include "api/error_reply.h"

namespace gptoss::api {

namespace {

Json usage_json_of(std::int64_t prompt_tokens, std::int64_t cached_tokens, std::int64_t output_tokens) {
    // What came from the cache is counted apart here, not as a part of input_tokens.
    return {{"input_tokens", prompt_tokens - cached_tokens},
            {"cache_creation_input_tokens", 0},
            {"cache_read_input_tokens", cached_tokens},
            {"output_tokens", output_tokens}};
}

Json final_usage(const UsageTotals& totals) {
    return usage_json_of(totals.usage.prompt_tokens, totals.usage.cached_tokens,
                         totals.usage.completion_tokens);
}

std::string_view stop_reason(const FinishInfo& outcome) {
    if (!outcome.stop_string.empty()) return "stop_sequence";
    if (outcome.finish_reason == "tool_calls") return "tool_use";
    return outcome.finish_reason == "stop" ? "end_turn" : "max_tokens";
}

Json stop_json(const FinishInfo& outcome) {
    Json json{{"stop_reason", stop_reason(outcome)}, {"stop_sequence", nullptr}};
    if (!outcome.stop_string.empty()) json["stop_sequence"] = outcome.stop_string;
    return json;
}

class MessagesFormat final : public ReplyFormat {
  public:
    MessagesFormat(ResponseMetadata facts, MessagesFormatOptions options)
        : facts_(std::move(facts)), options_(std::move(options)) {}

    void open(std::int32_t, Events& out) override {
        Json message = message_json();
        message["usage"] = usage_json_of(facts_.prompt_tokens, 0, 0);
        send("message_start", {{"message", std::move(message)}}, out);
        keep_alive(out);
    }

    void add(std::int32_t, const ItemEvent& event, Events& out) override {
        if (event.step == ItemEvent::Step::begin)
            item_ = {event.kind, {}, event.call_id, event.name, event.custom, false, {}};
        if (!shows(item_)) return;
        switch (event.step) {
            case ItemEvent::Step::begin:
                return begin(out);
            case ItemEvent::Step::delta:
                item_.text += event.text;
                return grow(event.text, out);
            case ItemEvent::Step::end:
                return end_block(out);
        }
    }

    void close(std::int32_t, const FinishInfo& outcome, const UsageTotals*, Events& out) override {
        outcome_ = outcome;
        if (blocks_ > 0) return;
        item_ = {};
        begin(out);
        end_block(out);
    }

    void end(const UsageTotals& totals, Events& out) override {
        send("message_delta", {{"delta", stop_json(outcome_)}, {"usage", final_usage(totals)}}, out);
        send("message_stop", Json::object(), out);
    }

    void fail(const Error& error, Events& out) override {
        out.push_back({"error", to_text(messages_error(error))});
    }

    void keep_alive(Events& out) const override { send("ping", Json::object(), out); }

    Json whole(std::span<const Transcript> transcripts, std::span<const FinishInfo> outcomes,
               const UsageTotals& totals) const override {
        Json message = message_json();
        for (const Item& item : transcripts[0].items) {
            if (shows(item)) message["content"].push_back(block_json(item));
        }
        if (message["content"].empty()) message["content"].push_back(block_json({}));
        message.update(stop_json(outcomes[0]));
        message["usage"] = final_usage(totals);
        return message;
    }

    Json error(const Error& error) const override { return messages_error(error); }

  private:
    Json message_json() const {
        return {{"id", facts_.id},         {"type", "message"},        {"role", "assistant"},
                {"model", facts_.model},   {"content", Json::array()}, {"stop_reason", nullptr},
                {"stop_sequence", nullptr}};
    }

    bool shows(const Item& item) const {
        return item.kind != ItemKind::reasoning || options_.thinking != ThinkingShown::none;
    }

    // The signature holds the thought itself, sealed: so it comes back even where its text is not shown.
    std::string signature(const Item& item) const {
        return options_.seal != nullptr ? options_.seal->seal(item.text, kThinkingSeal) : std::string();
    }

    Json block_json(const Item& item) const {
        switch (item.kind) {
            case ItemKind::reasoning:
                return {{"type", "thinking"},
                        {"thinking", options_.thinking == ThinkingShown::whole ? item.text : ""},
                        {"signature", signature(item)}};
            case ItemKind::call: {
                // A call that was cut off has no whole object yet.
                Json input = Json::parse(item.text, nullptr, false);
                if (!input.is_object()) input = Json::object();
                return {{"type", "tool_use"},
                        {"id", item.call_id},
                        {"name", item.name},
                        {"input", std::move(input)}};
            }
            default:
                return {{"type", "text"}, {"text", item.text}};
        }
    }

    static void send(std::string_view name, Json fields, Events& out) {
        Json data{{"type", name}};
        data.update(fields);
        out.push_back({std::string(name), to_text(data)});
    }

    void begin(Events& out) {
        Json block = block_json(item_);
        if (item_.kind == ItemKind::reasoning) block["signature"] = "";
        send("content_block_start", {{"index", blocks_}, {"content_block", std::move(block)}}, out);
    }

    // Most of a stream: written without a tree of JSON.
    void send_delta(std::string_view type, std::string_view field, const std::string& text, Events& out) {
        std::string data = R"({"type":"content_block_delta","index":)" + std::to_string(blocks_);
        data.append(R"(,"delta":{"type":")").append(type).append("\",\"").append(field).append("\":");
        out.push_back({"content_block_delta", data + to_text(text) + "}}"});
    }

    void grow(const std::string& text, Events& out) {
        if (item_.kind == ItemKind::call) {
            send_delta("input_json_delta", "partial_json", text, out);
        } else if (is_visible(item_.kind)) {
            send_delta("text_delta", "text", text, out);
        } else if (options_.thinking == ThinkingShown::whole) {
            send_delta("thinking_delta", "thinking", text, out);
        }
    }

    void end_block(Events& out) {
        if (item_.kind == ItemKind::reasoning)
            send_delta("signature_delta", "signature", signature(item_), out);
        send("content_block_stop", {{"index", blocks_++}}, out);
    }

    ResponseMetadata facts_;
    MessagesFormatOptions options_;
    Item item_;  // the one in progress
    int blocks_ = 0;
    FinishInfo outcome_;
};

std::string_view error_type(int status) {
    switch (status) {
        case 401:
            return "authentication_error";
        case 403:
            return "permission_error";
        case 404:
            return "not_found_error";
        case 413:
            return "request_too_large";
        case 429:
            return "rate_limit_error";
        case 503:
            return "overloaded_error";
        default:
            return status < 500 ? "invalid_request_error" : "api_error";
    }
}

Json error_json(int status, const std::string& message) {
    return {{"type", "error"}, {"error", {{"type", error_type(status)}, {"message", message}}}};
}

std::string fact_of(const Error& error, std::string_view name) {
    for (const auto& [key, value] : error.facts()) {
        if (key == name) return value;
    }
    return "?";
}

}  // namespace

Json messages_error(const Error& error) {
    std::string message = message_with_hint(error);
    // In these words, or Claude Code does not begin to shorten its history.
    if (error.code() == ErrorCode::context_exceeded) {
        message = "prompt is too long: " + fact_of(error, "prompt_tokens") + " tokens > " +
                  fact_of(error, "context_length") + " maximum";
    }
    return error_json(http_status(error.code()), message);
}

HttpResponse in_messages_shape(HttpResponse reply) {
    const Json body = Json::parse(reply.body, nullptr, false);
    if (!body.is_object() || body.contains("type") || !body.contains("error")) return reply;
    reply.body = to_text(error_json(reply.status, body["error"].value("message", "")));
    return reply;
}

HttpResponse messages_error_reply(const Error& error) {
    HttpResponse reply = json_reply(messages_error(error), http_status(error.code()));
    add_retry_after(reply, error);
    return reply;
}

std::unique_ptr<ReplyFormat> make_messages_format(ResponseMetadata facts, MessagesFormatOptions options) {
    return std::make_unique<MessagesFormat>(std::move(facts), std::move(options));
}

}  // namespace gptoss::api
