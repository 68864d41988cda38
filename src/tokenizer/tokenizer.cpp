#include "tokenizer/tokenizer.h"

#include <algorithm>
#include <bitset>
#include <functional>
#include <unordered_set>

#include "base/error.h"
#include "base/limits.h"
#include "tokenizer/merge.h"
#include "tokenizer/pre_tokenizer.h"
#include "tokenizer/utf8.h"
#include "tokenizer/vocabulary.h"

namespace gptoss {
namespace {

// Bytes that start some special token, and the lengths they have, longest first: what the search for them
// needs.
struct SpecialSearch {
    explicit SpecialSearch(const std::map<std::string_view, TokenId>& specials) {
        for (const auto& [spelling, token] : specials)
            beginning_bytes = std::min(beginning_bytes, spelling.size());
        for (const auto& [spelling, token] : specials) {
            first_bytes.set(static_cast<unsigned char>(spelling.front()));
            beginnings.insert(spelling.substr(0, beginning_bytes));
            lengths_bytes.push_back(spelling.size());
        }
        std::sort(lengths_bytes.begin(), lengths_bytes.end(), std::greater<>());
        lengths_bytes.erase(std::unique(lengths_bytes.begin(), lengths_bytes.end()), lengths_bytes.end());
    }
    // False for nearly all places where no special token stands.
    bool may_begin(std::string_view text) const {
        return first_bytes.test(static_cast<unsigned char>(text.front())) &&
               beginnings.contains(text.substr(0, beginning_bytes));
    }

    std::size_t beginning_bytes = 4;  // or what the shortest special token has
    std::bitset<256> first_bytes;
    std::unordered_set<std::string_view> beginnings;
    std::vector<std::size_t> lengths_bytes;
};

SpecialTokens find_markers(const std::map<std::string_view, TokenId>& specials) {
    const auto find = [&](std::string_view spelling) {
        const auto found = specials.find(spelling);
        return found == specials.end() ? SpecialTokens::kNoToken : found->second;
    };
    return {.start = find("<|start|>"),
            .end = find("<|end|>"),
            .message = find("<|message|>"),
            .channel = find("<|channel|>"),
            .constrain = find("<|constrain|>"),
            .return_ = find("<|return|>"),
            .call = find("<|call|>"),
            .start_of_text = find("<|startoftext|>"),
            .end_of_text = find("<|endoftext|>")};
}

// What tiktoken counts as blank when it takes back tokens before invalid bytes.
bool is_blank(std::string_view bytes) {
    return bytes.find_first_not_of(" \n\t") == std::string_view::npos;
}

// Merging takes some 32 bytes of memory for each byte of a run.
void check_run(std::size_t bytes, std::size_t most) {
    if (most == Tokenizer::kNoMost || bytes <= limits::kTextRunBytes) return;
    throw Error(ErrorCode::request_invalid,
                "A text holds a run of " + std::to_string(bytes) + " bytes without a word's end; at most " +
                    std::to_string(limits::kTextRunBytes) + " are read.",
                "Break it up with blanks or line ends.");
}

}  // namespace

struct Tokenizer::State {
    explicit State(const gguf::Metadata& metadata)
        : vocabulary(metadata), search(vocabulary.specials()), markers(find_markers(vocabulary.specials())) {}

    void append(std::string_view text, std::vector<TokenId>& out, std::size_t most) const;
    std::size_t append_valid(std::string_view text, PieceMerger& merger, std::vector<TokenId>& out,
                             std::size_t most) const;

