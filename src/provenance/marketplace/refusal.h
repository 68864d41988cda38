// Why a client's encrypted message is not taken: a code that the existing clients know, and a sentence without
// any of the message's content.
#pragma once

#include <string>
#include <utility>
#include <variant>

namespace gptoss::provenance::marketplace {

struct Refusal {
    std::string code;  // "DECRYPTION_FAILED", "INVALID_NONCE_SIZE", …
    std::string message;
    bool operator==(const Refusal&) const = default;
};

// What was asked for, or why not.
template <typename Value>
using OrRefusal = std::variant<Value, Refusal>;

}  // namespace gptoss::provenance::marketplace
