#include "node/credited_earnings.h"

#include <chrono>
#include <memory>
#include <mutex>

#include "base/error.h"
#include "node/chain_settings.h"
#include "provenance/chain/host_earnings.h"
#include "provenance/chain/private_key.h"

namespace gptoss::node {

namespace {

namespace chain = provenance::chain;

class CreditedEarnings {
  public:
    explicit CreditedEarnings(const Settings& settings) : settings_(settings) {}

    api::Json look() {
        if (settings_.contract_host_earnings.empty() || settings_.host_private_key.empty()) return nullptr;
        const std::lock_guard lock(mutex_);
        const auto now = std::chrono::steady_clock::now();
        if (!answer_.is_null() && now - asked_ < kGoodFor) return answer_;
        asked_ = now;
        try {
            answer_ = ask();
        } catch (const Error& problem) {
            answer_ = {{"problem", problem.what()}};
        }
        return answer_;
    }

  private:
    static constexpr std::chrono::minutes kGoodFor{1};

    api::Json ask() const {
        chain::EvmClient client = chain_client(settings_);
        chain::HostEarnings contract(
            client, contract_address(settings_.contract_host_earnings, "CONTRACT_HOST_EARNINGS"));
        const chain::Address host =
            chain::PrivateKey(settings_.host_private_key, "HOST_PRIVATE_KEY").address();
        api::Json json{{"native", chain::to_decimal(contract.balance(host, {}))}};
        if (!settings_.usdc_token.empty())
            json["stable"] = chain::to_decimal(
                contract.balance(host, contract_address(settings_.usdc_token, "USDC_TOKEN")));
        return json;
    }

    const Settings settings_;
    std::mutex mutex_;
    std::chrono::steady_clock::time_point asked_;
    api::Json answer_;
};

}  // namespace

std::function<api::Json()> credited_earnings(const Settings& settings) {
    return [credited = std::make_shared<CreditedEarnings>(settings)] { return credited->look(); };
}

}  // namespace gptoss::node
