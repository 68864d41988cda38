// Which experts see which rows, and with what weight: the four largest logits (the lowest id on ties),
// softmax over those alone (openai/gpt-oss gpt_oss/torch/model.py, MLPBlock).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace gptoss::backend::cpu {

struct Assignment {
    std::int32_t row = 0;
    std::int32_t place = 0;  // 0 = the row's most probable expert, up to experts_per_token - 1
    float weight = 0;
};

// Assignments sorted by expert, then by row: an expert's rows are one matrix multiplication.
struct Routing {
    std::vector<Assignment> assignments;
    std::vector<std::int32_t> first_of_expert;  // [experts + 1]

    std::span<const Assignment> of_expert(std::int32_t expert) const {
        return std::span(assignments)
            .subspan(first_of_expert[expert], first_of_expert[expert + 1] - first_of_expert[expert]);
    }
};

// `scores` is [rows][experts], biases included. Throws nothing; a NaN score is never chosen before a number.
Routing route(std::span<const float> scores, std::int32_t experts, std::int32_t experts_per_token);

}  // namespace gptoss::backend::cpu
