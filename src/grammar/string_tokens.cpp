#include "grammar/string_tokens.h"

#include <algorithm>
#include <map>

namespace gptoss::grammar {

StringTokenTables::StringTokenTables(const Tokenizer& tokenizer, std::shared_ptr<const VocabularyTrie> trie)
    : tokenizer_(tokenizer), trie_(std::move(trie)) {
    from(string_lexer::kText);  // the large one, now rather than between two tokens
}

const StringTokens& StringTokenTables::from(string_lexer::State state) const {
    const std::lock_guard lock(mutex_);
    auto& table = tables_[state];
    if (!table) table = make(state);
    return *table;
}

std::unique_ptr<StringTokens> StringTokenTables::make(string_lexer::State from) const {
    struct Place {
        string_lexer::State lexer;
        std::uint16_t read = 0;  // bytes up to and including the closing quote
        std::uint32_t characters = 0;
    };
    auto table = std::make_unique<StringTokens>(tokenizer_.vocabulary_size());
    std::map<std::string_view, std::vector<StringTokens::Counted>> exits;
    trie_->walk(
        Place{from},
        [](Place place, std::uint8_t byte) {
            if (place.lexer == string_lexer::kClosed)
                return place;  // whatever follows is for others to judge
            place.lexer = string_lexer::next(place.lexer, byte);
            ++place.read;
            if (place.lexer == string_lexer::kText) ++place.characters;
            return place;
        },
        [](const Place& place) { return place.lexer != string_lexer::kDead; },
        [&](const VocabularyTrie::Node& node, const Place& place) {
            const TokenId token = node.token;
            if (token < 0) return;
            if (place.lexer == string_lexer::kClosed) {
                exits[tokenizer_.bytes(token).substr(place.read)].push_back({place.characters, token});
                return;
            }
            const std::uint32_t begun = place.lexer == string_lexer::kText ? 0 : 1;
            table->all_inside.allow(token);
            table->inside.push_back({place.characters + begun, token});
        });
    std::stable_sort(table->inside.begin(), table->inside.end(),
                     [](const auto& a, const auto& b) { return a.characters > b.characters; });
    for (auto& [rest, tokens] : exits) table->exits.push_back({rest, std::move(tokens)});
    return table;
}

}  // namespace gptoss::grammar
