// A model of two small layers with random weights, whose context just passes 65,536.
#pragma once

#include "model/synthetic.h"
#include "qualify/probe_runner.h"

namespace gptoss::test {

inline model::Hyperparameters small_shape() {
    model::Hyperparameters shape = model::gpt_oss_20b();
    shape.layers = 2;
    shape.hidden = 64;
    shape.query_heads = 2;
    shape.kv_heads = 1;
    shape.experts = 8;
    shape.context_length = 66'560;
    shape.intermediate_size = 64;
    shape.vocabulary = 512;
    return shape;
}

}  // namespace gptoss::test
