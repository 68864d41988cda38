// Transactions as they are signed and sent: EIP-1559 (type 2), and legacy ones with EIP-155 for chains
// without it.
#pragma once

#include "provenance/chain/bytes.h"
#include "provenance/chain/private_key.h"

namespace gptoss::provenance::chain {

struct Transaction {
    std::uint64_t chain_id = 0;
    std::uint64_t nonce = 0;
    std::uint64_t gas_limit = 0;
    bool legacy = false;
    Amount gas_price = 0;             // legacy
    Amount priority_fee_per_gas = 0;  // EIP-1559
    Amount fee_per_gas_max = 0;       // EIP-1559
    Address to{};
    Amount value = 0;
    Bytes data;
};

struct SignedTransaction {
    Bytes raw;    // for eth_sendRawTransaction
    Word hash{};  // what the chain will call it
};

SignedTransaction sign(const Transaction& transaction, const PrivateKey& key);

}  // namespace gptoss::provenance::chain
