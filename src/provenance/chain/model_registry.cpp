#include "provenance/chain/model_registry.h"

#include "base/error.h"
#include "provenance/chain/abi.h"

namespace gptoss::provenance::chain {

Word model_id(const std::string& repository, const std::string& first_file) {
    return keccak256(repository + "/" + first_file);
}

ModelRegistry::ModelRegistry(EvmClient& chain, const Address& contract) : chain_(chain), contract_(contract) {
    chain_.require_code(contract_, "CONTRACT_MODEL_REGISTRY");
}

std::optional<ModelEntry> ModelRegistry::find(const Word& id) {
    // The mapping's own getter: unlike getModel it has no reason to revert for an id that is not there.
    const Bytes data = chain_.call(contract_, abi::Call("models(bytes32)").word(id).data());
    const abi::Reply entry(data);
    ModelEntry model;
    model.repository = entry.text(0, "huggingfaceRepo");
    model.file = entry.text(1, "fileName");
    model.sha256 = entry.word(2, "sha256Hash");
    model.tier = entry.amount(3, "approvalTier");
    model.active = entry.boolean(4, "active");
    model.timestamp = entry.amount(5, "timestamp");
    if (model.timestamp == 0 && model.repository.empty()) return std::nullopt;  // the mapping's empty value
    if (model_id(model.repository, model.file) != id)
        throw Error(ErrorCode::chain_failed,
                    "the registry's entry names another model: " + model.repository + "/" + model.file,
                    "The contract at CONTRACT_MODEL_REGISTRY is not a ModelRegistry.");
    return model;
}

bool ModelRegistry::is_approved(const Word& id) {
    const Bytes data = chain_.call(contract_, abi::Call("isModelApproved(bytes32)").word(id).data());
    return abi::Reply(data).boolean(0, "isModelApproved");
}

Address ModelRegistry::owner() {
    const Bytes data = chain_.call(contract_, abi::Call("owner()").data());
    return abi::Reply(data).address(0, "owner");
}

Bytes ModelRegistry::add_trusted_model(const std::string& repository, const std::string& file,
                                       const Word& sha256) {
    return abi::Call("addTrustedModel(string,string,bytes32)")
        .text(repository)
        .text(file)
        .word(sha256)
        .data();
}

Bytes ModelRegistry::propose_model(const std::string& repository, const std::string& file,
                                   const Word& sha256) {
    return abi::Call("proposeModel(string,string,bytes32)").text(repository).text(file).word(sha256).data();
}

}  // namespace gptoss::provenance::chain
