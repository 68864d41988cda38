#include "provenance/chain/evm_client.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include "base/error.h"
#include "provenance/chain/abi.h"

namespace gptoss::provenance::chain {
namespace {

[[noreturn]] void wrong_answer(const std::string& method) {
    throw Error(ErrorCode::chain_failed, method + ": the answer has an unexpected form",
                "The endpoint does not behave like an Ethereum node; try another.", {{"method", method}});
}

[[noreturn]] void refused(const std::string& method, const RpcRefusal& refusal) {
    const auto data = bytes_from_hex(refusal.data);
    const std::string reason = data ? abi::revert_reason(*data) : std::string();
    throw Error(ErrorCode::chain_failed,
                method + " was refused: " + (reason.empty() ? refusal.message : reason), "",
                {{"method", method}, {"code", std::to_string(refusal.code)}, {"message", refusal.message}});
}

// The chain already has this very transaction: sending it again after a lost answer is no error.
bool already_known(const RpcRefusal& refusal) {
    std::string message = refusal.message;
    std::transform(message.begin(), message.end(), message.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return message.find("already known") != std::string::npos ||
           message.find("already imported") != std::string::npos;
}

}  // namespace

EvmClient::EvmClient(JsonRpc rpc, std::uint64_t chain_id) : rpc_(std::move(rpc)), chain_id_(chain_id) {
    const Amount actual = quantity("eth_chainId", nlohmann::json::array());
    if (actual != chain_id)
        throw Error(ErrorCode::chain_failed,
                    "the endpoint serves chain " + to_decimal(actual) + ", not " + std::to_string(chain_id),
                    "Set CHAIN_ID and RPC_URL to the same chain.",
                    {{"found", to_decimal(actual)}, {"expected", std::to_string(chain_id)}});
}

nlohmann::json EvmClient::ask(const std::string& method, const nlohmann::json& parameters) {
    RpcReply reply = rpc_.call(method, parameters);
    if (reply.refused) refused(method, reply.refusal);
    return std::move(reply.result);
}

Amount EvmClient::quantity(const std::string& method, const nlohmann::json& parameters) {
    const auto result = ask(method, parameters);
    const auto amount = result.is_string() ? amount_from_quantity(result.get<std::string>()) : std::nullopt;
    if (!amount) wrong_answer(method);
    return *amount;
}

Bytes EvmClient::call(const Address& contract, const Bytes& data) {
    const auto result =
        ask("eth_call", {{{"to", to_hex_prefixed(contract)}, {"data", to_hex_prefixed(data)}}, "latest"});
    const auto bytes = result.is_string() ? bytes_from_hex(result.get<std::string>()) : std::nullopt;
    if (!bytes) wrong_answer("eth_call");
    return *bytes;
}

bool EvmClient::has_code(const Address& contract) {
    const auto result = ask("eth_getCode", {to_hex_prefixed(contract), "latest"});
    if (!result.is_string()) wrong_answer("eth_getCode");
    return result.get<std::string>().size() > 2;
}

void EvmClient::require_code(const Address& contract, const std::string& setting) {
    if (!has_code(contract))
        throw Error(ErrorCode::chain_failed, "no contract stands at " + to_checksum_text(contract),
                    "Check " + setting + " and CHAIN_ID.", {{"setting", setting}});
}

Amount EvmClient::balance(const Address& account) {
    return quantity("eth_getBalance", {to_hex_prefixed(account), "latest"});
}

std::vector<Log> EvmClient::logs(const Address& contract, const std::vector<Word>& kinds,
                                 const Word& indexed) {
    nlohmann::json events = nlohmann::json::array();
    for (const Word& kind : kinds) events.push_back(to_hex_prefixed(kind));
    const nlohmann::json filter = {{"fromBlock", "earliest"},
                                   {"toBlock", "latest"},
                                   {"address", to_hex_prefixed(contract)},
                                   {"topics", {events, to_hex_prefixed(indexed)}}};
    const auto result = ask("eth_getLogs", nlohmann::json::array({filter}));
    if (!result.is_array()) wrong_answer("eth_getLogs");
    std::vector<Log> logs;
    for (const auto& entry : result) {
        const auto text = [&](const char* key) {
            const bool there = entry.is_object() && entry.contains(key) && entry[key].is_string();
            if (!there) wrong_answer("eth_getLogs");
            return entry[key].get<std::string>();
        };
        Log log;
        const auto block = amount_from_quantity(text("blockNumber"));
        auto data = bytes_from_hex(text("data"));
        if (!block || !data || !entry.contains("topics") || !entry["topics"].is_array())
            wrong_answer("eth_getLogs");
        log.block = static_cast<std::uint64_t>(*block);
        log.data = std::move(*data);
        for (const auto& topic : entry["topics"]) {
            const auto word = topic.is_string() ? word_from_hex(topic.get<std::string>()) : std::nullopt;
            if (!word) wrong_answer("eth_getLogs");
            log.topics.push_back(*word);
        }
        // An endpoint that ignores the filter must not speak for another contract or model.
        const bool asked_for = text("address") == to_hex_prefixed(contract) && log.topics.size() >= 2 &&
                               log.topics[1] == indexed;
        if (!asked_for) wrong_answer("eth_getLogs");
        logs.push_back(std::move(log));
    }
    return logs;
}

Transaction EvmClient::prepare(const Address& from, const Address& to, const Bytes& data, bool legacy) {
    Transaction transaction;
    transaction.chain_id = chain_id_;
    transaction.to = to;
    transaction.data = data;
    const Amount gas = quantity(
        "eth_estimateGas",
        {{{"from", to_hex_prefixed(from)}, {"to", to_hex_prefixed(to)}, {"data", to_hex_prefixed(data)}}});
    transaction.gas_limit = static_cast<std::uint64_t>(gas + gas / 5);  // state may change until it is mined
    transaction.nonce =
        static_cast<std::uint64_t>(quantity("eth_getTransactionCount", {to_hex_prefixed(from), "pending"}));
    const auto block = ask("eth_getBlockByNumber", {"latest", false});
    const auto base_fee =
        block.is_object() && block.contains("baseFeePerGas") && block["baseFeePerGas"].is_string()
            ? amount_from_quantity(block["baseFeePerGas"].get<std::string>())
            : std::nullopt;
    transaction.legacy = legacy || !base_fee;
    if (transaction.legacy) {
        transaction.gas_price = quantity("eth_gasPrice", nlohmann::json::array());
        return transaction;
    }
    const RpcReply tip = rpc_.call("eth_maxPriorityFeePerGas", nlohmann::json::array());
    const auto suggested = !tip.refused && tip.result.is_string()
                               ? amount_from_quantity(tip.result.get<std::string>())
                               : std::nullopt;
    transaction.priority_fee_per_gas =
        suggested.value_or(1'000'000'000);  // 1 gwei where the node has no opinion
    transaction.fee_per_gas_max =
        2 * *base_fee + transaction.priority_fee_per_gas;  // survives six full blocks
    return transaction;
}

Amount EvmClient::cost_max(const Transaction& transaction) const {
    return transaction.value + Amount{transaction.gas_limit} *
                                   (transaction.legacy ? transaction.gas_price : transaction.fee_per_gas_max);
}

void EvmClient::require_funds(const Address& account, const Transaction& transaction) {
    const Amount funds = balance(account), cost = cost_max(transaction);
    if (funds >= cost) return;
    throw Error(ErrorCode::chain_failed,
                to_checksum_text(account) + " has " + to_decimal(funds) + " wei, the transaction may cost " +
                    to_decimal(cost),
                "Fund the account. Nothing was sent.",
                {{"balance_wei", to_decimal(funds)}, {"cost_wei", to_decimal(cost)}});
}

std::optional<Receipt> EvmClient::receipt(const Word& hash) {
    const auto json = ask("eth_getTransactionReceipt", {to_hex_prefixed(hash)});
    if (json.is_null()) return std::nullopt;
    const auto amount = [&](const char* key) {
        const auto value = json.is_object() && json.contains(key) && json[key].is_string()
                               ? amount_from_quantity(json[key].get<std::string>())
                               : std::nullopt;
        if (!value) wrong_answer("eth_getTransactionReceipt");
        return *value;
    };
    if (!json.is_object() || !json.contains("transactionHash") ||
        json["transactionHash"] != to_hex_prefixed(hash))
        wrong_answer("eth_getTransactionReceipt");
    return Receipt{hash, static_cast<std::uint64_t>(amount("blockNumber")), amount("status") == 1,
                   amount("gasUsed")};
}

void EvmClient::submit(const SignedTransaction& transaction) {
    const RpcReply sent = rpc_.call("eth_sendRawTransaction", {to_hex_prefixed(transaction.raw)});
    if (sent.refused && !already_known(sent.refusal)) refused("eth_sendRawTransaction", sent.refusal);
}

std::uint64_t EvmClient::block_number() {
    return static_cast<std::uint64_t>(quantity("eth_blockNumber", nlohmann::json::array()));
}

std::uint64_t EvmClient::block_time_s() {
    const auto block = ask("eth_getBlockByNumber", {"latest", false});
    const auto time = block.is_object() && block.contains("timestamp") && block["timestamp"].is_string()
                          ? amount_from_quantity(block["timestamp"].get<std::string>())
                          : std::nullopt;
    if (!time) wrong_answer("eth_getBlockByNumber");
    return static_cast<std::uint64_t>(*time);
}

std::uint64_t EvmClient::nonce_of(const Address& account) {
    return static_cast<std::uint64_t>(
        quantity("eth_getTransactionCount", {to_hex_prefixed(account), "latest"}));
}

Receipt EvmClient::send(const SignedTransaction& transaction, const SendOptions& options,
                        const std::function<void(const std::string&)>& tell) {
    const std::string hash = to_hex_prefixed(transaction.hash);
    submit(transaction);
    if (tell) tell("sent " + hash);
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(options.timeout_ms);
    while (std::chrono::steady_clock::now() < deadline) {
        try {
            const auto found = receipt(transaction.hash);
            if (found && !found->succeeded)
                throw Error(ErrorCode::chain_failed,
                            "transaction " + hash + " failed in block " + std::to_string(found->block),
                            "Gas was spent; nothing was changed.", {{"transaction", hash}});
            if (found && block_number() + 1 >= found->block + static_cast<unsigned>(options.confirmations))
                return *found;
        } catch (const Error& error) {
            if (error.code() != ErrorCode::network_failed)
                throw;  // an endpoint that is away may come back in time
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(options.poll_ms));
    }
    throw Error(
        ErrorCode::chain_failed,
        "transaction " + hash + " has no receipt with " + std::to_string(options.confirmations) +
            " confirmation(s) yet",
        "It may still be mined. Run the command without --send to see the entry before sending again.",
        {{"transaction", hash}});
}

}  // namespace gptoss::provenance::chain
