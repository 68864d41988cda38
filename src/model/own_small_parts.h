// What a forward pass on the host reads from a model's file at every step, copied out of the file.
#pragma once

#include "model/layer_range.h"
#include "model/weights.h"

namespace gptoss::model {

// `weights` with copies of the norms, biases and sinks of `range`'s layers, of the output norm, and, where
// the range begins the model, of the embedding: of a 120b 770 MB, which the plan counts with the weights.
// With the other matrices packed elsewhere nothing of the file is read any more: it may be written to or cut
// short. Throws Error(file_corrupt) when one of these is no finite number.
Weights own_small_parts(const Weights& weights, const LayerRange& range);

}  // namespace gptoss::model
