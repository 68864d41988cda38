// Is a batch one that the plan has room for, and whole? Every backend asks before it computes: what does not
// hold here is the caller's mistake.
#pragma once

#include "backend/backend.h"
#include "model/hyperparameters.h"

namespace gptoss::backend {

// `layers`: of the backend; one that does not begin with the first layer is given residual rows.
void check_batch(const Batch& batch, const model::PlanRequest& limits, const model::Hyperparameters& shape,
                 const model::LayerRange& layers);

}  // namespace gptoss::backend
