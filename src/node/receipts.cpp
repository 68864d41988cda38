#include "node/receipts.h"

#include <spdlog/spdlog.h>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <unordered_set>

#include "base/error.h"
#include "node/fingerprint_code.h"
#include "node/receipt_store.h"
#include "node/sampling_text.h"
#include "provenance/chain/reply_receipt.h"

namespace gptoss::node {
namespace {

namespace chain = provenance::chain;

// A disk that stalls must not take the node's memory: about 64 MB of tokens, and so many answers, may wait to be
// signed and written.
constexpr std::size_t kMostWaitingTokens = 16 << 20;
constexpr std::size_t kMostWaitingAnswers = 16384;
// Who asks right after the reply finds the receipt: being written takes milliseconds.
constexpr std::chrono::seconds kPatience{2};

std::size_t tokens_of(const api::AnsweredChoice& choice) {
    const std::size_t form_bytes = choice.form ? choice.form->text.size() + choice.form->tools.size() : 0;
    // 256: what an answer takes beside its tokens.
    return 256 + choice.prompt.size() + choice.output.size() + form_bytes / sizeof(TokenId);
}

class ReceiptBook final : public api::Receipts {
  public:
    ReceiptBook(const Settings& settings, const Validation& validation, const Numerics& numerics,
                std::shared_ptr<const provenance::BackgroundCheck> check)
        : check_(std::move(check)),
          store_(settings.receipts_path, settings.receipts_kept),
          key_(settings.host_private_key, "HOST_PRIVATE_KEY"),
          chain_id_(static_cast<std::uint64_t>(settings.chain_id)),
          keeps_tokens_(settings.receipts == ReceiptsMode::tokens),
          wants_fingerprints_(settings.receipts_fingerprint),
          path_(settings.receipts_path),
          numerics_(numerics.text) {
        weights_.numerics = numerics.digest;
        weights_.composite = *chain::word_from_hex("0x" + validation.composite);
        if (!validation.model_id.empty()) weights_.model_id = *chain::word_from_hex(validation.model_id);
        weights_.node_version = "gpt-oss-node " GPTOSS_VERSION;
        writer_ = std::jthread([this] { write(); });
        spdlog::info("receipts are signed by {}", chain::to_checksum_text(key_.address()));
    }
    ~ReceiptBook() override {
        {
            const std::lock_guard lock(mutex_);
            stop_ = true;
        }
        changed_.notify_all();  // the writer finishes what waits
    }

    bool wants_fingerprints() const override { return wants_fingerprints_; }

    void add(api::AnsweredChoice choice) override {
        if (check_ && !check_->mismatch().empty()) {
            spdlog::error("no receipt for {}: the weights are not those of their hash", choice.id);
            return;
        }
        {
            const std::lock_guard lock(mutex_);
            const std::size_t tokens = tokens_of(choice);
            if (waiting_tokens_ + tokens > kMostWaitingTokens || waiting_.size() >= kMostWaitingAnswers) {
                spdlog::error("no receipt for {}: {} answers wait for {} to be written", choice.id,
                              waiting_.size(), path_);
                return;
            }
            waiting_tokens_ += tokens;
            waiting_ids_.insert(choice.id);
            waiting_.push_back(std::move(choice));
        }
        changed_.notify_all();
    }

    std::optional<api::Json> find(std::string_view id) override {
        {
            std::unique_lock lock(mutex_);
            const std::string wanted(id);
            if (!changed_.wait_for(lock, kPatience, [&] { return !waiting_ids_.contains(wanted); })) {
                throw Error(ErrorCode::queue_full, "The receipt is not written yet.", "Try again in 2 s.",
                            {{"retry_after_s", "2"}});
            }
        }
        const auto json = store_.find(id);
        if (!json) return std::nullopt;
        return api::Json::parse(*json);
    }

    std::vector<api::Json> latest(int count) override {
        std::vector<api::Json> found;
        for (const std::string& json : store_.latest(count)) found.push_back(api::Json::parse(json));
        return found;
    }

