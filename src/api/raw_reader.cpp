#include <algorithm>
#include <utility>

#include "api/token_reader.h"
#include "api/visible_text.h"
#include "harmony/utf8.h"

namespace gptoss::api {

namespace {

class RawReader final : public TokenReader {
  public:
    RawReader(const Tokenizer& tokenizer, ReadOptions options)
        : tokenizer_(tokenizer),
          stop_tokens_(stop_tokens(tokenizer)),
          visible_(std::move(options.stop), options.with_logprobs) {}

    void push(const backend::SampledToken& token, std::vector<ItemEvent>& out) override {
        ++tokens_;
        if (std::find(stop_tokens_.begin(), stop_tokens_.end(), token.token) == stop_tokens_.end())
            add(token, out);
    }

    void finish(std::vector<ItemEvent>& out) override {
        std::string text;
        utf8_.flush(text);
        visible_.add(text);
        visible_.flush();
        show(out);
        if (begun_) out.push_back(make(ItemEvent::Step::end));
    }

    const std::string& stop_string() const override { return visible_.stopped_by(); }

  private:
    void add(const backend::SampledToken& token, std::vector<ItemEvent>& out) {
        visible_.note(token);
        std::string text;
        utf8_.push(tokenizer_.bytes(token.token), text);
        if (text.empty()) return;
        visible_.add(text);
        show(out);
    }

    void show(std::vector<ItemEvent>& out) {
        VisibleText::Piece piece = visible_.take();
        if (piece.text.empty() && piece.logprobs.empty()) return;
        if (!std::exchange(begun_, true)) out.push_back(make(ItemEvent::Step::begin));
        ItemEvent delta = make(ItemEvent::Step::delta);
        delta.text = std::move(piece.text);
        delta.logprobs = std::move(piece.logprobs);
        out.push_back(std::move(delta));
    }

    ItemEvent make(ItemEvent::Step step) const {
        ItemEvent event;
        event.step = step;
        event.tokens = tokens_;
        return event;
    }

    const Tokenizer& tokenizer_;
    std::vector<TokenId> stop_tokens_;
    VisibleText visible_;
    harmony::Utf8Assembler utf8_;
    bool begun_ = false;
};

}  // namespace

std::vector<TokenId> stop_tokens(const Tokenizer& tokenizer) {
    const SpecialTokens& special = tokenizer.special();
    std::vector<TokenId> tokens;
    for (const TokenId token : {special.return_, special.call, special.end_of_text}) {
        if (token != SpecialTokens::kNoToken) tokens.push_back(token);
    }
    return tokens;
}

std::unique_ptr<TokenReader> make_raw_reader(const Tokenizer& tokenizer, ReadOptions options) {
    return std::make_unique<RawReader>(tokenizer, std::move(options));
}

}  // namespace gptoss::api
