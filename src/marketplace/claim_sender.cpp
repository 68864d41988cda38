#include "marketplace/claim_sender.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "api/json_reader.h"
#include "base/error.h"
#include "base/utc_time.h"
#include "marketplace/outbox.h"
#include "provenance/sha256.h"

namespace gptoss::marketplace {
namespace {

// What one endpoint answers may be old: what would cost money if it were wrong is believed when it was seen so
// often, one look after the other.
constexpr int kLooks = 10;
constexpr std::int64_t kFirstRetry_s = 5, kLastRetry_s = 3600;
constexpr double kWei = 1e18;
constexpr auto kLeastTokens = static_cast<std::int64_t>(chain::JobMarketplace::kProofTokensMin);

std::int64_t tokens_of(chain::Amount amount) {
    constexpr chain::Amount kMost = std::numeric_limits<std::int64_t>::max();
    return static_cast<std::int64_t>(std::min(amount, kMost));
}

std::string hash_of(std::string_view text) {
    return chain::to_hex_prefixed(provenance::sha256(std::as_bytes(std::span(text.data(), text.size()))));
}

chain::Amount amount_of(std::string_view decimal) {
    return job_number(decimal).value_or(0);
}

}  // namespace

struct ClaimSender::Connection {
    explicit Connection(const ChainPlace& place)
        : chain(place.connect()), marketplace(chain, place.contract, place.version) {
        dispute_window_s = static_cast<std::uint64_t>(marketplace.dispute_window_s());
    }
    chain::EvmClient chain;
    chain::JobMarketplace marketplace;
    std::uint64_t dispute_window_s = 0;
};

ClaimSender::ClaimSender(ClaimOptions options, chain::PrivateKey key, std::shared_ptr<Ledger> ledger,
                         std::shared_ptr<Checkpoints> checkpoints, std::unique_ptr<ProofDocuments> documents)
    : options_(std::move(options)),
      key_(std::move(key)),
      host_(key_.address()),
      ledger_(std::move(ledger)),
      checkpoints_(std::move(checkpoints)),
      documents_(std::move(documents)) {}

ClaimSender::~ClaimSender() {
    {
        const std::lock_guard lock(mutex_);
        stop_ = true;
    }
    changed_.notify_all();
}

void ClaimSender::start() {
    thread_ = std::jthread([this] { run(); });
}

void ClaimSender::nudge() {
    {
        const std::lock_guard lock(mutex_);
        nudged_ = true;
    }
    changed_.notify_all();
}

ClaimSender::Status ClaimSender::status() const {
    const std::lock_guard lock(mutex_);
    return status_;
}

void ClaimSender::run() {
    for (;;) {
        std::string problem;
        try {
            step();
        } catch (const std::exception& error) {
            problem = error.what();
            connection_.reset();
        }
        std::unique_lock lock(mutex_);
        if (problem != status_.problem && !problem.empty()) spdlog::error("claims: {}", problem);
        status_.problem = problem;
        changed_.wait_for(lock, std::chrono::milliseconds(options_.poll_ms),
                          [this] { return stop_ || nudged_; });
        nudged_ = false;
        if (stop_) return;
    }
}

void ClaimSender::step() {
    if (checkpoints_) checkpoints_->settle();
    if (documents_ && documents_are_due_) documents_->settle();
    documents_are_due_ = false;
    if (!connection_) connection_ = std::make_unique<Connection>(options_.place);
    const auto under_way = ledger_->transactions_under_way();
    if (!under_way.empty()) {
        follow(under_way);
        return;
    }
    for (LedgerJob& job : ledger_->jobs()) {
        const auto wait = not_before_s_.find(job.job);
        if (wait != not_before_s_.end() && now_s() < wait->second) continue;
        if (look_at(std::move(job))) return;
    }
    if (documents_are_due_ || !std::exchange(pruning_is_due_, false)) return;
    const auto gone = ledger_->prune(options_.jobs_kept);
    if (checkpoints_) checkpoints_->forget(gone);
    pruning_is_due_ = !gone.empty();  // there may be more
}

void ClaimSender::follow(const std::vector<LedgerTransaction>& transactions) {
    chain::EvmClient& chain = connection_->chain;
    const std::int64_t nonce = transactions.front().nonce;
    for (const LedgerTransaction& each : transactions) {
        const auto receipt = chain.receipt(*chain::word_from_hex(each.hash));
        if (!receipt) continue;
        if (chain.block_number() + 1 < receipt->block + static_cast<unsigned>(options_.confirmations)) return;
        arrived(each, receipt->succeeded);
        ledger_->close_transactions(nonce, receipt->succeeded ? "arrived" : "failed");
        return;
    }
    // The nonce was used by a transaction that is none of ours: what became of the claim shows in the job.
    if (static_cast<std::int64_t>(chain.nonce_of(host_)) > nonce) {
        if (!seen_often("nonce " + std::to_string(nonce))) return;
        spdlog::error("claims: another transaction of this account took nonce {}", nonce);
        ledger_->close_transactions(nonce, "overtaken");
        return;
    }
    const LedgerTransaction& last = transactions.back();
    if (now_s() - last.signed_at_s > options_.stuck_s) {
        try {
            replace(last);
            return;
        } catch (const Error& error) {
            if (error.code() == ErrorCode::network_failed) throw;
            spdlog::warn("claims: {} is not replaced: {}", last.hash, error.what());
        }
    }
    // A node that was restarted, a reorganisation or a full pool may have forgotten it.
    chain.submit({*chain::bytes_from_hex(last.raw), *chain::word_from_hex(last.hash)});
}

void ClaimSender::close_job(const std::string& job, JobState state) {
    ledger_->close_job(job, state);
    pruning_is_due_ = true;
}

void ClaimSender::proof_arrived(const LedgerProof& proof) {
    ledger_->proof_arrived(proof);
    documents_are_due_ = true;
}

void ClaimSender::arrived(const LedgerTransaction& transaction, bool succeeded) {
    const auto proof = ledger_->proof_under_way(transaction.job);
    if (succeeded) {
        spdlog::info("claims: the {} of job {} has arrived: {}", transaction.purpose, transaction.job,
                     transaction.hash);
        failures_.erase(transaction.job);
        if (proof && proof->number == transaction.proof) proof_arrived(*proof);
        if (transaction.purpose == "completion") close_job(transaction.job, JobState::settled);
        return;
    }
    spdlog::error("claims: the {} of job {} failed on the chain, gas was spent: {}", transaction.purpose,
                  transaction.job, transaction.hash);
    if (proof && proof->number == transaction.proof) ledger_->drop_proof(*proof);
    const int times = ++failures_[transaction.job];
    not_before_s_[transaction.job] =
        now_s() + std::min(kLastRetry_s, kFirstRetry_s << std::min(times - 1, 10));
}

// While an answer goes on, the least that a proof may have is kept back: its end can then be proven too, however
// few tokens it brings.
std::int64_t ClaimSender::claimable(const LedgerJob& job) {
    return job.running > 0 ? job.unproven() - kLeastTokens : job.unproven();
}

bool ClaimSender::is_proof_due(const LedgerJob& job) const {
    return claimable(job) >= (job.running > 0 ? options_.proof_tokens : kLeastTokens);
}

bool ClaimSender::look_at(LedgerJob job) {
    const bool under_way = ledger_->proof_under_way(job.job).has_value();
    if (!under_way && !is_proof_due(job) && !(job.state == JobState::ended && job.running == 0)) return false;
    const chain::Amount number = *job_number(job.job);
    const auto on_chain = connection_->marketplace.find(number);
    if (!on_chain || on_chain->host != host_) {
        if (seen_often("missing " + job.job)) close_job(job.job, JobState::lost);
        return false;
    }
    if (!reconcile(job, *on_chain)) return false;
    if (!on_chain->is_active()) {
        if (!seen_often("over " + job.job)) return false;
        if (job.unproven() > 0)
            spdlog::warn("claims: job {} is over with {} tokens unproven", job.job, job.unproven());
        close_job(job.job, job.unproven() > 0 ? JobState::lost : JobState::settled);
        return false;
    }
    const std::int64_t tokens = std::min(claimable(job), tokens_of(on_chain->tokens_left()));
    const bool enough = tokens >= kLeastTokens;
    try {
        if (enough && is_proof_due(job)) {
            claim(job, tokens);
            return true;
        }
        if (enough || job.state != JobState::ended || job.running > 0) return false;
        const auto last = std::max(on_chain->start_time_s, on_chain->last_proof_time_s);
        if (connection_->chain.block_time_s() < last + connection_->dispute_window_s) return false;
        complete(job);
        return true;
    } catch (const Error& error) {
        if (error.code() == ErrorCode::network_failed) throw;
        // The chain refuses this one, for now: the others go on.
        const int times = ++failures_[job.job];
        not_before_s_[job.job] = now_s() + std::min(kLastRetry_s, kFirstRetry_s << std::min(times - 1, 10));
        spdlog::error("claims: job {}: {}", job.job, error.what());
        return false;
    }
}

bool ClaimSender::reconcile(LedgerJob& job, const chain::SessionJob& on_chain) {
    const std::int64_t used = tokens_of(on_chain.tokens_used);
    if (const auto proof = ledger_->proof_under_way(job.job)) {
        if (used >= proof->tokens_before + proof->tokens) {
            proof_arrived(*proof);
        } else if (!ledger_->was_signed(*proof) || seen_often("gone " + proof->hash)) {
            ledger_->drop_proof(*proof);
        } else {
            return false;
        }
        job = *ledger_->job(job.job);
    }
    if (used == job.proven) {
        looks_.erase("less " + job.job);
        return true;
    }
    // More than we know of: believed at once, for nothing may be claimed twice. Less, after a deep
    // reorganisation: only when it stays so, since an endpoint that lags answers the same.
    if (used < job.proven && !seen_often("less " + job.job)) return false;
    spdlog::warn("claims: job {} has {} tokens proven on the chain, {} in the ledger: the chain counts",
                 job.job, used, job.proven);
    ledger_->set_proven(job.job, used);
    job.proven = used;
    return true;
}

bool ClaimSender::seen_often(const std::string& what) {
    if (++looks_[what] < kLooks) return false;
    looks_.erase(what);
    return true;
}

std::string ClaimSender::document(const LedgerJob& job, std::int64_t tokens) {
    api::Json replies = api::Json::array();
    std::int64_t end = 0;
    for (const LedgerRequest& each : ledger_->requests(job.job)) {
        const std::int64_t begin = end;
        end += each.completion_tokens + (options_.billed == BilledTokens::all ? each.prompt_tokens : 0);
        if (begin == end || end <= job.proven || begin >= job.proven + tokens) continue;
        api::Json reply{{"request", each.number},
                        {"id", each.reply_id},
                        {"prompt_tokens", each.prompt_tokens},
                        {"completion_tokens", each.completion_tokens}};
        if (options_.find_receipt && !each.reply_id.empty()) {
            // Its hash: the receipt holds the prompt's, which could be guessed, and the document is public.
            if (const auto receipt = options_.find_receipt(each.reply_id))
                reply["receipt"] = hash_of(*receipt);
        }
        replies.push_back(std::move(reply));
    }
    const api::Json json{{"version", 1},
                         {"chainId", connection_->chain.chain_id()},
                         {"marketplace", chain::to_checksum_text(options_.place.contract)},
                         {"host", chain::to_checksum_text(host_)},
                         {"jobId", job.job},
                         {"proofIndex", job.proofs},
                         {"startToken", job.proven},
                         {"endToken", job.proven + tokens},
                         {"billed", options_.billed == BilledTokens::all ? "all" : "completion"},
                         {"replies", replies}};
    return json.dump();
}

void ClaimSender::claim(const LedgerJob& job, std::int64_t tokens) {
    LedgerProof proof;
    proof.job = job.job;
    proof.index = job.proofs;
    proof.tokens = tokens;
    proof.tokens_before = job.proven;
    proof.document = document(job, tokens);
    proof.hash = hash_of(proof.document);
    proof = ledger_->plan_proof(std::move(proof));
    LedgerTransaction transaction;
    transaction.purpose = "proof";
    transaction.job = job.job;
    transaction.proof = proof.number;
    try {
        send(data_of(transaction), transaction, nullptr);
    } catch (...) {
        // Nothing was signed, or else the transaction is in the ledger and is followed.
        if (!ledger_->was_signed(proof)) ledger_->drop_proof(proof);
        throw;
    }
}

void ClaimSender::complete(const LedgerJob& job) {
    LedgerTransaction transaction;
    transaction.purpose = "completion";
    transaction.job = job.job;
    send(data_of(transaction), transaction, nullptr);
}

chain::Bytes ClaimSender::data_of(const LedgerTransaction& transaction) {
    const chain::Amount number = *job_number(transaction.job);
    if (transaction.purpose == "completion") return chain::JobMarketplace::complete_session(number, "");
    const auto proof = ledger_->proof_under_way(transaction.job);
    if (!proof)
        throw Error(ErrorCode::chain_failed, "the proof of job " + transaction.job + " is not under way");
    chain::ProofClaim claim;
    claim.job = number;
    claim.tokens = static_cast<chain::Amount>(proof->tokens);
    claim.hash = *chain::word_from_hex(proof->hash);
    if (documents_) claim.proof_cid = s5_name_of(proof->document);
    if (checkpoints_) claim.delta_cid = checkpoints_->prepare(*proof);
    return connection_->marketplace.submit_proof(claim, connection_->marketplace.model_of(number), key_);
}

void ClaimSender::send(const chain::Bytes& data, LedgerTransaction transaction,
                       const LedgerTransaction* replaced) {
    chain::EvmClient& chain = connection_->chain;
    chain::Transaction prepared = chain.prepare(host_, options_.place.contract, data, options_.legacy);
    prepared.nonce =
        replaced != nullptr ? static_cast<std::uint64_t>(replaced->nonce) : chain.nonce_of(host_);
    chain::Amount& fee = prepared.legacy ? prepared.gas_price : prepared.fee_per_gas_max;
    if (replaced != nullptr) {
        // Chains take a replacement that pays an eighth more.
        const auto raised = [](chain::Amount old) { return old + old / 8 + 1; };
        fee = std::max(fee, raised(amount_of(replaced->fee)));
        prepared.priority_fee_per_gas =
            std::max(prepared.priority_fee_per_gas, raised(amount_of(replaced->tip)));
    }
    if (options_.gas_price_max > 0 && fee > options_.gas_price_max)
        throw Error(
            ErrorCode::chain_failed,
            "gas costs " + chain::to_decimal(fee) + " wei, more than GPTOSS_GAS_PRICE_MAX_GWEI allows",
            "It is tried again later.");
    const chain::Amount balance = chain.balance(host_);
    {
        const std::lock_guard lock(mutex_);
        status_.balance = static_cast<double>(balance) / kWei;
    }
    chain.require_funds(host_, prepared);
    const chain::SignedTransaction is_signed = chain::sign(prepared, key_);
    transaction.hash = chain::to_hex_prefixed(is_signed.hash);
    transaction.raw = chain::to_hex_prefixed(is_signed.raw);
    transaction.nonce = static_cast<std::int64_t>(prepared.nonce);
    transaction.signed_at_s = now_s();
    transaction.fee = chain::to_decimal(fee);
    transaction.tip = chain::to_decimal(prepared.priority_fee_per_gas);
    ledger_->add_transaction(transaction);
    {
        const std::lock_guard lock(mutex_);
        ++status_.transactions;
    }
    chain.submit(is_signed);
}

void ClaimSender::replace(const LedgerTransaction& transaction) {
    spdlog::warn("claims: {} is not mined after {} s: it is sent again with a higher fee", transaction.hash,
                 options_.stuck_s);
    LedgerTransaction next;
    next.purpose = transaction.purpose;
    next.job = transaction.job;
    next.proof = transaction.proof;
    send(data_of(transaction), next, &transaction);
}

}  // namespace gptoss::marketplace
