// Hashes, encodings and signatures beside viem's, in random cases that e2e/chain_vectors.mjs writes (and
// e2e/chain_vectors.test.mjs holds to viem).
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "provenance/chain/abi.h"
#include "provenance/chain/private_key.h"
#include "provenance/chain/reply_receipt.h"
#include "provenance/chain/rlp.h"
#include "provenance/chain/transaction.h"

namespace gptoss::provenance::chain {
namespace {

using Json = nlohmann::json;

const Json& cases(const char* section) {
    static const Json all = [] {
        std::ifstream file(GPTOSS_SOURCE_DIR "/tests/provenance/data/chain_vectors.json");
        return Json::parse(file);
    }();
    EXPECT_GE(all.at(section).size(), 3U) << section;
    return all.at(section);
}

std::string text_of(const Json& json) {
    return json.get<std::string>();
}
Bytes bytes_of(const Json& json) {
    return bytes_from_hex(text_of(json)).value();
}
Word word_of(const Json& json) {
    return word_from_hex(text_of(json)).value();
}
Amount amount_of(const Json& json) {
    return json.is_string() ? amount_from_quantity(text_of(json)).value() : Amount{json.get<std::uint64_t>()};
}
std::uint64_t number_of(const Json& json) {
    return json.is_string() ? std::stoull(text_of(json)) : json.get<std::uint64_t>();
}

Bytes rlp_of(const Json& value) {
    if (value.is_string()) return rlp::text(bytes_of(value));
    std::vector<Bytes> items;
    std::transform(value.begin(), value.end(), std::back_inserter(items), rlp_of);
    return rlp::list(items);
}

TEST(ChainVectors, Keccak) {
    for (const Json& each : cases("keccak")) {
        const Bytes data = bytes_of(each["data"]);
        EXPECT_EQ(to_hex_prefixed(keccak256(data)), text_of(each["hash"])) << data.size() << " bytes";
    }
}

TEST(ChainVectors, Rlp) {
    for (const Json& each : cases("rlp"))
        EXPECT_EQ(to_hex_prefixed(rlp_of(each["value"])), text_of(each["encoded"])) << each["value"];
    for (const Json& each : cases("rlp_long")) {
        const Bytes encoded = rlp::text(Bytes(each["length"].get<std::size_t>(), 0xAB));
        EXPECT_EQ(to_hex_prefixed(keccak256(encoded)), text_of(each["hash"])) << each["length"];
    }
}

void add_argument(abi::Call& call, const std::string& type, const Json& value) {
    if (type == "string") {
        call.text(text_of(value));
    } else if (type == "bytes32") {
        call.word(word_of(value));
    } else if (type == "address") {
        call.address(address_from_hex(text_of(value)).value());
    } else if (type == "uint256") {
        call.amount(amount_of(value));
    } else {
        std::vector<Word> words;
        std::transform(value.begin(), value.end(), std::back_inserter(words), word_of);
        call.words(words);
    }
}

// What viem wrote is read back too: a call's arguments are laid out as a reply is.
void expect_argument(const abi::Reply& reply, std::size_t index, const std::string& type, const Json& value) {
    if (type == "string") {
        EXPECT_EQ(reply.text(index, "string"), text_of(value));
    } else if (type == "bytes32") {
        EXPECT_EQ(to_hex_prefixed(reply.word(index, "bytes32")), text_of(value));
    } else if (type == "address") {
        EXPECT_EQ(to_checksum_text(reply.address(index, "address")), text_of(value));
    } else if (type == "uint256") {
        EXPECT_EQ(to_quantity(reply.amount(index, "uint256")), text_of(value));
    } else {
        Json words = Json::array();
        for (const Word& word : reply.words(index, "bytes32[]")) words.push_back(to_hex_prefixed(word));
        EXPECT_EQ(words, value);
    }
}

TEST(ChainVectors, AbiCallsBothWays) {
    for (const Json& each : cases("abi")) {
        abi::Call call(text_of(each["signature"]));
        for (const Json& argument : each["arguments"])
            add_argument(call, text_of(argument["type"]), argument["value"]);
        EXPECT_EQ(to_hex_prefixed(call.data()), text_of(each["data"]))
            << each["signature"] << each["arguments"];

        const Bytes data = bytes_of(each["data"]);
        const abi::Reply reply(std::span<const std::uint8_t>(data).subspan(4));
        for (std::size_t i = 0; i < each["arguments"].size(); ++i) {
            const Json& argument = each["arguments"][i];
            expect_argument(reply, i, text_of(argument["type"]), argument["value"]);
        }
    }
}

Transaction transaction_of(const Json& json) {
    Transaction transaction;
    transaction.chain_id = json["chainId"].get<std::uint64_t>();
    transaction.nonce = json["nonce"].get<std::uint64_t>();
    transaction.gas_limit = static_cast<std::uint64_t>(amount_of(json["gas"]));
    transaction.legacy = json["type"] == "legacy";
    if (transaction.legacy) {
        transaction.gas_price = amount_of(json["gasPrice"]);
    } else {
        transaction.fee_per_gas_max = amount_of(json["maxFeePerGas"]);
        transaction.priority_fee_per_gas = amount_of(json["maxPriorityFeePerGas"]);
    }
    transaction.to = address_from_hex(text_of(json["to"])).value();
    transaction.value = amount_of(json["value"]);
    transaction.data = bytes_of(json["data"]);
    return transaction;
}

void expect_transactions(const char* section) {
    for (const Json& each : cases(section)) {
        const PrivateKey key(text_of(each["key"]), "KEY");
        EXPECT_EQ(to_checksum_text(key.address()), text_of(each["address"]));
        const SignedTransaction made = sign(transaction_of(each["transaction"]), key);
        EXPECT_EQ(to_hex_prefixed(made.raw), text_of(each["raw"])) << each["transaction"];
        EXPECT_EQ(to_hex_prefixed(made.hash), text_of(each["hash"]));
    }
}

TEST(ChainVectors, LegacyTransactionsOfEip155) {
    expect_transactions("legacy");
}

TEST(ChainVectors, TransactionsOfEip1559) {
    expect_transactions("eip1559");
}

ReplyReceipt receipt_of(const Json& json, std::uint32_t version) {
    ReplyReceipt receipt;
    receipt.version = version;
    receipt.id = text_of(json["id"]);
    receipt.model_id = word_of(json["modelId"]);
    receipt.composite = word_of(json["compositeHash"]);
    receipt.prompt_hash = word_of(json["promptHash"]);
    receipt.output_hash = word_of(json["outputHash"]);
    receipt.prompt_tokens = json["promptTokens"].get<std::uint32_t>();
    receipt.reasoning_tokens = json["reasoningTokens"].get<std::uint32_t>();
    receipt.output_tokens = json["outputTokens"].get<std::uint32_t>();
    receipt.sampling = text_of(json["sampling"]);
    receipt.seed = number_of(json["seed"]);
    receipt.node_version = text_of(json["nodeVersion"]);
    receipt.completed_at = number_of(json["completedAt"]);
    if (version == 1) return receipt;
    receipt.numerics = word_of(json["numericsHash"]);
    receipt.form = word_of(json["formHash"]);
    receipt.tools = word_of(json["toolsHash"]);
    receipt.fingerprint = word_of(json["fingerprintHash"]);
    receipt.finish = text_of(json["finish"]);
    receipt.max_tokens = json["maxTokens"].get<std::uint32_t>();
    return receipt;
}

TEST(ChainVectors, ReceiptsSignedAsEip712) {
    for (const Json& each : cases("receipts")) {
        const PrivateKey key(text_of(each["key"]), "KEY");
        const ReplyReceipt receipt = receipt_of(each["message"], each["version"].get<std::uint32_t>());
        const auto chain_id = each["chain_id"].get<std::uint64_t>();
        const Word digest = receipt_digest(receipt, chain_id);
        EXPECT_EQ(to_hex_prefixed(digest), text_of(each["digest"])) << each["message"];

        const SignedReceipt made = sign_receipt(receipt, chain_id, key);
        EXPECT_EQ(to_json(made)["signature"], each["signature"]);
        EXPECT_EQ(to_checksum_text(made.signer), text_of(each["address"]));
        EXPECT_EQ(recover(digest, made.signature), key.address());

        // The same message as JSON is read back to what was signed.
        EXPECT_TRUE(is_genuine(receipt_from_json(to_json(made))));
    }
}

}  // namespace
}  // namespace gptoss::provenance::chain
