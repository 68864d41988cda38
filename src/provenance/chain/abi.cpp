#include "provenance/chain/abi.h"

#include <algorithm>

#include "base/error.h"

namespace gptoss::provenance::chain::abi {
namespace {

constexpr std::size_t kWordBytes = 32;

[[noreturn]] void malformed(const char* field, const char* what) {
    throw Error(
        ErrorCode::chain_failed, std::string("the contract's reply has a malformed ") + field + ": " + what,
        "Check the contract's address and the chain: something else answers there.", {{"field", field}});
}

void append(Bytes& out, std::span<const std::uint8_t> bytes) {
    out.insert(out.end(), bytes.begin(), bytes.end());
}

}  // namespace

Call::Call(std::string_view signature) {
    const Word hash = keccak256(signature);
    selector_.assign(hash.begin(), hash.begin() + 4);
}

Call& Call::word(const Word& value) {
    arguments_.push_back({false, Bytes(value.begin(), value.end())});
    return *this;
}

Call& Call::amount(Amount value) {
    return word(word_from_amount(value));
}
Call& Call::address(const Address& value) {
    return word(word_from_address(value));
}

Call& Call::text(std::string_view value) {
    Bytes tail;
    append(tail, word_from_amount(value.size()));
    append(tail, std::span(reinterpret_cast<const std::uint8_t*>(value.data()), value.size()));
    tail.resize((tail.size() + kWordBytes - 1) / kWordBytes * kWordBytes);
    arguments_.push_back({true, std::move(tail)});
    return *this;
}

Call& Call::words(std::span<const Word> values) {
    Bytes tail;
    append(tail, word_from_amount(values.size()));
    for (const Word& value : values) append(tail, value);
    arguments_.push_back({true, std::move(tail)});
    return *this;
}

Bytes Call::data() const {
    Bytes out = selector_, tails;
    const std::size_t heads_bytes = arguments_.size() * kWordBytes;
    for (const Argument& argument : arguments_) {
        if (argument.dynamic) {
            append(out, word_from_amount(heads_bytes + tails.size()));
            append(tails, argument.bytes);
        } else {
            append(out, argument.bytes);
        }
    }
    append(out, tails);
    return out;
}

Word Reply::word(std::size_t index, const char* field) const {
    if (data_.size() < kWordBytes || index > data_.size() / kWordBytes - 1)
        malformed(field, "the reply is too short");
    Word value;
    std::copy_n(data_.begin() + static_cast<std::ptrdiff_t>(index * kWordBytes), kWordBytes, value.begin());
    return value;
}

Amount Reply::amount(std::size_t index, const char* field) const {
    const Word value = word(index, field);
    Amount amount = 0;
    for (std::size_t i = 0; i < kWordBytes; ++i) {
        if (i < 16 && value[i] != 0) malformed(field, "the number is too large");
        amount = amount << 8 | value[i];
    }
    return amount;
}

bool Reply::boolean(std::size_t index, const char* field) const {
    const Amount value = amount(index, field);
    if (value > 1) malformed(field, "a boolean that is neither 0 nor 1");
    return value == 1;
}

Address Reply::address(std::size_t index, const char* field) const {
    const Word value = word(index, field);
    if (std::any_of(value.begin(), value.begin() + 12, [](std::uint8_t byte) { return byte != 0; }))
        malformed(field, "an address longer than 20 bytes");
    Address address;
    std::copy(value.begin() + 12, value.end(), address.begin());
    return address;
}

std::size_t Reply::offset(std::size_t index, const char* field) const {
    const Amount value = amount(index, field);
    if (value > data_.size() || data_.size() - static_cast<std::size_t>(value) < kWordBytes)
        malformed(field, "an offset beyond the reply");
    return static_cast<std::size_t>(value);
}

std::string Reply::text(std::size_t index, const char* field) const {
    const auto tail = data_.subspan(offset(index, field));
    const Amount length = Reply(tail).amount(0, field);
    if (length > tail.size() - kWordBytes) malformed(field, "a text longer than the reply");
    const auto size = static_cast<std::size_t>(length);
    const std::size_t padded = (size + kWordBytes - 1) / kWordBytes * kWordBytes;
    const auto bytes = tail.subspan(kWordBytes, std::min(padded, tail.size() - kWordBytes));
    if (std::any_of(bytes.begin() + static_cast<std::ptrdiff_t>(size), bytes.end(),
                    [](std::uint8_t byte) { return byte != 0; }))
        malformed(field, "padding that is not zero");
    return std::string(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
}

std::vector<Word> Reply::words(std::size_t index, const char* field) const {
    const auto tail = data_.subspan(offset(index, field));
    const Amount count = Reply(tail).amount(0, field);
    if (count > tail.size() / kWordBytes - 1) malformed(field, "an array longer than the reply");
    std::vector<Word> values;
    for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i)
        values.push_back(Reply(tail).word(1 + i, field));
    return values;
}

Reply Reply::structure(std::size_t index, const char* field) const {
    return Reply(data_.subspan(offset(index, field)));
}

std::string revert_reason(std::span<const std::uint8_t> data) {
    if (data.size() < 4) return {};
    const Bytes selector(data.begin(), data.begin() + 4);
    try {
        if (selector == Bytes{0x08, 0xC3, 0x79, 0xA0}) return Reply(data.subspan(4)).text(0, "reason");
        if (selector == Bytes{0x4E, 0x48, 0x7B, 0x71})
            return "panic code " + to_quantity(Reply(data.subspan(4)).amount(0, "code"));
    } catch (const Error&) {
        // A malformed reason is shown as it came.
    }
    return "custom error " + to_hex_prefixed(data);
}

}  // namespace gptoss::provenance::chain::abi
