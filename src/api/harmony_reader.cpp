#include <optional>
#include <set>
#include <utility>

#include "api/json_equality.h"
#include "api/random_id.h"
#include "api/token_reader.h"
#include "api/visible_text.h"
#include "harmony/parser.h"

namespace gptoss::api {

namespace {

std::vector<std::string> names_of(const std::vector<harmony::Tool>& tools) {
    std::vector<std::string> names;
    for (const harmony::Tool& tool : tools) names.push_back(tool.name);
    return names;
}

class HarmonyReader final : public TokenReader {
  public:
    HarmonyReader(const Tokenizer& tokenizer, const std::vector<harmony::Tool>& tools, ReadOptions options,
                  CallMemory& memory)
        : tokenizer_(tokenizer),
          memory_(memory),
          visible_(std::move(options.stop), options.with_logprobs),
          parser_(tokenizer, harmony::ParserOptions{names_of(tools)}) {
        for (const harmony::Tool& tool : tools)
            if (tool.custom) custom_tools_.insert(tool.name);
    }

    void push(const backend::SampledToken& token, std::vector<ItemEvent>& out) override {
        ++tokens_;
        if (tokenizer_.is_special(token.token)) {
            visible_.forget_noted();  // header words were noted as if they could become content
        } else {
            visible_.note(token);
        }
        parser_.push(token.token, [&](const harmony::Event& event) { read(event, out); });
        reasoning_tokens_ = parser_.reasoning_tokens();
    }

    void finish(std::vector<ItemEvent>& out) override {
        parser_.finish([&](const harmony::Event& event) { read(event, out); });
        reasoning_tokens_ = parser_.reasoning_tokens();
        end_item(visible_.stopped_by().empty() ? Ended::cut : Ended::complete, out);
        remember_calls();
    }

    const std::string& stop_string() const override { return visible_.stopped_by(); }

  private:
    enum class Ended { complete, cut };

    void read(const harmony::Event& event, std::vector<ItemEvent>& out) {
        using Kind = harmony::EventKind;
        if (visible_.stopped()) return;
        switch (event.kind) {
            case Kind::reasoning:
                visible_.forget_noted();
                continue_item(ItemKind::reasoning, out);
                emit(make(ItemEvent::Step::delta, std::string(event.text)), out);
                break;
            case Kind::preamble:
            case Kind::content:
                continue_item(event.kind == Kind::preamble ? ItemKind::preamble : ItemKind::content, out);
                visible_.add(event.text);
                show(out);
                break;
            case Kind::call_begin:
                visible_.forget_noted();
                end_item(Ended::complete, out);
                called_tool_ = true;
                ++last_call_;
                begin_item(ItemKind::call, out, std::string(event.name));
                break;
            case Kind::call_arguments:
                visible_.forget_noted();
                emit(make(ItemEvent::Step::delta, std::string(event.text)), out);
                break;
            case Kind::call_end:
                // Clients parse the arguments as JSON: a call without any is one with an empty object.
                if (is_blank_json(reply_.items.back().text) && !reply_.items.back().custom)
                    emit(make(ItemEvent::Step::delta, "{}"), out);
                break;
            case Kind::message_end:
                end_item(Ended::complete, out);
                break;
        }
    }

    void begin_item(ItemKind kind, std::vector<ItemEvent>& out, std::string function = {}) {
        open_ = kind;
        open_custom_ = custom_tools_.contains(function);
        ++last_item_;
        ItemEvent begin = make(ItemEvent::Step::begin);
        begin.name = std::move(function);
        if (kind == ItemKind::call) begin.call_id = random_id("call_");
        emit(std::move(begin), out);
    }

    void continue_item(ItemKind kind, std::vector<ItemEvent>& out) {
        if (open_ == kind) return;
        end_item(Ended::complete, out);
        begin_item(kind, out);
    }

    // A stop string does not reach from one item into the next.
    void end_item(Ended how, std::vector<ItemEvent>& out) {
        if (!open_) return;
        if (is_visible(*open_)) {
            visible_.flush();
            show(out);
        }
        ItemEvent end = make(ItemEvent::Step::end);
        end.complete = how == Ended::complete;
        emit(std::move(end), out);
        open_.reset();
    }

    ItemEvent make(ItemEvent::Step step, std::string text = {}) const {
        ItemEvent event;
        event.step = step;
        event.kind = *open_;
        event.item = last_item_;
        event.text = std::move(text);
        event.tokens = tokens_;
        event.custom = open_custom_;
        event.call_index = open_ == ItemKind::call ? last_call_ : -1;
        return event;
    }

    void emit(ItemEvent event, std::vector<ItemEvent>& out) {
        reply_.add(event);
        reply_.items.back().logprobs.clear();  // the memory of calls needs none
        out.push_back(std::move(event));
    }

    void show(std::vector<ItemEvent>& out) {
        VisibleText::Piece piece = visible_.take();
        if (piece.text.empty() && piece.logprobs.empty()) return;
        ItemEvent delta = make(ItemEvent::Step::delta, std::move(piece.text));
        delta.logprobs = std::move(piece.logprobs);
        emit(std::move(delta), out);
    }

    // The reply as the next turn's prompt repeats it.
    void remember_calls() {
        const auto sampled = parser_.sampled_calls();
        RememberedReply messages;
        std::vector<CallMemory::CallId> calls;
        std::size_t calls_seen = 0;
        for (const Item& item : reply_.items) {
            const bool is_call = item.kind == ItemKind::call;
            const std::size_t call = calls_seen;
            calls_seen += is_call;
            if (is_call ? !item.complete : item.text.empty()) continue;
            harmony::Message message;
            message.role = harmony::Role::assistant;
            message.channel =
                item.kind == ItemKind::reasoning ? harmony::Channel::analysis : harmony::Channel::commentary;
            message.content = item.text;
            if (is_call) {
                message.recipient = harmony::recipient_of(item.name);
                if (!item.custom) message.content_type = harmony::kJsonContentType;
                if (call < sampled.size()) message.sampled = sampled[call];
                calls.push_back({item.call_id, messages.size()});
            }
            messages.push_back(std::move(message));
        }
        memory_.remember(std::move(messages), std::move(calls));
    }

    const Tokenizer& tokenizer_;
    CallMemory& memory_;
    VisibleText visible_;
    harmony::StreamParser parser_;
    std::set<std::string> custom_tools_;
    Transcript reply_;
    std::optional<ItemKind> open_;  // the item in progress
    bool open_custom_ = false;      // it is a call of a custom tool
    std::int32_t last_item_ = -1;
    std::int32_t last_call_ = -1;
};

}  // namespace

std::unique_ptr<TokenReader> make_harmony_reader(const Tokenizer& tokenizer,
                                                 const std::vector<harmony::Tool>& tools, ReadOptions options,
                                                 CallMemory& memory) {
    return std::make_unique<HarmonyReader>(tokenizer, tools, std::move(options), memory);
}

}  // namespace gptoss::api
