#include "provenance/chain/job_marketplace.h"

#include "base/error.h"
#include "provenance/chain/abi.h"

namespace gptoss::provenance::chain {
namespace {

constexpr std::size_t kJanuaryFields = 17, kFebruaryFields = 18;
constexpr std::size_t kEmptyTexts = 2;  // of a job that was never made: each a word for its length
constexpr Amount kUsualDisputeWindow_s = 30;

std::size_t fields_of(MarketplaceVersion version) {
    return version == MarketplaceVersion::january ? kJanuaryFields : kFebruaryFields;
}

}  // namespace

std::optional<MarketplaceVersion> marketplace_version(std::string_view name) {
    if (name == "january") return MarketplaceVersion::january;
    if (name == "february") return MarketplaceVersion::february;
    return std::nullopt;
}

Amount SessionJob::tokens_left() const {
    if (price_per_1000_tokens == 0) return 0;
    const Amount paid = deposit * JobMarketplace::kPriceTokens / price_per_1000_tokens;
    return paid > tokens_used ? paid - tokens_used : 0;
}

JobMarketplace::JobMarketplace(EvmClient& chain, const Address& contract, MarketplaceVersion version)
    : chain_(chain), contract_(contract), version_(version) {
    chain_.require_code(contract_, "CONTRACT_JOB_MARKETPLACE");
    // Job 0 never exists, and an empty job's size shows how many fields a job has.
    const std::size_t size = job_data(0).size();
    if (size != (fields_of(version) + kEmptyTexts) * sizeof(Word))
        throw Error(ErrorCode::chain_failed,
                    "the JobMarketplace tells " + std::to_string(size) + " bytes of a job, not the " +
                        std::to_string((fields_of(version) + kEmptyTexts) * sizeof(Word)) +
                        " of the version that is set",
                    "Set GPTOSS_MARKETPLACE_VERSION to the other one, or mend CONTRACT_JOB_MARKETPLACE.",
                    {{"setting", "GPTOSS_MARKETPLACE_VERSION"}});
}

Bytes JobMarketplace::job_data(Amount job) {
    return chain_.call(contract_, abi::Call("sessionJobs(uint256)").amount(job).data());
}

std::optional<SessionJob> JobMarketplace::find(Amount job) {
    const Bytes data = job_data(job);
    const abi::Reply reply(data);
    SessionJob found;
    found.id = reply.amount(0, "id");
    found.depositor = reply.address(1, "depositor");
    found.host = reply.address(2, "host");
    found.payment_token = reply.address(3, "paymentToken");
    found.deposit = reply.amount(4, "deposit");
    found.price_per_1000_tokens = reply.amount(5, "pricePerToken");
    found.tokens_used = reply.amount(6, "tokensUsed");
    found.max_duration_s = reply.amount(7, "maxDuration");
    found.start_time_s = reply.amount(8, "startTime");
    found.last_proof_time_s = reply.amount(9, "lastProofTime");
    found.proof_interval = reply.amount(10, "proofInterval");
    std::size_t next = 11;
    if (version_ == MarketplaceVersion::february)
        found.proof_timeout_window_s = reply.amount(next++, "proofTimeoutWindow");
    found.status = reply.amount(next, "status");
    found.conversation_cid = reply.text(next + 3, "conversationCID");
    found.last_proof_hash = reply.word(next + 4, "lastProofHash");
    if (found.host == Address{}) return std::nullopt;
    if (found.id != job)
        throw Error(ErrorCode::chain_failed, "the JobMarketplace tells of another job than was asked for",
                    "Check CONTRACT_JOB_MARKETPLACE and GPTOSS_MARKETPLACE_VERSION.");
    return found;
}

Word JobMarketplace::model_of(Amount job) {
    const Bytes data = chain_.call(contract_, abi::Call("sessionModel(uint256)").amount(job).data());
    return abi::Reply(data).word(0, "sessionModel");
}

Amount JobMarketplace::dispute_window_s() {
    for (const char* name : {"disputeWindow()", "DISPUTE_WINDOW()"}) {
        try {
            const Bytes data = chain_.call(contract_, abi::Call(name).data());
            if (data.size() == sizeof(Word)) return abi::Reply(data).amount(0, "disputeWindow");
        } catch (const Error& error) {
            if (error.code() == ErrorCode::network_failed) throw;
        }
    }
    return kUsualDisputeWindow_s;
}

Bytes JobMarketplace::submit_proof(const ProofClaim& claim, const Word& model, const PrivateKey& key) const {
    if (version_ == MarketplaceVersion::february)
        return abi::Call("submitProofOfWork(uint256,uint256,bytes32,string,string)")
            .amount(claim.job)
            .amount(claim.tokens)
            .word(claim.hash)
            .text(claim.proof_cid)
            .text(claim.delta_cid)
            .data();
    // proofHash ‖ host ‖ tokens, and the model where the job has one, as personal_sign signs a hash.
    Bytes packed(claim.hash.begin(), claim.hash.end());
    const Address host = key.address();
    const Word tokens = word_from_amount(claim.tokens);
    packed.insert(packed.end(), host.begin(), host.end());
    packed.insert(packed.end(), tokens.begin(), tokens.end());
    if (model != Word{}) packed.insert(packed.end(), model.begin(), model.end());
    const Word hash = keccak256(std::span<const std::uint8_t>(packed));
    const auto signature = signature_bytes(
        key.sign(personal_digest(std::string_view(reinterpret_cast<const char*>(hash.data()), hash.size()))));
    return abi::Call("submitProofOfWork(uint256,uint256,bytes32,bytes,string,string)")
        .amount(claim.job)
        .amount(claim.tokens)
        .word(claim.hash)
        .text(std::string_view(reinterpret_cast<const char*>(signature.data()), signature.size()))
        .text(claim.proof_cid)
        .text(claim.delta_cid)
        .data();
}

Bytes JobMarketplace::complete_session(Amount job, const std::string& conversation_cid) {
    return abi::Call("completeSessionJob(uint256,string)").amount(job).text(conversation_cid).data();
}

}  // namespace gptoss::provenance::chain
