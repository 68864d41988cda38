#include "provenance/chain/registration.h"

#include "base/error.h"

namespace gptoss::provenance::chain {

std::string_view to_string(EntryState state) {
    switch (state) {
        case EntryState::absent:
            return "absent";
        case EntryState::identical:
            return "identical";
        case EntryState::inactive:
            return "inactive";
        case EntryState::different:
            return "different";
    }
    return "";
}

EntryView look_up(ModelRegistry& registry, const Candidate& candidate) {
    EntryView view;
    view.id = model_id(candidate.repository, candidate.file);
    view.entry = registry.find(view.id);
    if (!view.entry) return view;
    view.approved = registry.is_approved(view.id);
    view.state = view.entry->sha256 != candidate.composite ? EntryState::different
                 : view.approved                           ? EntryState::identical
                                                           : EntryState::inactive;
    return view;
}

RegistrationReceipt send_registration(EvmClient& chain, ModelRegistry& registry, const Candidate& candidate,
                                      const PrivateKey& key, bool propose, const SendOptions& options,
                                      const std::function<void(const std::string&)>& tell) {
    const EntryView before = look_up(registry, candidate);
    if (before.state != EntryState::absent)
        throw Error(
            ErrorCode::chain_failed,
            "the registry already has this model; its entry is " + std::string(to_string(before.state)),
            "An entry can never be changed; nothing was sent.",
            {{"state", std::string(to_string(before.state))}});
    const Address sender = key.address();
    if (!propose) {
        const Address owner = registry.owner();
        if (owner != sender)
            throw Error(ErrorCode::chain_failed,
                        "only the registry's owner, " + to_checksum_text(owner) +
                            ", may add a trusted model; this key is " + to_checksum_text(sender),
                        "Use the owner's key, or --propose for a community vote. Nothing was sent.",
                        {{"owner", to_checksum_text(owner)}, {"sender", to_checksum_text(sender)}});
    }
    const Bytes data =
        propose ? ModelRegistry::propose_model(candidate.repository, candidate.file, candidate.composite)
                : ModelRegistry::add_trusted_model(candidate.repository, candidate.file, candidate.composite);
    const Transaction transaction = chain.prepare(sender, registry.address(), data, options.legacy);
    chain.require_funds(sender, transaction);
    if (tell)
        tell("signing nonce " + std::to_string(transaction.nonce) + ", at most " +
             to_decimal(chain.cost_max(transaction)) + " wei");
    RegistrationReceipt result;
    result.receipt = chain.send(sign(transaction, key), options, tell);
    result.after = look_up(registry, candidate);
    if (!propose && result.after.state != EntryState::identical)
        throw Error(ErrorCode::chain_failed,
                    "the transaction succeeded, but the entry read back is " +
                        std::string(to_string(result.after.state)),
                    "Look at the registry with another endpoint.",
                    {{"transaction", to_hex_prefixed(result.receipt.transaction_hash)}});
    return result;
}

}  // namespace gptoss::provenance::chain
