#include "api/responses_format.h"

#include <algorithm>
#include <utility>

#include "api/error_reply.h"

namespace gptoss::api {

namespace {

class ResponsesFormat final : public ReplyFormat {
  public:
    ResponsesFormat(const Tokenizer& tokenizer, ResponseMetadata facts, Json echoed,
                    ResponsesOutputOptions options)
        : facts_(std::move(facts)), echoed_(std::move(echoed)), output_(tokenizer, std::move(options)) {}

    void open(std::int32_t, Events& out) override {
        send("response.created", {{"response", response(in_progress())}}, out);
        send("response.in_progress", {{"response", response(in_progress())}}, out);
    }

    void add(std::int32_t, const ItemEvent& event, Events& out) override {
        switch (event.step) {
            case ItemEvent::Step::begin:
                item_ = {event.kind, {}, event.call_id, event.name, event.custom, false, {}};
                return begin(out);
            case ItemEvent::Step::delta:
                item_.text += event.text;
                item_.logprobs.insert(item_.logprobs.end(), event.logprobs.begin(), event.logprobs.end());
                return grow(event, out);
            case ItemEvent::Step::end:
                item_.complete = event.complete;
                return end_item(out);
        }
    }

    void close(std::int32_t, const FinishInfo& outcome, const UsageTotals*, Events& out) override {
        outcome_ = outcome;
        if (says_nothing(done_, outcome)) {
            item_ = empty_message();
            begin(out);
            end_item(out);
        }
    }

    void end(const UsageTotals& totals, Events& out) override {
        ResponseState state = ended(outcome_, totals);
        state.output = done_;
        send(ending_event(state.status), {{"response", over(std::move(state))}}, out);
    }

    void fail(const Error& error, Events& out) override {
        ResponseState state = failed_state(error);
        state.output = done_;
        send("response.failed", {{"response", over(std::move(state))}}, out);
    }

    // Comments do not count for Codex's idle time; this event does, and no client minds seeing it twice. It
    // has the number of the event before it: whoever resumes the stream later misses nothing.
    void keep_alive(Events& out) const override {
        Json data{{"type", "response.in_progress"}, {"sequence_number", std::max(next_number_ - 1, 0)}};
        ResponseState state = in_progress();
        data["response"] = response(std::move(state));
        out.push_back({"response.in_progress", to_text(data)});
    }

    Json whole(std::span<const Transcript> transcripts, std::span<const FinishInfo> outcomes,
               const UsageTotals& totals) const override {
        ResponseState state = ended(outcomes[0], totals);
        for (const Item& item : transcripts[0].items) {
            if (output_.shows(item)) state.output.push_back(output_.ended(item, output_.new_id(item)));
        }
        if (says_nothing(state.output, outcomes[0])) {
            const Item empty = empty_message();
            state.output.push_back(output_.ended(empty, output_.new_id(empty)));
        }
        return over(std::move(state));
    }

    Json error(const Error& error) const override {
        over(failed_state(error));
        return openai_error(error);
    }

  private:
    static ResponseState in_progress() {
        ResponseState state;
        state.status = "in_progress";
        return state;
    }
    Json response(ResponseState state) const { return response_json(facts_, echoed_, std::move(state)); }

    ResponseState ended(FinishInfo outcome, const UsageTotals& totals) const {
        // Its one token was asked for by nobody.
        if (output_.options().warm_up) outcome.finish_reason = "stop";
        return ended_state(outcome, totals);
    }

    Json over(ResponseState state) const {
        Json json = response(std::move(state));
        output_.options().ended(json);
        return json;
    }

    // An agent that gets neither an answer nor a call asks again and again.
    bool says_nothing(const Json& items, const FinishInfo& outcome) const {
        if (outcome.finish_reason != "stop" || output_.options().warm_up) return false;
        for (const Json& item : items) {
            if (item["type"] != "reasoning") return false;
        }
        return true;
    }
    static Item empty_message() { return {ItemKind::content, {}, {}, {}, false, true, {}}; }

    void send(std::string_view name, Json fields, Events& out) {
        Json data{{"type", name}, {"sequence_number", next_number_++}};
        data.update(fields);
        out.push_back({std::string(name), to_text(data)});
    }

