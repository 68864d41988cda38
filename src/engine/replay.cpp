#include "engine/replay.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <span>
#include <string>

#include "backend/host_sampler.h"
#include "base/error.h"
#include "engine/request.h"

namespace gptoss::engine {
namespace {

// One place of the output, as it was sampled: with the mask and the counts of that moment.
struct Moment {
    std::vector<std::uint32_t> allowed;
    std::vector<backend::TokenCount> counts;
    bool ended = false;  // the constraint lets nothing follow
    bool choice = true;  // it lets several tokens follow
};

bool allows_nothing(std::span<const std::uint32_t> allowed) {
    return !allowed.empty() && std::ranges::all_of(allowed, [](std::uint32_t word) { return word == 0; });
}

int allowed_count(std::span<const std::uint32_t> allowed) {
    int count = 0;
    for (const std::uint32_t word : allowed) count += std::popcount(word);
    return count;
}

// Walks along the output as the engine did.
class RecordedOutput {
  public:
    explicit RecordedOutput(const ReplayRequest& request) : request_(request) {
        const backend::SamplingParameters& p = request.sampling;
        penalised_ = p.repetition_penalty != 1 || p.frequency_penalty != 0 || p.presence_penalty != 0;
        for (const TokenId token : penalised_ ? request.prompt : std::vector<TokenId>{})
            counts_.add(token, 0);
    }

    // The next place; its token is accepted.
    Moment next() {
        Moment moment;
        if (penalised_) moment.counts.assign(counts_.all().begin(), counts_.all().end());
        const TokenId token = request_.output[place_++];
        if (request_.constraint) {
            const auto allowed = request_.constraint->allowed();
            moment.allowed.assign(allowed.begin(), allowed.end());
            moment.ended = allows_nothing(allowed);
            moment.choice = allowed.empty() || allowed_count(allowed) > 1;
            request_.constraint->accept(token);
        }
        if (penalised_) counts_.add(token, 1);
        return moment;
    }

  private:
    const ReplayRequest& request_;
    bool penalised_ = false;
    TokenCounts counts_;
    std::size_t place_ = 0;
};

void check_request(const ReplayRequest& request, std::int32_t vocabulary, std::int32_t context_length) {
    if (request.prompt.empty()) throw Error(ErrorCode::request_invalid, "the prompt has no tokens");
    for (const auto* tokens : {&request.prompt, &request.output})
        for (const TokenId token : *tokens)
            if (token < 0 || token >= vocabulary)
                throw Error(ErrorCode::request_invalid,
                            "token " + std::to_string(token) + " is not in the model's vocabulary",
                            "Is it the model that answered?");
    const std::size_t count = request.prompt.size() + request.output.size();
    if (count > static_cast<std::size_t>(context_length))
        throw Error(ErrorCode::context_exceeded, "prompt and reply have " + std::to_string(count) +
                                                     " tokens, the context " +
                                                     std::to_string(context_length));
}

}  // namespace

Replayer::Replayer(backend::Backend& backend, const model::MemoryPlan& plan,
                   const model::Hyperparameters& shape, TokenId padding_from)
    : backend_(backend),
      limits_(plan.request),
      vocabulary_(shape.vocabulary),
      padding_from_(padding_from),
      runner_(backend, plan, shape.sliding_window) {}

ReplayResult Replayer::run(ReplayRequest request) {
    check_request(request, vocabulary_, limits_.context_length);
    runner_.clear(0);
    ReplayResult result;
    RecordedOutput recorded(request);
    std::vector<TokenId> tokens = request.prompt;
    tokens.insert(tokens.end(), request.output.begin(), request.output.end());
    const auto first_sampled = static_cast<std::int32_t>(request.prompt.size()) - 1;
    const auto end = static_cast<std::int32_t>(tokens.size()) - 1;  // nothing follows the last one
    std::int32_t fingerprint_from = 0;
    while (runner_.position(0) < end && (!result.difference || request.past_difference)) {
        const std::int32_t done = runner_.position(0);
        const bool samples = done >= first_sampled;
        const std::int32_t count =
            samples ? std::min(end - done, limits_.max_sequences)
                    : std::min(std::min(first_sampled, end) - done, limits_.max_batch_tokens);
        const backend::SequenceRunner::Feed feed{0, std::span(tokens).subspan(done, count),
                                                 samples ? count : 0};
        runner_.forward({&feed, 1});
        if (!samples) continue;

        std::vector<Moment> moments;
        std::vector<backend::SampleRow> rows;
        for (std::int32_t i = 0; i < count; ++i) moments.push_back(recorded.next());
        for (std::int32_t i = 0; i < count; ++i) {
            backend::SampleRow row;
            row.logits_index = i;
            row.slot = i;  // each its own: the sampled tokens are not fed
            row.parameters = request.sampling;
            row.step = static_cast<std::uint64_t>(done + i - first_sampled);
            row.allowed = moments[i].allowed;
            row.biases = request.biases;
            row.counts = moments[i].counts;
            const auto place = static_cast<std::int32_t>(row.step);
            if (request.hidden_values > 0 && moments[i].choice && place >= fingerprint_from) {
                row.hidden_values = request.hidden_values;
                fingerprint_from = next_fingerprint(place);
            }
            rows.push_back(row);
        }
        const std::span<const backend::SampledToken> sampled = backend_.wait(backend_.sample(rows));
        // Kept: what explains a difference may be asked of the backend only while its logits are there.
        const std::vector<backend::SampledToken> chosen(sampled.begin(), sampled.end());
        for (std::int32_t i = 0; i < count && (!result.difference || request.past_difference); ++i) {
            const std::int32_t place = done + i - first_sampled;
            const TokenId output = request.output[place];
            if (!chosen[i].hidden.empty()) result.fingerprints.push_back({place, chosen[i].hidden});
            if (!moments[i].ended && chosen[i].token == output) {
                result.chosen.push_back(chosen[i]);
                continue;
            }
            const ReplayDifference difference =
                moments[i].ended ? ReplayDifference{ReplayDifference::Kind::ended, place, output, -1, 0}
                                 : explain(rows[i], place, output);
            if (result.difference)
                result.others.push_back(difference);
            else
                result.difference = difference;
        }
    }
    result.complete =
        !result.difference && request.constraint && allows_nothing(request.constraint->allowed());
    return result;
}

ReplayDifference Replayer::explain(const backend::SampleRow& row, std::int32_t place, TokenId recorded) {
    std::vector<float> logits(static_cast<std::size_t>(vocabulary_));
    backend_.read_logits(row.logits_index, logits);
    ReplayDifference difference;
    difference.place = place;
    difference.recorded = recorded;
    const bool allowed =
        (row.allowed.empty() || ((row.allowed[recorded / 32] >> (recorded % 32)) & 1U) != 0) &&
        (padding_from_ < 0 || recorded < padding_from_);
    // Leaves minus infinity where a token fell to the mask or a filter.
    difference.chosen = backend::sample_on_host(logits, row, padding_from_).token;
    if (!allowed)
        difference.kind = ReplayDifference::Kind::not_allowed;
    else if (!(logits[recorded] > -std::numeric_limits<float>::infinity()))
        difference.kind = ReplayDifference::Kind::filtered;
    else
        difference.lead = backend::sampling_score(logits[difference.chosen], row, difference.chosen) -
                          backend::sampling_score(logits[recorded], row, recorded);
    return difference;
}

}  // namespace gptoss::engine
