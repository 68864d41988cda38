// The vocabulary as the file's metadata gives it: bytes, kind and spelling of every id.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/types.h"
#include "gguf/metadata.h"
#include "tokenizer/rank_table.h"

namespace gptoss {

class Vocabulary {
  public:
    // Throws Error(key_missing), Error(key_invalid), Error(file_unsupported) as Tokenizer::from_metadata.
    explicit Vocabulary(const gguf::Metadata& metadata);
    Vocabulary(const Vocabulary&) = delete;  // the tables view bytes_
    Vocabulary& operator=(const Vocabulary&) = delete;

    std::int32_t size() const { return static_cast<std::int32_t>(kinds_.size()); }
    const RankTable& ranks() const { return ranks_; }
    const std::map<std::string_view, TokenId>& specials() const { return specials_; }

    // Empty for ids out of range and for padding.
    std::string_view bytes(TokenId token) const;
    bool is_special(TokenId token) const { return kind(token) != Kind::ordinary; }
    bool is_padding(TokenId token) const { return kind(token) == Kind::padding; }

  private:
    enum class Kind : std::uint8_t { ordinary, special, padding };
    // Ids out of range mean nothing either.
    Kind kind(TokenId token) const {
        return token >= 0 && token < size() ? kinds_[static_cast<std::size_t>(token)] : Kind::padding;
    }
    void read_bytes(const std::vector<std::string>& spellings, const std::vector<std::int64_t>& types);
    void index();

    std::string bytes_;                  // of all tokens, one after the other
    std::vector<std::uint32_t> begins_;  // of token i in bytes_; one more entry than tokens
    std::vector<Kind> kinds_;
    RankTable ranks_;
    std::map<std::string_view, TokenId> specials_;
};

}  // namespace gptoss
