#include "backend/cpu/router.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace gptoss::backend::cpu {

Routing route(std::span<const float> scores, std::int32_t experts, std::int32_t experts_per_token) {
    const auto rows = static_cast<std::int32_t>(scores.size() / experts);
    struct Choice {
        std::int32_t expert;
        float score;
    };
    std::vector<Choice> best(static_cast<std::size_t>(rows) * experts_per_token);  // of each row, best first
    Routing routing;
    routing.first_of_expert.assign(experts + 1, 0);
    for (std::int32_t row = 0; row < rows; ++row) {
        const std::span<Choice> chosen =
            std::span(best).subspan(static_cast<std::size_t>(row) * experts_per_token, experts_per_token);
        std::ranges::fill(chosen, Choice{-1, -std::numeric_limits<float>::infinity()});
        for (std::int32_t expert = 0; expert < experts; ++expert) {
            Choice candidate{expert, scores[static_cast<std::size_t>(row) * experts + expert]};
            // Infinities become the largest number of their sign, and a NaN the smallest number.
            constexpr float kLargest = std::numeric_limits<float>::max();
            candidate.score = candidate.score >= -kLargest ? std::min(candidate.score, kLargest) : -kLargest;
            for (Choice& place : chosen)
                if (candidate.score > place.score) std::swap(candidate, place);
        }
        for (const Choice& choice : chosen) ++routing.first_of_expert[choice.expert + 1];
    }
    for (std::int32_t expert = 0; expert < experts; ++expert)
        routing.first_of_expert[expert + 1] += routing.first_of_expert[expert];

    std::vector<std::int32_t> next = routing.first_of_expert;
    routing.assignments.resize(best.size());
    for (std::int32_t row = 0; row < rows; ++row) {
        const std::span<const Choice> chosen =
            std::span(best).subspan(static_cast<std::size_t>(row) * experts_per_token, experts_per_token);
        float sum = 0;
        for (const Choice& choice : chosen) sum += std::exp(choice.score - chosen[0].score);
        for (std::int32_t place = 0; place < experts_per_token; ++place)
            routing.assignments[next[chosen[place].expert]++] = {
                row, place, std::exp(chosen[place].score - chosen[0].score) / sum};
    }
    return routing;
}

}  // namespace gptoss::backend::cpu
