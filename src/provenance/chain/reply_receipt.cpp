#include "provenance/chain/reply_receipt.h"

#include <concepts>
#include <limits>
#include <string_view>
#include <utility>
#include <variant>

#include "base/error.h"
#include "base/number_text.h"

namespace gptoss::provenance::chain {
namespace {

constexpr std::string_view kDomainType = "EIP712Domain(string name,string version,uint256 chainId)";
// The struct's fields, in the order in which they are hashed.
struct Field {
    const char* name;
    std::variant<std::string ReplyReceipt::*, Word ReplyReceipt::*, std::uint32_t ReplyReceipt::*,
                 std::uint64_t ReplyReceipt::*>
        member;
    std::uint32_t since = 1;  // the version that brought it
};
constexpr Field kFields[] = {
    {"id", &ReplyReceipt::id},
    {"modelId", &ReplyReceipt::model_id},
    {"compositeHash", &ReplyReceipt::composite},
    {"promptHash", &ReplyReceipt::prompt_hash},
    {"outputHash", &ReplyReceipt::output_hash},
    {"promptTokens", &ReplyReceipt::prompt_tokens},
    {"reasoningTokens", &ReplyReceipt::reasoning_tokens},
    {"outputTokens", &ReplyReceipt::output_tokens},
    {"sampling", &ReplyReceipt::sampling},
    {"seed", &ReplyReceipt::seed},
    {"nodeVersion", &ReplyReceipt::node_version},
    {"completedAt", &ReplyReceipt::completed_at},
    {"numericsHash", &ReplyReceipt::numerics, 2},
    {"formHash", &ReplyReceipt::form, 2},
    {"toolsHash", &ReplyReceipt::tools, 2},
    {"fingerprintHash", &ReplyReceipt::fingerprint, 2},
    {"finish", &ReplyReceipt::finish, 2},
    {"maxTokens", &ReplyReceipt::max_tokens, 2},
};

// Calls `use(name, value)` for every field of the receipt's version.
template <class Receipt, class Use>
void for_each_field(Receipt& receipt, Use use) {
    for (const Field& field : kFields)
        if (field.since <= receipt.version)
            std::visit([&](auto member) { use(field.name, receipt.*member); }, field.member);
}

// The type's name in Solidity.
constexpr const char* type_of(const std::string&) {
    return "string";
}
constexpr const char* type_of(const Word&) {
    return "bytes32";
}
constexpr const char* type_of(std::uint32_t) {
    return "uint32";
}
constexpr const char* type_of(std::uint64_t) {
    return "uint64";
}

// "Receipt(string id,bytes32 modelId,…)"
std::string receipt_type(const ReplyReceipt& receipt) {
    std::string type = "Receipt(";
    for_each_field(receipt, [&](const char* name, const auto& value) {
        type.append(type.ends_with('(') ? "" : ",").append(type_of(value)).append(" ").append(name);
    });
    return type + ")";
}

// Every field is one word: numbers padded on the left, texts by their hash.
class StructHash {
  public:
    explicit StructHash(std::string_view type) { add(keccak256(type)); }
    StructHash& add(const Word& word) {
        bytes_.insert(bytes_.end(), word.begin(), word.end());
        return *this;
    }
    StructHash& add(const std::string& text) { return add(std::string_view(text)); }
    StructHash& add(std::string_view text) { return add(keccak256(text)); }
    StructHash& add(std::uint64_t number) { return add(word_from_amount(number)); }
    Word hash() const { return keccak256(bytes_); }

