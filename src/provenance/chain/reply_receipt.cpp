#include "provenance/chain/reply_receipt.h"

#include <charconv>

#include "base/error.h"

namespace gptoss::provenance::chain {
namespace {

constexpr std::string_view kDomainType = "EIP712Domain(string name,string version,uint256 chainId)";
constexpr std::string_view kReceiptType =
    "Receipt(string id,bytes32 modelId,bytes32 compositeHash,bytes32 promptHash,bytes32 outputHash,"
    "uint32 promptTokens,uint32 reasoningTokens,uint32 outputTokens,string sampling,uint64 seed,"
    "string nodeVersion,uint64 completedAt)";

// Every field is one word: numbers padded on the left, texts by their hash.
class StructHash {
  public:
    explicit StructHash(std::string_view type) { add(keccak256(type)); }
    StructHash& add(const Word& word) {
        bytes_.insert(bytes_.end(), word.begin(), word.end());
        return *this;
    }
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
    std::uint64_t number = 0;
    if (json[name].is_number_unsigned()) {
        number = json[name].get<std::uint64_t>();
    } else {
        const std::string text = text_field(json, name);
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
        if (error != std::errc() || end != text.data() + text.size()) bad_field(name);
    }
    if (number > largest) bad_field(name);
    return number;
}

nlohmann::json fields(std::initializer_list<std::pair<const char*, const char*>> list) {
    nlohmann::json out = nlohmann::json::array();
    for (const auto& [type, name] : list) out.push_back({{"name", name}, {"type", type}});
    return out;
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
                            .add(std::string_view("1"))
                            .add(chain_id)
                            .hash();
    const Word message = StructHash(kReceiptType)
                             .add(std::string_view(receipt.id))
                             .add(receipt.model_id)
                             .add(receipt.composite)
                             .add(receipt.prompt_hash)
                             .add(receipt.output_hash)
                             .add(std::uint64_t{receipt.prompt_tokens})
                             .add(std::uint64_t{receipt.reasoning_tokens})
                             .add(std::uint64_t{receipt.output_tokens})
                             .add(std::string_view(receipt.sampling))
                             .add(receipt.seed)
                             .add(std::string_view(receipt.node_version))
                             .add(receipt.completed_at)
                             .hash();
    Bytes signed_bytes{0x19, 0x01};
    signed_bytes.insert(signed_bytes.end(), domain.begin(), domain.end());
    signed_bytes.insert(signed_bytes.end(), message.begin(), message.end());
    return keccak256(signed_bytes);
}

SignedReceipt sign_receipt(const ReplyReceipt& receipt, std::uint64_t chain_id, const PrivateKey& key) {
    return {receipt, chain_id, key.address(), key.sign(receipt_digest(receipt, chain_id))};
}

nlohmann::json to_json(const SignedReceipt& given) {
    const ReplyReceipt& receipt = given.receipt;
    nlohmann::json json;
    json["types"] = {
        {"EIP712Domain", fields({{"string", "name"}, {"string", "version"}, {"uint256", "chainId"}})},
        {"Receipt", fields({{"string", "id"},
                            {"bytes32", "modelId"},
                            {"bytes32", "compositeHash"},
                            {"bytes32", "promptHash"},
                            {"bytes32", "outputHash"},
                            {"uint32", "promptTokens"},
                            {"uint32", "reasoningTokens"},
                            {"uint32", "outputTokens"},
                            {"string", "sampling"},
                            {"uint64", "seed"},
                            {"string", "nodeVersion"},
                            {"uint64", "completedAt"}})}};
    json["primaryType"] = "Receipt";
    json["domain"] = {{"name", "gpt-oss-node"}, {"version", "1"}, {"chainId", given.chain_id}};
    json["message"] = {{"id", receipt.id},
                       {"modelId", to_hex_prefixed(receipt.model_id)},
                       {"compositeHash", to_hex_prefixed(receipt.composite)},
                       {"promptHash", to_hex_prefixed(receipt.prompt_hash)},
                       {"outputHash", to_hex_prefixed(receipt.output_hash)},
                       {"promptTokens", receipt.prompt_tokens},
                       {"reasoningTokens", receipt.reasoning_tokens},
                       {"outputTokens", receipt.output_tokens},
                       {"sampling", receipt.sampling},
                       {"seed", std::to_string(receipt.seed)},
                       {"nodeVersion", receipt.node_version},
                       {"completedAt", std::to_string(receipt.completed_at)}};
    json["signer"] = to_checksum_text(given.signer);
    Bytes signature(given.signature.r.begin(), given.signature.r.end());
    signature.insert(signature.end(), given.signature.s.begin(), given.signature.s.end());
    signature.push_back(static_cast<std::uint8_t>(27 + given.signature.parity));  // as ecrecover wants it
    json["signature"] = to_hex_prefixed(signature);
    return json;
}

SignedReceipt receipt_from_json(const nlohmann::json& json) {
    constexpr std::uint64_t k32 = 0xFFFFFFFFU, k64 = ~std::uint64_t{0};
    SignedReceipt out;
    const nlohmann::json& domain = object_field(json, "domain");
    if (text_field(domain, "name") != "gpt-oss-node" || text_field(domain, "version") != "1")
        bad_field("domain");
    out.chain_id = number_field(domain, "chainId", k64);
    const nlohmann::json& message = object_field(json, "message");
    ReplyReceipt& receipt = out.receipt;
    receipt.id = text_field(message, "id");
    receipt.model_id = word_field(message, "modelId");
    receipt.composite = word_field(message, "compositeHash");
    receipt.prompt_hash = word_field(message, "promptHash");
    receipt.output_hash = word_field(message, "outputHash");
    receipt.prompt_tokens = static_cast<std::uint32_t>(number_field(message, "promptTokens", k32));
    receipt.reasoning_tokens = static_cast<std::uint32_t>(number_field(message, "reasoningTokens", k32));
    receipt.output_tokens = static_cast<std::uint32_t>(number_field(message, "outputTokens", k32));
    receipt.sampling = text_field(message, "sampling");
    receipt.seed = number_field(message, "seed", k64);
    receipt.node_version = text_field(message, "nodeVersion");
    receipt.completed_at = number_field(message, "completedAt", k64);
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
