#include "provenance/chain/proposal.h"

#include "base/error.h"
#include "provenance/chain/abi.h"

namespace gptoss::provenance::chain {
namespace {

const Word kProposed = keccak256("ModelProposed(bytes32,address,string)");
const Word kVoted = keccak256("VoteCast(bytes32,address,uint256,bool)");
const Word kExecuted = keccak256("ProposalExecuted(bytes32,bool)");

}  // namespace

std::optional<Proposal> find_proposal(EvmClient& chain, const Address& registry, const Word& model_id) {
    std::optional<Proposal> latest;
    for (const Log& log : chain.logs(registry, {kProposed, kVoted, kExecuted}, model_id)) {
        const abi::Reply data(log.data);
        if (log.topics[0] == kProposed) {
            if (log.topics.size() < 3)
                throw Error(ErrorCode::chain_failed, "the registry's ModelProposed event names no proposer",
                            "Try another endpoint in RPC_URL.");
            latest.emplace();
            latest->proposer = abi::Reply(log.topics[2]).address(0, "proposer");
            latest->block = log.block;
        } else if (latest && log.topics[0] == kVoted) {
            const Amount amount = data.amount(0, "amount");
            (data.boolean(1, "support") ? latest->votes_for : latest->votes_against) += amount;
        } else if (latest && log.topics[0] == kExecuted) {
            latest->approved = data.boolean(0, "approved");
        }
    }
    return latest;
}

std::string to_string(const Proposal& proposal) {
    const char* state = !proposal.approved ? "open" : *proposal.approved ? "approved" : "rejected";
    return state + (", proposed by " + to_checksum_text(proposal.proposer)) + " in block " +
           std::to_string(proposal.block) + ": " + to_decimal(proposal.votes_for) + " for, " +
           to_decimal(proposal.votes_against) + " against";
}

}  // namespace gptoss::provenance::chain
