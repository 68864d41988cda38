// Contract calls and replies as the Solidity ABI lays them out, for the types the registries use.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "provenance/chain/bytes.h"

namespace gptoss::provenance::chain::abi {

// A call's data: the selector, then the arguments in the order they are added.
//   abi::Call("addTrustedModel(string,string,bytes32)").text(repository).text(file).word(hash).data()
class Call {
  public:
    explicit Call(std::string_view signature);

    Call& word(const Word& value);  // bytes32, uint256, bool as a word
    Call& amount(Amount value);
    Call& address(const Address& value);
    Call& text(std::string_view value);
    Call& words(std::span<const Word> values);  // bytes32[]

    Bytes data() const;

  private:
    struct Argument {
        bool dynamic = false;
        Bytes bytes;  // the head word, or the tail with its length
    };
    Bytes selector_;
    std::vector<Argument> arguments_;
};

// Reads a reply. Every offset and length is bounded; padding must be zero; throws Error(chain_failed) naming
// the field.
class Reply {
  public:
    explicit Reply(std::span<const std::uint8_t> data) : data_(data) {}

    Word word(std::size_t index, const char* field) const;
    Amount amount(std::size_t index, const char* field) const;    // must fit 128 bits
    bool boolean(std::size_t index, const char* field) const;     // 0 or 1, nothing else
    Address address(std::size_t index, const char* field) const;  // twelve zero bytes first
    std::string text(std::size_t index, const char* field) const;
    std::vector<Word> words(std::size_t index, const char* field) const;
    Reply structure(std::size_t index, const char* field) const;  // a dynamic struct behind an offset

  private:
    std::size_t offset(std::size_t index, const char* field) const;
    std::span<const std::uint8_t> data_;
};

// "Error(string)" and "Panic(uint256)" of a reverted call in words; a custom error as its hex; empty for no
// data.
std::string revert_reason(std::span<const std::uint8_t> data);

}  // namespace gptoss::provenance::chain::abi
