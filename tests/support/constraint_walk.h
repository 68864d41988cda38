// Ways to lead a constraint through tokens.
#pragma once

#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "base/token_constraint.h"
#include "support/small_vocabulary.h"

namespace gptoss::test {

inline bool allows(TokenConstraint& constraint, TokenId token) {
    const auto mask = constraint.allowed();
    return mask.empty() || (mask[static_cast<std::size_t>(token) / 32] >> (token % 32) & 1) != 0;
}

// What is left of `tokens` when the constraint refuses one; empty when all of them may be said.
inline std::string refused_rest(TokenConstraint& constraint, std::span<const TokenId> tokens,
                                const Tokenizer& tokenizer = small_tokenizer()) {
    for (std::size_t i = 0; i < tokens.size(); ++i) {
        if (!allows(constraint, tokens[i])) return tokenizer.decode(tokens.subspan(i));
        constraint.accept(tokens[i]);
    }
    return "";
}

// The same text with every ordinary token cut into its bytes.
inline std::vector<TokenId> cut_into_bytes(std::span<const TokenId> tokens,
                                           const Tokenizer& tokenizer = small_tokenizer()) {
    std::vector<TokenId> bytes;
    for (const TokenId token : tokens) {
        if (tokenizer.is_special(token)) {
            bytes.push_back(token);
            continue;
        }
        for (const char byte : tokenizer.bytes(token))
            bytes.push_back(tokenizer.encode(std::string_view(&byte, 1)).front());
    }
    return bytes;
}

inline std::vector<TokenId> allowed_tokens(TokenConstraint& constraint,
                                           const Tokenizer& tokenizer = small_tokenizer()) {
    std::vector<TokenId> tokens;
    for (TokenId token = 0; token < tokenizer.vocabulary_size(); ++token)
        if (allows(constraint, token)) tokens.push_back(token);
    return tokens;
}

inline std::string spelled(const std::vector<TokenId>& tokens) {
    return small_tokenizer().decode(tokens);
}

}  // namespace gptoss::test
