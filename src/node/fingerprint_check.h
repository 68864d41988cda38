// Does a receipt's fingerprint fit this model? Accepts what rounding does on another device, and nothing that
// changes what the model computes: docs/receipts.md has the rates.
#pragma once

#include <span>
#include <string>

#include "node/receipt_replay.h"

namespace gptoss::node {

// The mean over a reply's fingerprints of |recorded - here| / |recorded|, over the recorded values. Between CPU kernels and the float32
// reference rounding moves them by 3e-5, an 8-bit KV cache by 7e-4 and more.
inline constexpr double kMostFingerprintDistance = 2e-4;
// Of the tokens, that may be others by near ties.
inline constexpr double kMostNearTies = 0.02;

struct FingerprintVerdict {
    bool holds = false;
    std::string why;                // one line for people
    double distance = 0;            // the mean
    std::size_t places = 0;         // fingerprints compared
    int near_ties = 0, others = 0;  // tokens that are others here
};

// The signature is not looked at. Throws what replay_receipt() throws.
FingerprintVerdict check_fingerprints(ReplayModel& model, const provenance::chain::ReplyReceipt& receipt,
                                      const RecordedTokens& told,
                                      std::span<const engine::Fingerprint> fingerprints);

}  // namespace gptoss::node
