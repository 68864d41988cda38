// How fast cards are known to be, so that a report can say how this one compares.
#pragma once

#include <string>

#include "model/hyperparameters.h"
#include "qualify/qualification_report.h"

namespace gptoss::qualify {

// Looks at the report's figures "step of …" (kernel_stage.h). Adds a finding for each card whose speed with this
// model is known; where the card is this very one and was measured, its figures are held to 90 % of what is known.
// Of a model that is neither gpt-oss-120b nor gpt-oss-20b nothing is known, and a finding says so.
void compare_with_known_cards(const model::Hyperparameters& shape, Report& report);

}  // namespace gptoss::qualify
