#include "provenance/chain/node_registry.h"

#include <algorithm>

#include "base/error.h"
#include "provenance/chain/abi.h"

namespace gptoss::provenance::chain {
namespace {

[[noreturn]] void refuse(const std::string& message, const std::string& hint) {
    throw Error(ErrorCode::chain_failed, message, hint);
}

}  // namespace

NodeRegistry::NodeRegistry(EvmClient& chain, const Address& contract) : chain_(chain), contract_(contract) {
    chain_.require_code(contract_, "CONTRACT_NODE_REGISTRY");
}

bool NodeRegistry::is_active(const Address& host) {
    const Bytes data = chain_.call(contract_, abi::Call("isActiveNode(address)").address(host).data());
    return abi::Reply(data).boolean(0, "isActiveNode");
}

std::vector<Word> NodeRegistry::models(const Address& host) {
    const Bytes data = chain_.call(contract_, abi::Call("getNodeModels(address)").address(host).data());
    return abi::Reply(data).words(0, "getNodeModels");
}

Bytes NodeRegistry::update_supported_models(std::span<const Word> models) {
    return abi::Call("updateSupportedModels(bytes32[])").words(models).data();
}

std::vector<Word> changed_list(std::span<const Word> current, std::span<const Word> added,
                               std::span<const Word> removed) {
    std::vector<Word> wanted;
    const auto take = [&](const Word& id) {
        const bool gone = std::ranges::find(removed, id) != removed.end();
        if (!gone && std::ranges::find(wanted, id) == wanted.end()) wanted.push_back(id);
    };
    std::ranges::for_each(current, take);
    std::ranges::for_each(added, take);
    return wanted;
}

Receipt send_models(EvmClient& chain, NodeRegistry& registry, std::span<const Word> expected,
                    std::span<const Word> wanted, const PrivateKey& key, const SendOptions& options,
                    const std::function<void(const std::string&)>& tell) {
    const Address host = key.address();
    const auto is = [](const std::vector<Word>& list, std::span<const Word> other) {
        return std::ranges::equal(list, other);
    };
    if (!registry.is_active(host))
        refuse(to_checksum_text(host) + " is not a registered node",
               "Register the node first. Nothing was sent.");
    if (wanted.empty())
        refuse("the node would be left without a model", "Unregister it instead. Nothing was sent.");
    const Transaction transaction = chain.prepare(
        host, registry.address(), NodeRegistry::update_supported_models(wanted), options.legacy);
    chain.require_funds(host, transaction);
    // As late as can be: what another tool changed meanwhile must not be overwritten.
    if (!is(registry.models(host), expected))
        refuse("the node's list changed since it was read", "Run it again. Nothing was sent.");
    const Receipt receipt = chain.send(sign(transaction, key), options, tell);
    if (!is(registry.models(host), wanted))
        refuse("the transaction succeeded, but the list read back is another",
               "Look at it again, with another endpoint.");
    return receipt;
}

}  // namespace gptoss::provenance::chain
