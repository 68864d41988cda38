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

    void push(const backend::SampledToken& token, std::vector<Delta>& out) override {
        ++tokens_;
        if (tokenizer_.is_special(token.token)) {
            visible_.forget_noted();  // header words were noted as if they could become content
        } else {
            visible_.note(token);
        }
        parser_.push(token.token, [&](const harmony::Event& event) { read(event, out); });
        reasoning_tokens_ = parser_.reasoning_tokens();
    }

    void finish(std::vector<Delta>& out) override {
        parser_.finish([&](const harmony::Event& event) { read(event, out); });
        reasoning_tokens_ = parser_.reasoning_tokens();
        visible_.flush();
        show(out);
        remember_calls();
    }

    bool stopped() const override { return visible_.stopped(); }

  private:
    struct Call {
        std::string id, name, arguments;
        bool complete = false;
    };

    void read(const harmony::Event& event, std::vector<Delta>& out) {
        using Kind = harmony::EventKind;
        if (visible_.stopped()) return;
        switch (event.kind) {
            case Kind::reasoning:
                visible_.forget_noted();
                reasoning_ += event.text;
                out.push_back(make(Delta::Kind::reasoning, std::string(event.text)));
                break;
            case Kind::preamble:
            case Kind::content:
                // A preamble and an answer, or two answers, are paragraphs of one text.
                if (message_ended_ && visible_.anything_added()) visible_.add("\n\n");
                message_ended_ = false;
                visible_.add(event.text);
                show(out);
                break;
            case Kind::call_begin: {
                visible_.forget_noted();
                visible_.flush();  // a stop string does not reach across a call
                show(out);
                called_tool_ = true;
                calls_.push_back({random_id("call_"), std::string(event.name), {}});
                Delta begin = make(Delta::Kind::call_begin, {});
                begin.call_id = calls_.back().id;
                begin.name = calls_.back().name;
                out.push_back(std::move(begin));
                break;
            }
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
                message_ended_ = true;
                break;
        }
    }

    Delta make(Delta::Kind kind, std::string text) const {
        Delta delta;
        delta.kind = kind;
        delta.text = std::move(text);
        delta.tokens = tokens_;
        delta.call_index = static_cast<std::int32_t>(calls_.size()) - 1;
        return delta;
    }

    void add_arguments(std::string text, std::vector<Delta>& out) {
        calls_.back().arguments += text;
        out.push_back(make(Delta::Kind::call_arguments, std::move(text)));
    }

    void show(std::vector<Delta>& out) {
        VisibleText::Piece piece = visible_.take();
        if (piece.text.empty() && piece.logprobs.empty()) return;
        content_ += piece.text;
        Delta delta = make(Delta::Kind::content, std::move(piece.text));
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
    bool message_ended_ = false;
};

}  // namespace

std::unique_ptr<TokenReader> make_harmony_reader(const Tokenizer& tokenizer,
                                                 std::vector<std::string> tool_names, ReadOptions options,
                                                 CallMemory& memory) {
    return std::make_unique<HarmonyReader>(tokenizer, std::move(tool_names), std::move(options), memory);
}

}  // namespace gptoss::api
