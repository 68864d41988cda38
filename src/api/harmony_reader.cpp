#include <optional>
#include <utility>

#include "api/random_id.h"
#include "api/token_reader.h"
#include "api/visible_text.h"
#include "harmony/parser.h"

namespace gptoss::api {

namespace {

class HarmonyReader final : public TokenReader {
  public:
    HarmonyReader(const Tokenizer& tokenizer, std::vector<std::string> tool_names, ReadOptions options,
                  CallMemory& memory)
        : tokenizer_(tokenizer),
          memory_(memory),
          visible_(std::move(options.stop), options.with_logprobs),
          parser_(tokenizer, harmony::ParserOptions{std::move(tool_names)}) {}

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
    struct Call {
        std::string id, name, arguments;
        bool complete = false;
    };

    enum class Ended { complete, cut };

    void read(const harmony::Event& event, std::vector<ItemEvent>& out) {
        using Kind = harmony::EventKind;
        if (visible_.stopped()) return;
        switch (event.kind) {
            case Kind::reasoning:
                visible_.forget_noted();
                continue_item(ItemKind::reasoning, out);
                reasoning_ += event.text;
                out.push_back(make(ItemEvent::Step::delta, std::string(event.text)));
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
                calls_.push_back({random_id("call_"), std::string(event.name), {}});
                begin_item(ItemKind::call, out);
                break;
            case Kind::call_arguments:
                visible_.forget_noted();
                add_arguments(std::string(event.text), out);
                break;
            case Kind::call_end:
                // Clients parse the arguments as JSON: a call without any is one with an empty object.
                if (calls_.back().arguments.empty()) add_arguments("{}", out);
                calls_.back().complete = true;
                break;
            case Kind::message_end:
                end_item(Ended::complete, out);
                break;
        }
    }

    void begin_item(ItemKind kind, std::vector<ItemEvent>& out) {
        open_ = kind;
        ++last_item_;
        ItemEvent begin = make(ItemEvent::Step::begin);
        if (kind == ItemKind::call) {
            begin.call_id = calls_.back().id;
            begin.name = calls_.back().name;
        }
        out.push_back(std::move(begin));
    }

    void continue_item(ItemKind kind, std::vector<ItemEvent>& out) {
        if (open_ == kind) return;
        end_item(Ended::complete, out);
        if (is_visible(kind) && !content_.empty()) content_ += "\n\n";
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
        out.push_back(std::move(end));
        open_.reset();
    }

    ItemEvent make(ItemEvent::Step step, std::string text = {}) const {
        ItemEvent event;
        event.step = step;
        event.kind = *open_;
        event.item = last_item_;
        event.text = std::move(text);
        event.tokens = tokens_;
        event.call_index = open_ == ItemKind::call ? static_cast<std::int32_t>(calls_.size()) - 1 : -1;
        return event;
    }

    void add_arguments(std::string text, std::vector<ItemEvent>& out) {
        calls_.back().arguments += text;
        out.push_back(make(ItemEvent::Step::delta, std::move(text)));
    }

    void show(std::vector<ItemEvent>& out) {
        VisibleText::Piece piece = visible_.take();
        if (piece.text.empty() && piece.logprobs.empty()) return;
        content_ += piece.text;
        ItemEvent delta = make(ItemEvent::Step::delta, std::move(piece.text));
        delta.logprobs = std::move(piece.logprobs);
        out.push_back(std::move(delta));
    }

    void remember_calls() {
        const auto sampled = parser_.sampled_calls();
        for (std::size_t i = 0; i < calls_.size(); ++i) {
            const Call& call = calls_[i];
            if (!call.complete) continue;
            RememberedCall remembered{call.name, call.arguments, reasoning_, content_, {}};
            if (i < sampled.size()) remembered.sampled = sampled[i];
            memory_.remember(call.id, std::move(remembered));
        }
    }

    const Tokenizer& tokenizer_;
    CallMemory& memory_;
    VisibleText visible_;
    harmony::StreamParser parser_;
    std::string reasoning_;
    std::string content_;
    std::vector<Call> calls_;
    std::optional<ItemKind> open_;  // the item in progress
    std::int32_t last_item_ = -1;
};

}  // namespace

std::unique_ptr<TokenReader> make_harmony_reader(const Tokenizer& tokenizer,
                                                 std::vector<std::string> tool_names, ReadOptions options,
                                                 CallMemory& memory) {
    return std::make_unique<HarmonyReader>(tokenizer, std::move(tool_names), std::move(options), memory);
}

}  // namespace gptoss::api
