#include "node/fingerprint_check.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <utility>

namespace gptoss::node {
namespace {

// |told - here| / |told|; `here` holds every value of the hidden state.
double distance_of(const engine::Fingerprint& told, const engine::Fingerprint& here) {
    std::vector<float> hidden(here.values.size());
    for (const backend::HiddenValue& value : here.values)
        hidden[static_cast<std::size_t>(value.index)] = value.value;
    double difference = 0, size = 0;
    for (const backend::HiddenValue& value : told.values) {
        const auto index = static_cast<std::size_t>(value.index);
        const double other = index < hidden.size() ? double{hidden[index]} : 0;
        difference += (value.value - other) * (value.value - other);
        size += double{value.value} * value.value;
    }
    const double distance = std::sqrt(difference / size);
    return distance >= 0 ? distance : INFINITY;  // no values, or no numbers
}

FingerprintVerdict verdict_of(FingerprintVerdict verdict, std::size_t tokens, double most_distance) {
    char text[96];
    std::snprintf(text, sizeof text, "%.2g from the model's, the middle one of %zu", verdict.distance,
                  verdict.distances.size());
    const bool is_near = verdict.distance <= most_distance;
    const bool few = verdict.near_ties <= 1 + kMostNearTies * static_cast<double>(tokens);
    verdict.holds = is_near && few && verdict.others == 0;
    if (!is_near)
        verdict.why =
            std::string("DIFFERS: other weights, another precision or another context: fingerprints are ") +
            text;
    else if (!verdict.holds)
        verdict.why = "DIFFERS: " + std::to_string(verdict.others) +
                      " tokens are not what seed and logits choose, " + std::to_string(verdict.near_ties) +
                      " more by near ties";
    else
        verdict.why = std::string("the fingerprints fit: ") + text + ", " +
                      std::to_string(verdict.near_ties) + " tokens by near ties";
    return verdict;
}

FingerprintVerdict refused(std::string why) {
    FingerprintVerdict verdict;
    verdict.why = std::move(why);
    return verdict;
}

double middle(std::vector<double> values) {
    const auto place = values.begin() + static_cast<std::ptrdiff_t>((values.size() - 1) / 2);
    std::ranges::nth_element(values, place);
    return *place;
}

}  // namespace

double most_fingerprint_distance(std::string_view recorded_numerics, std::string_view numerics_here) {
    const bool has_gpu = recorded_numerics.find("cuda") != std::string_view::npos ||
                         numerics_here.find("cuda") != std::string_view::npos;
    return has_gpu ? kMostGpuFingerprintDistance : kMostFingerprintDistance;
}

FingerprintVerdict check_fingerprints(ReplayModel& model, const provenance::chain::ReplyReceipt& receipt,
                                      const RecordedTokens& told,
                                      std::span<const engine::Fingerprint> fingerprints,
                                      double most_distance) {
    PreparedReplay prepared = prepare_replay(model, receipt, told);
    if (!prepared.fault.empty()) return refused(prepared.fault);
    prepared.request.hidden_values = model.hidden_size();
    prepared.request.past_difference = true;
    const engine::ReplayResult result = model.replayer().run(std::move(prepared.request));
    FingerprintVerdict verdict;
    if (result.fingerprints.size() != fingerprints.size() || fingerprints.empty())
        return refused("DIFFERS: there are " + std::to_string(fingerprints.size()) + " fingerprints, not " +
                       std::to_string(result.fingerprints.size()));
    for (std::size_t i = 0; i < fingerprints.size(); ++i) {
        if (fingerprints[i].place != result.fingerprints[i].place)
            return refused("DIFFERS: the fingerprints are of other tokens");
        verdict.distances.push_back(distance_of(fingerprints[i], result.fingerprints[i]));
    }
    verdict.distance = middle(verdict.distances);
    std::vector<engine::ReplayDifference> differences = result.others;
    if (result.difference) differences.push_back(*result.difference);
    for (const engine::ReplayDifference& each : differences)
        ++(each.is_near_tie() ? verdict.near_ties : verdict.others);
    return verdict_of(std::move(verdict), told.output.size(), most_distance);
}

}  // namespace gptoss::node
