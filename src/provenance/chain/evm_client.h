// What we ask of an EVM chain, with every answer checked: reads, and transactions from estimate to receipt.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "provenance/chain/json_rpc.h"
#include "provenance/chain/transaction.h"

namespace gptoss::provenance::chain {

struct Receipt {
    Word transaction_hash{};
    std::uint64_t block = 0;
    bool succeeded = false;
    Amount gas_used = 0;
};

// An event that a contract emitted.
struct Log {
    std::uint64_t block = 0;
    std::vector<Word> topics;  // the event's hash first, then its indexed values
    Bytes data;
};

struct SendOptions {
    int confirmations = 1;              // blocks, the one with the transaction included
    std::int64_t timeout_ms = 120'000;  // for the receipt and its confirmations
    std::int64_t poll_ms = 1000;
    bool legacy = false;  // force a legacy transaction; chains without EIP-1559 get one anyway
};

// Errors: Error(chain_failed) for what the chain refuses or answers wrongly, Error(network_failed) for no
// answer.
class EvmClient {
  public:
    // Asks for the chain id at once and throws Error(chain_failed) when it is another.
    EvmClient(JsonRpc rpc, std::uint64_t chain_id);

    Bytes call(const Address& contract, const Bytes& data);  // a revert is an error with its reason
    bool has_code(const Address& contract);
    // Throws Error(chain_failed) where no contract stands; `setting` is what named the address.
    void require_code(const Address& contract, const std::string& setting);
    Amount balance(const Address& account);
    // The contract's events of these kinds with this first indexed value, oldest first. Throws
    // Error(chain_failed) also where an endpoint keeps no history or limits how much of it may be asked.
    std::vector<Log> logs(const Address& contract, const std::vector<Word>& kinds, const Word& indexed);

    // Fills nonce, gas and fees; a call that would revert is refused here, before any gas is spent.
    Transaction prepare(const Address& from, const Address& to, const Bytes& data, bool legacy);
    Amount cost_max(const Transaction& transaction) const;
    // Throws Error(chain_failed) with both amounts when `account` has less than the transaction may cost.
    void require_funds(const Address& account, const Transaction& transaction);

    // Sends and waits until the receipt has its confirmations. A receipt that vanishes (a reorganisation) is
    // waited for again. Throws Error(chain_failed) with the hash when the deadline passes or the transaction
    // failed.
    Receipt send(const SignedTransaction& transaction, const SendOptions& options,
                 const std::function<void(const std::string&)>& tell = {});

    // The parts of send(), for those who wait by themselves. Submitting what the chain has already is no error.
    void submit(const SignedTransaction& transaction);
    std::optional<Receipt> receipt(const Word& hash);  // nothing while it is not mined
    std::uint64_t block_number();
    std::uint64_t block_time_s();                    // of the latest block
    std::uint64_t nonce_of(const Address& account);  // of its next transaction, by the latest block
    std::uint64_t chain_id() const { return chain_id_; }

  private:
    nlohmann::json ask(const std::string& method, const nlohmann::json& parameters);
    Amount quantity(const std::string& method, const nlohmann::json& parameters);

    JsonRpc rpc_;
    std::uint64_t chain_id_;
};

}  // namespace gptoss::provenance::chain
