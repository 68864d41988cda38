#include "grammar/vocabulary_trie.h"

#include <algorithm>
#include <string_view>

namespace gptoss::grammar {

VocabularyTrie::VocabularyTrie(const Tokenizer& tokenizer) {
    std::vector<std::pair<std::string_view, TokenId>> tokens;
    for (TokenId token = 0; token < tokenizer.vocabulary_size(); ++token)
        if (!tokenizer.is_special(token)) tokens.emplace_back(tokenizer.bytes(token), token);
    std::sort(tokens.begin(), tokens.end());

    std::vector<std::uint32_t> path;  // the node of each byte of the token before
    std::string_view before;
    const auto close = [&](std::size_t depth) {  // everything deeper on the path is complete
        for (; path.size() > depth; path.pop_back())
            nodes_[path.back()].subtree_end = static_cast<std::uint32_t>(nodes_.size());
    };
    for (const auto& [bytes, token] : tokens) {
        const auto shared = static_cast<std::size_t>(
            std::mismatch(bytes.begin(), bytes.end(), before.begin(), before.end()).first - bytes.begin());
        close(shared);
        for (std::size_t depth = shared; depth < bytes.size(); ++depth) {
            path.push_back(static_cast<std::uint32_t>(nodes_.size()));
            nodes_.push_back(
                {-1, 0, static_cast<std::uint16_t>(depth), static_cast<std::uint8_t>(bytes[depth])});
        }
        nodes_[path.back()].token = token;
        deepest_ = std::max(deepest_, bytes.size());
        before = bytes;
    }
    close(0);
}

}  // namespace gptoss::grammar
