// Which tokens of a reply have a fingerprint: of every 32 the first that was chosen among several. Which tokens
// have no choice depends on the form alone, so it is the same in every computation of a reply.
#pragma once

#include <cstdint>
#include <vector>

#include "backend/sampling.h"

namespace gptoss::engine {

inline constexpr std::int32_t kFingerprintEvery_tokens = 32;
inline constexpr std::int32_t kFingerprintValues = 16;

struct Fingerprint {
    std::int32_t place = 0;  // of the reply, from 0
    std::vector<backend::HiddenValue> values;
};

// The first place that may have one, after one at `place`.
constexpr std::int32_t next_fingerprint(std::int32_t place) {
    return (place / kFingerprintEvery_tokens + 1) * kFingerprintEvery_tokens;
}

}  // namespace gptoss::engine
