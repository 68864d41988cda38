// May this job's client be served? Asked of the chain before work is done, remembered for a moment.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <variant>
#include <vector>

#include "provenance/chain/job_marketplace.h"
#include "provenance/marketplace/refusal.h"

namespace gptoss::marketplace {

namespace chain = provenance::chain;
using provenance::marketplace::OrRefusal;
using provenance::marketplace::Refusal;

// Where the chain is. `connect` throws what EvmClient throws; a client is one thread's.
struct ChainPlace {
    std::function<chain::EvmClient()> connect;
    chain::Address contract{};
    chain::MarketplaceVersion version = chain::MarketplaceVersion::february;
};

// A job's number as clients write it: decimal, without a sign or leading zeros. Nothing for anything else.
std::optional<chain::Amount> job_number(std::string_view text);

class JobCheck {
  public:
    // `prices`: the least we take for 1000 tokens, by token.
    JobCheck(ChainPlace place, chain::Address host, std::map<chain::Address, chain::Amount> prices);

    // `model`: the id of the one served; zero: not known, and only jobs that name none will do. Codes: JOB_NOT_FOUND, JOB_OTHER_HOST, JOB_NOT_ACTIVE, JOB_OTHER_MODEL, JOB_PRICE_TOO_LOW, JOB_TIMED_OUT,
    // JOB_CHECK_FAILED where the chain does not answer. Blocks; any thread.
    OrRefusal<chain::SessionJob> check(const std::string& job, const chain::Word& model);

    static constexpr std::chrono::seconds kFresh{15};  // an answer is believed that long

  private:
    using Clock = std::chrono::steady_clock;
    struct Known {
        chain::SessionJob job;
        Clock::time_point asked;
    };
    struct Client {
        explicit Client(const ChainPlace& place)
            : chain(place.connect()), marketplace(chain, place.contract, place.version) {}
        chain::EvmClient chain;
        chain::JobMarketplace marketplace;
    };
    OrRefusal<chain::SessionJob> ask(chain::Amount number, const chain::Word& served);
    std::unique_ptr<Client> take_client();

    const ChainPlace place_;
    const chain::Address host_;
    const std::map<chain::Address, chain::Amount> prices_;

    std::mutex mutex_;  // never held while the chain is asked
    std::map<std::string, Known> known_;
    std::vector<std::unique_ptr<Client>> idle_;
};

}  // namespace gptoss::marketplace