    // Of an event about the item in progress.
    Json about_item(Json more = Json::object()) const {
        Json fields{{"item_id", id_}, {"output_index", done_.size()}};
        fields.update(more);
        return fields;
    }
    Json about_part(Json more) const {
        more["content_index"] = 0;
        return about_item(std::move(more));
    }
    Json about_summary(Json more) const {
        more["summary_index"] = 0;
        return about_item(std::move(more));
    }

    bool shows_summary() const {
        return item_.kind == ItemKind::reasoning && output_.options().reasoning_summary;
    }
    bool has_part() const {
        return is_visible(item_.kind) ||
               (item_.kind == ItemKind::reasoning && output_.options().reasoning_content);
    }

    void begin(Events& out) {
        if (!output_.shows(item_)) return;
        id_ = output_.new_id(item_);
        send("response.output_item.added",
             {{"output_index", done_.size()}, {"item", output_.begun(item_, id_)}}, out);
        if (has_part()) send("response.content_part.added", about_part({{"part", output_.part(item_)}}), out);
        if (shows_summary()) {
            send("response.reasoning_summary_part.added",
                 about_summary({{"part", {{"type", "summary_text"}, {"text", ""}}}}), out);
        }
    }

    void grow(const ItemEvent& event, Events& out) {
        if (!output_.shows(item_)) return;
        if (item_.kind == ItemKind::call) {
            send_delta(output_.is_custom(item_) ? "response.custom_tool_call_input.delta"
                                                : "response.function_call_arguments.delta",
                       event.text, "", out);
        } else if (is_visible(item_.kind)) {
            send_delta("response.output_text.delta", event.text,
                       ",\"content_index\":0,\"logprobs\":" + to_text(output_.logprobs(event.logprobs)), out);
        } else {
            if (has_part())
                send_delta("response.reasoning_text.delta", event.text, ",\"content_index\":0", out);
            if (shows_summary())
                send_delta("response.reasoning_summary_text.delta", event.text, ",\"summary_index\":0", out);
        }
    }

    // Most of a stream: written without a tree of JSON. `more`: members, each after a comma.
    void send_delta(std::string_view name, const std::string& text, const std::string& more, Events& out) {
        std::string data = "{\"type\":\"";
        data.append(name).append("\",\"sequence_number\":").append(std::to_string(next_number_++));
        data.append(",\"item_id\":").append(to_text(id_));
        data.append(",\"output_index\":").append(std::to_string(done_.size()));
        data.append(",\"delta\":").append(to_text(text)).append(more) += '}';
        out.push_back({std::string(name), std::move(data)});
    }

    void end_item(Events& out) {
        if (!output_.shows(item_)) return;
        Json done = output_.ended(item_, id_);
        const Json text{{"text", item_.text}};
        if (item_.kind == ItemKind::call) {
            const bool custom = output_.is_custom(item_);
            send(custom ? "response.custom_tool_call_input.done" : "response.function_call_arguments.done",
                 about_item({{"name", done["name"]}, {custom ? "input" : "arguments", item_.text}}), out);
        } else if (is_visible(item_.kind)) {
            send("response.output_text.done",
                 about_part({{"text", item_.text}, {"logprobs", output_.logprobs(item_.logprobs)}}), out);
        } else {
            if (has_part()) send("response.reasoning_text.done", about_part(text), out);
            if (shows_summary()) {
                send("response.reasoning_summary_text.done", about_summary(text), out);
                send("response.reasoning_summary_part.done",
                     about_summary({{"part", {{"type", "summary_text"}, {"text", item_.text}}}}), out);
            }
        }
        if (has_part()) send("response.content_part.done", about_part({{"part", output_.part(item_)}}), out);
        send("response.output_item.done", {{"output_index", done_.size()}, {"item", done}}, out);
        done_.push_back(std::move(done));
    }

    ResponseMetadata facts_;
    Json echoed_;
    ResponsesOutput output_;
    int next_number_ = 0;
    Item item_;       // the one in progress
    std::string id_;  // its id
    Json done_ = Json::array();
    FinishInfo outcome_;
};

}  // namespace

std::unique_ptr<ReplyFormat> make_responses_format(const Tokenizer& tokenizer, ResponseMetadata facts,
                                                   Json echoed, ResponsesOutputOptions options) {
    return std::make_unique<ResponsesFormat>(tokenizer, std::move(facts), std::move(echoed),
                                             std::move(options));
}

}  // namespace gptoss::api
