#include "node/s5_setup.h"

#include <algorithm>
#include <string_view>

#include "base/error.h"
#include "provenance/chain/private_key.h"
#include "provenance/marketplace/checkpoint.h"
#include "provenance/marketplace/host_proof.h"
#include "provenance/s5/seed_phrase.h"

namespace gptoss::node {

namespace chain = provenance::chain;
namespace s5 = provenance::s5;

bool has_portal(const Settings& settings) {
    return !settings.s5_portal_url.empty();
}

std::unique_ptr<s5::Identity> s5_identity(const Settings& settings) {
    if (settings.s5_seed_phrase.empty())
        throw Error(ErrorCode::setting_invalid, "an S5 portal needs an identity",
                    "Put its fifteen words into a file and set S5_SEED_PHRASE_FILE.",
                    {{"setting", "S5_SEED_PHRASE"}});
    auto entropy = s5::entropy_of_phrase(settings.s5_seed_phrase, "S5_SEED_PHRASE");
    auto identity = std::make_unique<s5::Identity>(entropy);
    s5::wipe(entropy);
    return identity;
}

s5::PortalOptions portal_options(const Settings& settings) {
    s5::PortalOptions options;
    options.url = settings.s5_portal_url;
    options.resumable_from_bytes = static_cast<std::uint64_t>(settings.s5_pieces_from_mib) << 20;
    options.node_wait = std::chrono::milliseconds(settings.s5_wait_ms);
    for (std::string_view rest = settings.s5_initial_peers; !rest.empty();) {
        const std::size_t end = std::min(rest.find(','), rest.size());
        if (end > 0) options.nodes.emplace_back(rest.substr(0, end));
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    if (!settings.host_private_key.empty()) {
        const auto key =
            std::make_shared<const chain::PrivateKey>(settings.host_private_key, "HOST_PRIVATE_KEY");
        options.host = {chain::to_checksum_text(key->address()),
                        provenance::marketplace::portal_registration_message(key->address()),
                        [key](std::string_view message) {
                            return provenance::marketplace::personal_signature(message, *key);
                        }};
    }
    return options;
}

}  // namespace gptoss::node