    Vocabulary vocabulary;
    PreTokenizer pre_tokenizer;
    SpecialSearch search;
    SpecialTokens markers;
};

// `text` is well-formed UTF-8. Returns the number of tokens its last piece became.
std::size_t Tokenizer::State::append_valid(std::string_view text, PieceMerger& merger,
                                           std::vector<TokenId>& out, std::size_t most) const {
    const char* const end = text.data() + text.size();
    std::size_t before = out.size();
    for (const char* piece = text.data(); piece != end && out.size() <= most;) {
        const char* const piece_end = pre_tokenizer.piece_end(piece, end);
        check_run(static_cast<std::size_t>(piece_end - piece), most);
        before = out.size();
        merger.append({piece, static_cast<std::size_t>(piece_end - piece)}, out);
        piece = piece_end;
    }
    return out.size() - before;
}

// Text with invalid UTF-8 as tiktoken's _encode_bytes (src/py.rs) has it: the pattern cuts what comes before
// the first invalid byte; the tokens of its last piece (and, when that begins with a blank token, the blank
// tokens before it) are taken back; their bytes and all that follow, valid or not, are merged as one piece.
void Tokenizer::State::append(std::string_view text, std::vector<TokenId>& out, std::size_t most) const {
    const std::size_t already = out.size();
    const std::size_t valid = valid_utf8_length(text);
    PieceMerger merger(vocabulary.ranks());
    const std::size_t last_piece = append_valid(text.substr(0, valid), merger, out, most);
    if (valid == text.size() || out.size() > most) return;

    std::size_t kept = out.size() - last_piece;
    if (last_piece > 0 && is_blank(vocabulary.bytes(out[kept])))
        while (kept > already && is_blank(vocabulary.bytes(out[kept - 1]))) --kept;
    std::size_t rest = valid;
    for (std::size_t i = kept; i < out.size(); ++i) rest -= vocabulary.bytes(out[i]).size();
    out.resize(kept);
    check_run(text.size() - rest, most);
    merger.append(text.substr(rest), out);
}

Tokenizer::Tokenizer(std::unique_ptr<const State> state) : state_(std::move(state)) {}
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;
Tokenizer::~Tokenizer() = default;

Tokenizer Tokenizer::from_metadata(const gguf::Metadata& metadata) {
    return Tokenizer(std::make_unique<const State>(metadata));
}

std::vector<TokenId> Tokenizer::encode(std::string_view text) const {
    std::vector<TokenId> tokens;
    tokens.reserve(text.size() / 4 + 8);  // English; the vector grows for what is denser
    state_->append(text, tokens, kNoMost);
    return tokens;
}

void Tokenizer::encode_append(std::string_view text, std::vector<TokenId>& out, std::size_t most) const {
    state_->append(text, out, most);
}

std::vector<TokenId> Tokenizer::encode_with_special(std::string_view text, std::size_t most) const {
    const auto& specials = state_->vocabulary.specials();
    std::vector<TokenId> tokens;
    std::size_t ordinary = 0;  // where the text not yet encoded begins
    for (std::size_t at = 0; at < text.size() && tokens.size() <= most;) {
        std::size_t found_bytes = 0;
        if (state_->search.may_begin(text.substr(at))) {
            for (const std::size_t length : state_->search.lengths_bytes) {
                const auto found = specials.find(text.substr(at, length));
                if (found == specials.end()) continue;
                state_->append(text.substr(ordinary, at - ordinary), tokens, most);
                tokens.push_back(found->second);
                found_bytes = found->first.size();  // less than `length` at the end of the text
                break;
            }
        }
        at += std::max<std::size_t>(found_bytes, 1);
        if (found_bytes > 0) ordinary = at;
    }
    if (tokens.size() <= most) state_->append(text.substr(ordinary), tokens, most);
    return tokens;
}

std::string_view Tokenizer::bytes(TokenId token) const {
    return state_->vocabulary.bytes(token);
}

std::string Tokenizer::decode(std::span<const TokenId> tokens) const {
    std::string text;
    for (const TokenId token : tokens) text += bytes(token);
    return text;
}

bool Tokenizer::is_special(TokenId token) const {
    return state_->vocabulary.is_special(token);
}

bool Tokenizer::is_padding(TokenId token) const {
    return state_->vocabulary.is_padding(token);
}

std::int32_t Tokenizer::vocabulary_size() const {
    return state_->vocabulary.size();
}

const SpecialTokens& Tokenizer::special() const {
    return state_->markers;
}

std::optional<TokenId> Tokenizer::find_special(std::string_view spelling) const {
    const auto found = state_->vocabulary.specials().find(spelling);
    if (found == state_->vocabulary.specials().end()) return std::nullopt;
    return found->second;
}

}  // namespace gptoss
