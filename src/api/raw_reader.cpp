#include <algorithm>

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

    void push(const backend::SampledToken& token, std::vector<Delta>& out) override {
        ++tokens_;
        if (std::find(stop_tokens_.begin(), stop_tokens_.end(), token.token) == stop_tokens_.end())
            add(token, out);
    }

    void finish(std::vector<Delta>& out) override {
        std::string text;
        utf8_.flush(text);
        visible_.add(text);
        visible_.flush();
        show(out);
    }

    bool stopped() const override { return visible_.stopped(); }

  private:
    void add(const backend::SampledToken& token, std::vector<Delta>& out) {
        visible_.note(token);
        std::string text;
        utf8_.push(tokenizer_.bytes(token.token), text);
        if (text.empty()) return;
        visible_.add(text);
        show(out);
    }

    void show(std::vector<Delta>& out) {
        VisibleText::Piece piece = visible_.take();
        if (piece.text.empty() && piece.logprobs.empty()) return;
        Delta delta;
        delta.text = std::move(piece.text);
        delta.logprobs = std::move(piece.logprobs);
        delta.tokens = tokens_;
        out.push_back(std::move(delta));
    }

    const Tokenizer& tokenizer_;
    std::vector<TokenId> stop_tokens_;
    VisibleText visible_;
    harmony::Utf8Assembler utf8_;
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
