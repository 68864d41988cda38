#include "node/market_setup.h"

#include <spdlog/spdlog.h>

#include "base/error.h"
#include "marketplace/s5_uploads.h"
#include "node/chain_settings.h"
#include "node/s5_setup.h"

namespace gptoss::node {
namespace {

namespace chain = provenance::chain;
using marketplace::BilledTokens;
using marketplace::JobRule;
using marketplace::Market;

[[noreturn]] void missing(const std::string& setting, const std::string& why) {
    throw Error(ErrorCode::setting_invalid, why, "Set " + setting + ", or GPTOSS_SESSIONS=off.",
                {{"setting", setting}});
}

JobRule job_rule(const std::string& name) {
    if (name == "require") return JobRule::require;
    return name == "warn" ? JobRule::warn : JobRule::off;
}

chain::Amount price(const std::string& text, const std::string& setting) {
    const auto amount = marketplace::job_number(text);
    if (amount) return *amount;
    throw Error(ErrorCode::setting_invalid, setting + " is no whole number: " + text,
                "It counts the token's smallest unit.", {{"setting", setting}});
}

std::map<chain::Address, chain::Amount> least_prices(const Settings& settings) {
    std::map<chain::Address, chain::Amount> prices;
    if (!settings.price_native.empty())
        prices[chain::Address{}] = price(settings.price_native, "GPTOSS_PRICE_NATIVE");
    if (!settings.price_stable.empty())
        prices[contract_address(settings.usdc_token, "USDC_TOKEN")] =
            price(settings.price_stable, "GPTOSS_PRICE_STABLE");
    return prices;
}

marketplace::ChainPlace chain_place(const Settings& settings) {
    marketplace::ChainPlace place;
    place.connect = [settings] { return chain_client(settings); };
    place.contract = contract_address(settings.contract_job_marketplace, "CONTRACT_JOB_MARKETPLACE");
    place.version = *chain::marketplace_version(settings.marketplace_version);
    return place;
}

// Another contract is an error at start; a chain that is away is not.
void look_at_contract(const marketplace::ChainPlace& place) {
    try {
        chain::EvmClient client = place.connect();
        const chain::JobMarketplace contract(client, place.contract, place.version);
    } catch (const Error& error) {
        if (error.code() != ErrorCode::network_failed) throw;
        spdlog::warn("the JobMarketplace could not be asked: {}", error.what());
    }
}

marketplace::ClaimOptions claim_options(const Settings& settings, const marketplace::ChainPlace& place) {
    marketplace::ClaimOptions claiming;
    claiming.place = place;
    claiming.proof_tokens = settings.proof_tokens;
    claiming.confirmations = static_cast<int>(settings.confirmations);
    claiming.legacy = settings.legacy_transactions;
    claiming.gas_price_max = static_cast<chain::Amount>(settings.gas_price_max_gwei) * 1'000'000'000;
    claiming.poll_ms = settings.chain_poll_ms;
    claiming.stuck_s = settings.transaction_stuck_s;
    claiming.jobs_kept = settings.ledger_jobs_kept;
    if (settings.billed_tokens == "all") claiming.billed = BilledTokens::all;
    return claiming;
}

// Where files go; empty where there is no S5.
marketplace::Upload s5_upload(const Settings& settings) {
    if (has_portal(settings) && !settings.enhanced_s5_url.empty())
        throw Error(ErrorCode::setting_invalid, "S5_PORTAL_URL and ENHANCED_S5_URL exclude each other",
                    "Set one of them.", {{"setting", "S5_PORTAL_URL"}});
    if (has_portal(settings))
        return marketplace::portal_upload(s5_identity(settings), portal_options(settings));
    if (!settings.enhanced_s5_url.empty()) return marketplace::bridge_upload(settings.enhanced_s5_url);
    return {};
}

}  // namespace

std::shared_ptr<marketplace::Market> open_market(
    const Settings& settings,
    std::function<std::optional<std::string>(const std::string& reply_id)> find_receipt) {
    if (settings.sessions == "off") return nullptr;
    marketplace::MarketOptions options;
    options.job_rule = job_rule(settings.require_job);
    options.plaintext_sessions = settings.plaintext_sessions;
    options.chain_id = static_cast<std::uint64_t>(settings.chain_id);
    options.billed = settings.billed_tokens == "all" ? BilledTokens::all : BilledTokens::completion;
    if (!settings.price_stable.empty())
        options.stable_price = static_cast<std::int64_t>(price(settings.price_stable, "GPTOSS_PRICE_STABLE"));
    options.book.grace = std::chrono::seconds(settings.session_grace_s);
    options.book.lifetime = std::chrono::hours(settings.session_hours);
    std::shared_ptr<const chain::PrivateKey> key;
    if (!settings.host_private_key.empty())
        key = std::make_shared<const chain::PrivateKey>(settings.host_private_key, "HOST_PRIVATE_KEY");
    if (!key && !settings.plaintext_sessions)
        missing("HOST_PRIVATE_KEY_FILE", "encrypted sessions need a host key");
    const auto ledger = std::make_shared<marketplace::Ledger>(settings.ledger_path, options.billed);
    if (options.job_rule == JobRule::off)
        return std::make_shared<marketplace::Market>(options, key, ledger, Market::Parts());

    if (!key) missing("HOST_PRIVATE_KEY_FILE", "jobs are paid to a host key");
    if (options.plaintext_sessions && options.job_rule == JobRule::require)
        throw Error(ErrorCode::setting_invalid, "REQUIRE_JOB=require and plain sessions exclude each other",
                    "A job's number is public: set GPTOSS_PLAINTEXT_SESSIONS=false.",
                    {{"setting", "GPTOSS_PLAINTEXT_SESSIONS"}});
    if (settings.ledger_path.empty()) missing("GPTOSS_LEDGER_PATH", "jobs that pay need a ledger that lasts");
    const marketplace::ChainPlace place = chain_place(settings);
    look_at_contract(place);
    Market::Parts parts;
    parts.jobs = std::make_unique<marketplace::JobCheck>(place, key->address(), least_prices(settings));
    std::unique_ptr<marketplace::ProofDocuments> documents;
    auto upload = s5_upload(settings);
    if (!upload && settings.checkpoints != "off")
        missing("S5_PORTAL_URL or ENHANCED_S5_URL", "checkpoints need S5; GPTOSS_CHECKPOINTS=off makes none");
    if (settings.checkpoints != "off")
        parts.checkpoints = std::make_shared<marketplace::Checkpoints>(settings.ledger_path, *key,
                                                                       settings.checkpoints == "all");
    if (upload) {
        documents = std::make_unique<marketplace::ProofDocuments>(settings.ledger_path);
        parts.outbox = std::make_shared<marketplace::Outbox>(settings.ledger_path);
        parts.outbox_sender = std::make_unique<marketplace::OutboxSender>(parts.outbox, std::move(upload));
    }
    marketplace::ClaimOptions claiming = claim_options(settings, place);
    claiming.find_receipt = std::move(find_receipt);
    parts.claims = std::make_unique<marketplace::ClaimSender>(
        std::move(claiming), chain::PrivateKey(settings.host_private_key, "HOST_PRIVATE_KEY"), ledger,
        parts.checkpoints, std::move(documents));
    parts.claims->start();
    spdlog::info("sessions: jobs are paid to {}", chain::to_checksum_text(key->address()));
    return std::make_shared<Market>(options, key, ledger, std::move(parts));
}

}  // namespace gptoss::node
