#include "tokenizer/vocabulary.h"

#include <limits>

#include "base/error.h"
#include "tokenizer/byte_unicode.h"

namespace gptoss {
namespace {

constexpr const char* kModelKey = "tokenizer.ggml.model";
constexpr const char* kPatternKey = "tokenizer.ggml.pre";
constexpr const char* kTokensKey = "tokenizer.ggml.tokens";
constexpr const char* kTypesKey = "tokenizer.ggml.token_type";

// Values of tokenizer.ggml.token_type (gguf-py constants.py, TokenType).
enum TokenType : std::int64_t { kNormal = 1, kControl = 3, kUserDefined = 4, kUnused = 5 };

// Ranks take 24 bits in the merge's queue (merge.cpp).
constexpr std::size_t kMostTokens = std::size_t{1} << 24;

[[noreturn]] void invalid(const char* key, const std::string& what, Error::Facts facts = {}) {
    facts.emplace_back("key", key);
    throw Error(ErrorCode::key_invalid, std::string("the metadata key ") + key + " is wrong: " + what,
                "The vocabulary is damaged or not cut from o200k; download the model again.",
                std::move(facts));
}

void require_o200k(const gguf::Metadata& metadata) {
    const std::string& model = metadata.text(kModelKey);
    const std::string pattern = metadata.find_text(kPatternKey).value_or("gpt-4o");
    if (model == "gpt2" && pattern == "gpt-4o") return;
    throw Error(ErrorCode::file_unsupported,
                "the file's tokenizer is model \"" + model + "\" with pre-tokenizer \"" + pattern +
                    "\"; gpt-oss uses \"gpt2\" with \"gpt-4o\"",
                "This node reads gpt-oss models only.", {{"model", model}, {"pre", pattern}});
}

}  // namespace

Vocabulary::Vocabulary(const gguf::Metadata& metadata)
    : ranks_((require_o200k(metadata), metadata.texts(kTokensKey).size())) {
    const std::vector<std::string>& spellings = metadata.texts(kTokensKey);
    const std::vector<std::int64_t> types = metadata.integers(kTypesKey);
    if (types.size() != spellings.size())
        invalid(kTypesKey,
                std::to_string(types.size()) + " types for " + std::to_string(spellings.size()) + " tokens");
    if (spellings.size() > kMostTokens)
        invalid(kTokensKey,
                std::to_string(spellings.size()) + " tokens are more than " + std::to_string(kMostTokens));
    read_bytes(spellings, types);
    index();
}

void Vocabulary::read_bytes(const std::vector<std::string>& spellings,
                            const std::vector<std::int64_t>& types) {
    std::size_t most_bytes = 0;
    for (const std::string& spelling : spellings) most_bytes += spelling.size();
    if (most_bytes > std::numeric_limits<std::uint32_t>::max())
        invalid(kTokensKey, "more than 4 GiB of spellings");
    bytes_.reserve(most_bytes);  // bytes are never more than their spelling
    begins_.reserve(spellings.size() + 1);
    kinds_.reserve(spellings.size());
    for (std::size_t id = 0; id < spellings.size(); ++id) {
        begins_.push_back(static_cast<std::uint32_t>(bytes_.size()));
        const auto wrong = [&](const char* what) {
            invalid(kTokensKey, "token " + std::to_string(id) + " (\"" + spellings[id] + "\") " + what,
                    {{"token", std::to_string(id)}});
        };
        switch (types[id]) {
            case kNormal:
                kinds_.push_back(Kind::ordinary);
                if (!append_bytes_from_spelling(spellings[id], bytes_))
                    wrong("has a character that spells no byte");
                break;
            case kControl:
            case kUserDefined:  // a spelling as it is, not in byte form
                kinds_.push_back(Kind::special);
                bytes_ += spellings[id];
                break;
            case kUnused:
                kinds_.push_back(Kind::padding);
                continue;
            default:
                invalid(kTypesKey,
                        "token " + std::to_string(id) + " has the unknown type " + std::to_string(types[id]));
        }
        if (bytes_.size() == begins_.back()) wrong("is empty");
    }
    begins_.push_back(static_cast<std::uint32_t>(bytes_.size()));
}

void Vocabulary::index() {
    const auto twice = [](TokenId first, TokenId second) {
        invalid(kTokensKey,
                "tokens " + std::to_string(first) + " and " + std::to_string(second) + " are the same bytes");
    };
    for (TokenId token = 0; token < size(); ++token) {
        if (kind(token) == Kind::ordinary) {
            const Rank earlier = ranks_.insert(bytes(token), static_cast<Rank>(token));
            if (earlier != kNoRank) twice(static_cast<TokenId>(earlier), token);
        } else if (kind(token) == Kind::special) {
            const auto [entry, added] = specials_.try_emplace(bytes(token), token);
            if (!added) twice(entry->second, token);
        }
    }
    for (int byte = 0; byte < 256; ++byte)
        if (ranks_.find_byte(static_cast<unsigned char>(byte)) == kNoRank)
            invalid(kTokensKey, "no token for the single byte " + std::to_string(byte));
}

std::string_view Vocabulary::bytes(TokenId token) const {
    if (token < 0 || token >= size()) return {};
    const auto id = static_cast<std::size_t>(token);
    return std::string_view(bytes_).substr(begins_[id], begins_[id + 1] - begins_[id]);
}

}  // namespace gptoss
