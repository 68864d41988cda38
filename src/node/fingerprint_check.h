// Does a receipt's fingerprint fit this model? Accepts what rounding does on another device, and nothing that
// changes what the model computes: docs/receipts.md has the rates.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "node/receipt_replay.h"

namespace gptoss::node {

// |recorded - here| / |recorded|, over a fingerprint's recorded values. Between CPU kernels and the float32 reference
// rounding moves them by 3e-5, an 8-bit KV cache by 7e-4 and more.
inline constexpr double kMostFingerprintDistance = 2e-4;
// The same where a GPU computed or checks.
inline constexpr double kMostGpuFingerprintDistance = 2e-3;
// Of who computed and who checks, by the lines of their numerics.
double most_fingerprint_distance(std::string_view recorded_numerics, std::string_view numerics_here);
// Of the tokens, that may be others by near ties.
inline constexpr double kMostNearTies = 0.02;

struct FingerprintVerdict {
    bool holds = false;
    std::string why;  // one line for people
    // The middle of a reply's fingerprints, the lower of two: where two experts are nearly as good, rounding moves
    // one of many far, and other weights move all.
    double distance = 0;
    std::vector<double> distances;  // of each fingerprint
    int near_ties = 0, others = 0;  // tokens that are others here
};

// The signature is not looked at. Throws what replay_receipt() throws.
FingerprintVerdict check_fingerprints(ReplayModel& model, const provenance::chain::ReplyReceipt& receipt,
                                      const RecordedTokens& told,
                                      std::span<const engine::Fingerprint> fingerprints,
                                      double most_distance = kMostFingerprintDistance);

}  // namespace gptoss::node
