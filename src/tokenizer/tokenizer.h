// Text <-> token ids: o200k byte-pair encoding built from the file's own vocabulary.
// Equal to tiktoken's o200k_base on any bytes, valid UTF-8 or not. Immutable after construction, so any
// number of threads may use one. Source of the rules: tiktoken_ext/openai_public.py (o200k_base),
// openai/harmony.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/types.h"
#include "gguf/metadata.h"

namespace gptoss {

// The harmony markers by role, found by their text so that smaller vocabularies work. kNoToken where absent.
struct SpecialTokens {
    static constexpr TokenId kNoToken = -1;
    TokenId start = kNoToken;          // <|start|>
    TokenId end = kNoToken;            // <|end|>
    TokenId message = kNoToken;        // <|message|>
    TokenId channel = kNoToken;        // <|channel|>
    TokenId constrain = kNoToken;      // <|constrain|>
    TokenId return_ = kNoToken;        // <|return|>
    TokenId call = kNoToken;           // <|call|>
    TokenId start_of_text = kNoToken;  // <|startoftext|>
    TokenId end_of_text = kNoToken;    // <|endoftext|>
};

class Tokenizer {
  public:
    static constexpr std::size_t kNoMost = std::numeric_limits<std::size_t>::max();

    // Reads tokenizer.ggml.tokens and token_type (merges are not needed: ids are ranks). Throws
    // Error(key_missing), Error(key_invalid), Error(file_unsupported) for another tokenizer model.
    static Tokenizer from_metadata(const gguf::Metadata& metadata);

    Tokenizer(Tokenizer&&) noexcept;
    Tokenizer& operator=(Tokenizer&&) noexcept;
    ~Tokenizer();

    // Ordinary text: special tokens spelled in it become ordinary tokens. Never fails; takes any bytes.
    std::vector<TokenId> encode(std::string_view text) const;

    // For texts from outside: stops once `out` holds more than `most` tokens. Throws Error(request_invalid) for
    // a run without a break (pieces are merged as a whole) that is longer than limits::kTextRunBytes.
    void encode_append(std::string_view text, std::vector<TokenId>& out, std::size_t most = kNoMost) const;

    // Special tokens spelled in the text become themselves. For raw prompts and tools, never for message
    // content.
    std::vector<TokenId> encode_with_special(std::string_view text, std::size_t most = kNoMost) const;

    // The bytes a token stands for; a special token's own spelling; empty for ids out of range and for
    // padding.
    std::string_view bytes(TokenId token) const;
    std::string decode(std::span<const TokenId> tokens) const;

    bool is_special(TokenId token) const;  // control tokens and padding: never part of content
    bool is_padding(TokenId token) const;  // rows of the head that mean nothing and must not be sampled
    std::int32_t vocabulary_size() const;  // rows of the embedding, padding included
    const SpecialTokens& special() const;
    std::optional<TokenId> find_special(std::string_view spelling) const;

  private:
    struct State;
    explicit Tokenizer(std::unique_ptr<const State> state);
    std::unique_ptr<const State> state_;
};

}  // namespace gptoss
