// Any bytes as text, and any strings as a vocabulary.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "base/error.h"
#include "support/o200k.h"
#include "tokenizer/byte_unicode.h"
#include "tokenizer/merge.h"
#include "tokenizer/tokenizer.h"
#include "tokenizer/vocabulary.h"

namespace {

using namespace gptoss;

void encode_text(std::string_view text) {
    static const gguf::Metadata metadata = test::cut_metadata();
    static const Tokenizer tokenizer = Tokenizer::from_metadata(metadata);
    static const Vocabulary vocabulary(metadata);

    const std::vector<TokenId> ordinary = tokenizer.encode(text);
    check(tokenizer.decode(ordinary) == text, "encoding loses no byte");
    for (const TokenId token : ordinary)
        check(!tokenizer.is_special(token), "text never becomes a special token");
    check(tokenizer.decode(tokenizer.encode_with_special(text)) == text, "nor with specials");

    if (text.empty() || text.size() > 300) return;  // the slow form is quadratic
    std::vector<TokenId> fast;
    std::vector<TokenId> slow;
    PieceMerger(vocabulary.ranks()).append(text, fast);
    append_tokens_of_piece_slowly(vocabulary.ranks(), text, slow);
    check(fast == slow, "both forms of merging agree");
}

// Tokens of the length and type their first byte tells, after the single bytes or in place of the last of
// them.
void read_vocabulary(std::string_view bytes) {
    std::vector<std::string> tokens;
    for (int byte = 0; byte < 256; ++byte)
        tokens.push_back(spelling_from_bytes(std::string(1, static_cast<char>(byte))));
    std::vector<std::int64_t> types(tokens.size(), 1);
    if (!bytes.empty() && bytes.front() % 16 == 0) tokens.pop_back(), types.pop_back();
    while (!bytes.empty()) {
        const auto head = static_cast<unsigned char>(bytes.front());
        tokens.emplace_back(bytes.substr(1, head % 16));
        types.push_back(head / 16);
        bytes.remove_prefix(1 + tokens.back().size());
    }
    gguf::Metadata metadata;
    metadata.set("tokenizer.ggml.model", std::string("gpt2"));
    metadata.set("tokenizer.ggml.tokens", tokens);
    metadata.set("tokenizer.ggml.token_type", types);
    try {
        const Tokenizer tokenizer = Tokenizer::from_metadata(metadata);
        std::string text;
        for (TokenId token = 0; token < tokenizer.vocabulary_size(); ++token) text += tokenizer.bytes(token);
        check(tokenizer.decode(tokenizer.encode(text)) == text, "encoding loses no byte");
        check(tokenizer.decode(tokenizer.encode_with_special(text)) == text, "nor with specials");
    } catch (const Error&) {
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
    data[0] % 4 == 0 ? read_vocabulary(bytes) : encode_text(bytes);
    return 0;
}
