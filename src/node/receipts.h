// Signs what was answered and keeps it, on a thread of its own.
#pragma once

#include <memory>

#include "api/receipts.h"
#include "node/numerics.h"
#include "node/settings.h"
#include "node/validation.h"
#include "provenance/background_check.h"

namespace gptoss::node {

// Null when GPTOSS_RECEIPTS is off. Throws Error(setting_invalid) without a host key, a path or the weights'
// hash, and what ReceiptStore throws. Once `check` (which may be null) has found other bytes than the hash
// stands for, nothing is signed any more.
std::shared_ptr<api::Receipts> open_receipts(const Settings& settings, const Validation& validation,
                                             const Numerics& numerics,
                                             std::shared_ptr<const provenance::BackgroundCheck> check);

}  // namespace gptoss::node