  private:
    // The first of the queue stays in it until it is written: find() looks for its id.
    void write() {
        std::unique_lock lock(mutex_);
        for (;;) {
            changed_.wait(lock, [this] { return stop_ || !waiting_.empty(); });
            if (waiting_.empty()) return;
            const api::AnsweredChoice& choice = waiting_.front();  // a deque's ends may grow meanwhile
            lock.unlock();
            try {
                store_.put(choice.id, json_of(choice).dump());
            } catch (const std::exception& error) {  // a full disk must not end the service
                spdlog::error("no receipt for {}: {}", choice.id, error.what());
            }
            lock.lock();
            waiting_tokens_ -= tokens_of(choice);
            waiting_ids_.erase(waiting_ids_.find(choice.id));
            waiting_.pop_front();
            changed_.notify_all();
        }
    }

    nlohmann::json json_of(const api::AnsweredChoice& choice) const {
        chain::ReplyReceipt receipt = weights_;
        receipt.id = choice.id;
        receipt.prompt_hash = chain::hash_of_tokens(choice.prompt);
        receipt.output_hash = chain::hash_of_tokens(choice.output);
        receipt.prompt_tokens = static_cast<std::uint32_t>(choice.prompt.size());
        receipt.reasoning_tokens = static_cast<std::uint32_t>(choice.reasoning_tokens);
        receipt.output_tokens = static_cast<std::uint32_t>(choice.output.size());
        receipt.sampling = sampling_text({choice.sampling, choice.biases, choice.constrained});
        receipt.seed = choice.sampling.seed;
        receipt.completed_at = static_cast<std::uint64_t>(choice.completed_at_s);
        if (choice.form) {
            receipt.form = chain::keccak256(choice.form->text);
            if (!choice.form->tools.empty()) receipt.tools = chain::keccak256(choice.form->tools);
        }
        const chain::Bytes fingerprint = fingerprint_bytes(choice.fingerprints);
        if (!fingerprint.empty()) receipt.fingerprint = chain::keccak256(fingerprint);
        receipt.finish = choice.finish;
        receipt.max_tokens = static_cast<std::uint32_t>(choice.max_tokens);
        nlohmann::json json = chain::to_json(chain::sign_receipt(receipt, chain_id_, key_));
        json["numerics"] = numerics_;
        if (!fingerprint.empty()) json["fingerprint"] = chain::to_hex_prefixed(fingerprint);
        if (!keeps_tokens_) return json;
        json["tokens"] = {{"prompt", choice.prompt}, {"output", choice.output}};
        if (choice.form) json["tokens"]["form"] = choice.form->text;
        return json;
    }

    std::shared_ptr<const provenance::BackgroundCheck> check_;
    ReceiptStore store_;
    chain::PrivateKey key_;
    std::uint64_t chain_id_;
    bool keeps_tokens_, wants_fingerprints_;
    std::string path_, numerics_;
    chain::ReplyReceipt weights_;  // what is the same in every receipt

    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<api::AnsweredChoice> waiting_;
    std::unordered_multiset<std::string> waiting_ids_;
    std::size_t waiting_tokens_ = 0;
    bool stop_ = false;
    std::jthread writer_;  // last: it uses the others
};

}  // namespace

std::shared_ptr<api::Receipts> open_receipts(const Settings& settings, const Validation& validation,
                                             const Numerics& numerics,
                                             std::shared_ptr<const provenance::BackgroundCheck> check) {
    if (settings.receipts == ReceiptsMode::off) return nullptr;
    if (settings.host_private_key.empty())
        throw Error(ErrorCode::setting_invalid, "GPTOSS_RECEIPTS needs HOST_PRIVATE_KEY to sign with",
                    "Set HOST_PRIVATE_KEY_FILE, or GPTOSS_RECEIPTS=off.", {{"setting", "HOST_PRIVATE_KEY"}});
    if (settings.receipts_path.empty())
        throw Error(ErrorCode::setting_invalid, "GPTOSS_RECEIPTS needs GPTOSS_RECEIPTS_PATH to keep them in",
                    "For example /var/lib/gpt-oss-node/receipts.sqlite.",
                    {{"setting", "GPTOSS_RECEIPTS_PATH"}});
    return std::make_shared<ReceiptBook>(settings, validation, numerics, std::move(check));
}

}  // namespace gptoss::node
