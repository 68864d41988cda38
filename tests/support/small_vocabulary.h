// A vocabulary small enough to read: the 256 bytes, some words, the harmony markers, one reserved token,
// padding.
#pragma once

#include <string>
#include <vector>

#include "support/o200k.h"
#include "tokenizer/tokenizer.h"

namespace gptoss::test {

inline const Tokenizer& small_tokenizer() {
    static const Tokenizer tokenizer = [] {
        std::vector<std::string> ordinary;
        for (int byte = 0; byte < 256; ++byte) ordinary.emplace_back(1, static_cast<char>(byte));
        for (const char* word :
             {" \xF0\x9F", "assistant", " to",      " functions", "functions", "get",    "_weather",
              "weather",   "analysis",  "comment",  "commentary", "ary",       "final",  "json",
              "code",      "user",      "system",   "Hello",      " world",    "The",    " answer",
              " is",       " 4",        "{\"",      "\":",        "\"}",       "\", \"", "true",
              "false",     "null",      "location", "Paris",      "  ",        "    ",   "[]",
              "{}",        "12",        "123"})
            ordinary.emplace_back(word);
        return Tokenizer::from_metadata(metadata_from_tokens(
            ordinary,
            {"<|startoftext|>", "<|endoftext|>", "<|return|>", "<|constrain|>", "<|channel|>", "<|start|>",
             "<|end|>", "<|message|>", "<|call|>", "<|reserved_1|>"},
            2));
    }();
    return tokenizer;
}

// The tokens of a text in which markers are spelled out.
inline std::vector<TokenId> tokens_of(std::string_view text) {
    return small_tokenizer().encode_with_special(text);
}

}  // namespace gptoss::test