  private:
    Bytes bytes_;
};

[[noreturn]] void bad_field(const std::string& name) {
    throw Error(ErrorCode::file_corrupt, "the receipt's \"" + name + "\" is missing or has another form",
                "docs/receipts.md describes a receipt's fields.", {{"field", name}});
}

const nlohmann::json& object_field(const nlohmann::json& json, const char* name) {
    if (!json.is_object() || !json.contains(name) || !json[name].is_object()) bad_field(name);
    return json[name];
}

std::string text_field(const nlohmann::json& json, const char* name) {
    if (!json.is_object() || !json.contains(name) || !json[name].is_string()) bad_field(name);
    return json[name].get<std::string>();
}

Word word_field(const nlohmann::json& json, const char* name) {
    const auto word = word_from_hex(text_field(json, name));
    if (!word) bad_field(name);
    return *word;
}

// A number, or its decimal digits in a string.
std::uint64_t number_field(const nlohmann::json& json, const char* name, std::uint64_t largest) {
    if (!json.is_object() || !json.contains(name)) bad_field(name);
    const auto number = json[name].is_number_unsigned() ? json[name].get<std::uint64_t>()
                                                        : number_of<std::uint64_t>(text_field(json, name));
    if (!number || *number > largest) bad_field(name);
    return *number;
}

void read_field(const nlohmann::json& json, const char* name, std::string& value) {
    value = text_field(json, name);
}
void read_field(const nlohmann::json& json, const char* name, Word& value) {
    value = word_field(json, name);
}
template <class Number>
requires std::unsigned_integral<Number>
void read_field(const nlohmann::json& json, const char* name, Number& value) {
    value = static_cast<Number>(number_field(json, name, std::numeric_limits<Number>::max()));
}

// JavaScript reads no 64-bit number exactly.
nlohmann::json field_json(const std::string& value) {
    return value;
}
nlohmann::json field_json(const Word& value) {
    return to_hex_prefixed(value);
}
nlohmann::json field_json(std::uint32_t value) {
    return value;
}
nlohmann::json field_json(std::uint64_t value) {
    return std::to_string(value);
}

nlohmann::json typed(const char* name, const char* type) {
    return {{"name", name}, {"type", type}};
}

}  // namespace

Word hash_of_tokens(std::span<const std::int32_t> tokens) {
    Bytes bytes;
    bytes.reserve(tokens.size() * 4);
    for (const std::int32_t token : tokens)
        for (int shift = 24; shift >= 0; shift -= 8)
            bytes.push_back(static_cast<std::uint8_t>(static_cast<std::uint32_t>(token) >> shift));
    return keccak256(bytes);
}

Word receipt_digest(const ReplyReceipt& receipt, std::uint64_t chain_id) {
    const Word domain = StructHash(kDomainType)
                            .add(std::string_view("gpt-oss-node"))
                            .add(std::to_string(receipt.version))
                            .add(chain_id)
                            .hash();
    StructHash message(receipt_type(receipt));
    for_each_field(receipt, [&](const char*, const auto& value) { message.add(value); });
    const Word message_hash = message.hash();
    Bytes signed_bytes{0x19, 0x01};
    signed_bytes.insert(signed_bytes.end(), domain.begin(), domain.end());
    signed_bytes.insert(signed_bytes.end(), message_hash.begin(), message_hash.end());
    return keccak256(signed_bytes);
}

SignedReceipt sign_receipt(const ReplyReceipt& receipt, std::uint64_t chain_id, const PrivateKey& key) {
    return {receipt, chain_id, key.address(), key.sign(receipt_digest(receipt, chain_id))};
}

nlohmann::json to_json(const SignedReceipt& given) {
    nlohmann::json types = nlohmann::json::array(), message;
    for_each_field(given.receipt, [&](const char* name, const auto& value) {
        types.push_back(typed(name, type_of(value)));
        message[name] = field_json(value);
    });
    nlohmann::json json;
    json["types"] = {
        {"EIP712Domain", {typed("name", "string"), typed("version", "string"), typed("chainId", "uint256")}},
        {"Receipt", std::move(types)}};
    json["primaryType"] = "Receipt";
    json["domain"] = {{"name", "gpt-oss-node"},
                      {"version", std::to_string(given.receipt.version)},
                      {"chainId", given.chain_id}};
    json["message"] = std::move(message);
    json["signer"] = to_checksum_text(given.signer);
    Bytes signature(given.signature.r.begin(), given.signature.r.end());
    signature.insert(signature.end(), given.signature.s.begin(), given.signature.s.end());
    signature.push_back(static_cast<std::uint8_t>(27 + given.signature.parity));  // as ecrecover wants it
    json["signature"] = to_hex_prefixed(signature);
    return json;
}

SignedReceipt receipt_from_json(const nlohmann::json& json) {
    SignedReceipt out;
    const nlohmann::json& domain = object_field(json, "domain");
    if (text_field(domain, "name") != "gpt-oss-node") bad_field("domain");
    const std::string version = text_field(domain, "version");
    if (version != "1" && version != "2") bad_field("domain");
    out.receipt.version = version == "1" ? 1 : kReceiptVersion;
    out.chain_id = number_field(domain, "chainId", std::numeric_limits<std::uint64_t>::max());
    const nlohmann::json& message = object_field(json, "message");
    for_each_field(out.receipt, [&](const char* name, auto& value) { read_field(message, name, value); });
    const auto signer = address_from_hex(text_field(json, "signer"));
    if (!signer) bad_field("signer");
    out.signer = *signer;
    const auto signature = bytes_from_hex(text_field(json, "signature"));
    if (!signature || signature->size() != 65 || ((*signature)[64] != 27 && (*signature)[64] != 28))
        bad_field("signature");
    std::copy(signature->begin(), signature->begin() + 32, out.signature.r.begin());
    std::copy(signature->begin() + 32, signature->begin() + 64, out.signature.s.begin());
    out.signature.parity = static_cast<std::uint8_t>((*signature)[64] - 27);
    return out;
}

bool is_genuine(const SignedReceipt& receipt) {
    return recover(receipt_digest(receipt.receipt, receipt.chain_id), receipt.signature) == receipt.signer;
}

}  // namespace gptoss::provenance::chain
