// Whose machine a report speaks of: the host signs it with the key it signs receipts with.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "provenance/chain/private_key.h"

namespace gptoss::qualify {

// The report with "signer" and "signature" behind its members. Signed is the compact JSON of what stands before
// them, as a wallet signs a message (EIP-191, personal_sign).
nlohmann::ordered_json sign_report(nlohmann::ordered_json report, const provenance::chain::PrivateKey& key);

struct SignatureVerdict {
    bool holds = false;
    std::string why;  // one line for people
};

// Offline. `wanted_signer` may be empty. Throws Error(setting_invalid) when it is no address.
SignatureVerdict check_report_signature(const nlohmann::ordered_json& report,
                                        const std::string& wanted_signer);

}  // namespace gptoss::qualify
