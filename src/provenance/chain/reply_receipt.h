// A signed statement about one reply, as EIP-712 typed data: docs/receipts.md has the encoding, and
// contracts/ReceiptChecker.sol checks it on chain.
#pragma once

#include <nlohmann/json.hpp>
#include <span>
#include <string>

#include "provenance/chain/private_key.h"

namespace gptoss::provenance::chain {

// The newest version of the encoding; the domain's. Version 1 lacks what stands behind `completed_at`.
inline constexpr std::uint32_t kReceiptVersion = 2;

struct ReplyReceipt {
    std::uint32_t version = kReceiptVersion;  // 1 or 2
    std::string id;                           // of the completion
    Word model_id{};     // keccak256(repository + "/" + first file); zero when the repository is unknown
    Word composite{};    // of the weights
    Word prompt_hash{};  // hash_of_tokens
    Word output_hash{};
    std::uint32_t prompt_tokens = 0;
    std::uint32_t reasoning_tokens = 0;  // of the output: the analysis channel's
    std::uint32_t output_tokens = 0;
    std::string sampling;  // "temperature=1 top_p=1 …": the settings in effect
    std::uint64_t seed = 0;
    std::string node_version;
    std::uint64_t completed_at = 0;  // seconds since the epoch
    Word numerics{};                 // keccak256 of what the bits depend on, in words (node/numerics.h)
    Word form{};                     // keccak256 of the form the reply had to keep to (api/reply_form.h)
    Word tools{};                    // keccak256 of the tools that could be called; zero without any
    Word fingerprint{};              // keccak256 of the fingerprint's bytes; zero without one
    std::string finish;              // stop, length, tool_calls or stop_string
    std::uint32_t max_tokens = 0;    // the most that could be generated
};

// keccak256 over the tokens, each as four bytes, big-endian.
Word hash_of_tokens(std::span<const std::int32_t> tokens);

// What is signed: keccak256(0x19 0x01 ‖ domain separator ‖ struct hash).
Word receipt_digest(const ReplyReceipt& receipt, std::uint64_t chain_id);

struct SignedReceipt {
    ReplyReceipt receipt;
    std::uint64_t chain_id = 0;
    Address signer{};
    Signature signature;
};

SignedReceipt sign_receipt(const ReplyReceipt& receipt, std::uint64_t chain_id, const PrivateKey& key);

// {"types", "primaryType", "domain", "message", "signer", "signature"}: what wallets and libraries take as it
// is. 64-bit numbers are strings.
nlohmann::json to_json(const SignedReceipt& receipt);

// Strict. Throws Error(file_corrupt) naming the field. `types` is not believed: they are fixed.
SignedReceipt receipt_from_json(const nlohmann::json& json);

// True when `signer` made the signature over exactly these fields.
bool is_genuine(const SignedReceipt& receipt);

}  // namespace gptoss::provenance::chain
