// Samples one row of logits on the host by the rule of backend/sampling.h: what the CPU backend uses, and
// what the device's sampling kernels are tested against.
#pragma once

#include <span>

#include "backend/backend.h"

namespace gptoss::backend {

// `logits` is [vocabulary] and scratch: its values are changed. `row.logits_index` and `row.slot` are not
// read; `last_token` is the slot's, for `row.last_is_uncounted`. Token ids from `padding_from` on are never chosen (-1 = none).
//
// A NaN or minus infinity counts as not allowed; plus infinity as a very large number. When no allowed token
// has a usable logit, the lowest allowed id is chosen; when the mask allows nothing at all, id 0, so that the
// result always has a row in the embedding (the engine ends such a sequence instead of sampling it).
//
// Thread-safe: everything lives in the arguments. Deterministic: sums run in a fixed order.
SampledToken sample_on_host(std::span<float> logits, const SampleRow& row, TokenId padding_from,
                            TokenId last_token = -1);

// What tokens compete by in step 4 of the rule: the logit divided by the temperature, and the noise; at
// temperature 0 the logit. `logit` is what sample_on_host() left.
float sampling_score(float logit, const SampleRow& row, TokenId token);

}  // namespace gptoss::backend
