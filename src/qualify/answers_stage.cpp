#include <algorithm>
#include <array>
#include <cmath>
#include <span>

#include "acceptance/check_session.h"
#include "provenance/known_releases.h"
#include "provenance/sha256.h"
#include "qualify/known_answers.h"
#include "qualify/needle.h"
#include "qualify/node_stages.h"

namespace gptoss::qualify {
namespace {

using acceptance::Json;

Verdict verdict_of(acceptance::Verdict verdict) {
    switch (verdict) {
        case acceptance::Verdict::passed:
            return Verdict::passed;
        case acceptance::Verdict::failed:
            return Verdict::failed;
        case acceptance::Verdict::skipped:
            return Verdict::skipped;
    }
    return Verdict::failed;
}

std::string digest_of(const std::string& text) {
    return provenance::to_hex(provenance::sha256(std::as_bytes(std::span(text)))).substr(0, 16);
}

Finding judge_answer(const acceptance::Client& client, std::size_t number, const std::string& model) {
    Finding finding{"answers", "known answer " + std::to_string(number + 1), Verdict::passed, {}};
    Json request = {{"messages", Json::array({{{"role", "user"}, {"content", kQuestions[number]}}})},
                    {"temperature", 0},
                    {"seed", 1},
                    {"max_tokens", 200}};
    const acceptance::Answer answer = client.chat(request);
    if (!answer.problem.empty()) {
        finding.verdict = Verdict::failed;
        finding.detail = answer.problem;
        return finding;
    }
    const std::string digest = digest_of(answer.all_text());
    const auto known = known_digests(model);
    if (known.empty()) {
        finding.verdict = Verdict::skipped;
        finding.detail = "digest " + digest + "; nothing is known to compare it with";
    } else if (known[number] != digest) {
        finding.verdict = Verdict::failed;
        finding.detail = "\"" + std::string(kQuestions[number]) + "\": digest " + digest + ", known is " +
                         std::string(known[number]);
    } else {
        finding.detail = "digest " + digest;
    }
    return finding;
}

// Sentences of small talk that fill so many tokens of this model.
std::size_t sentences_for(const acceptance::Client& client, std::int64_t tokens) {
    std::string sample;
    constexpr std::size_t kSentences = 60;  // every combination once
    for (std::size_t i = 0; i < kSentences; ++i) sample += filler_sentence(i);
    const acceptance::PlainReply reply = client.post("/tokenize", Json{{"content", sample}}.dump());
    if (!reply.json.is_object() || !reply.json.contains("tokens")) return 0;
    const std::size_t of_sample = reply.json["tokens"].size();
    return of_sample == 0 ? 0 : static_cast<std::size_t>(tokens) * kSentences / of_sample;
}

// A fact at each of six depths of a long prompt. Published weights must find it; for others the report says whether they did.
void look_for_needles(const acceptance::Client& client, const AnswerOptions& options, Report& report) {
    const acceptance::PlainReply models = client.get("/v1/models");
    const Json* model =
        models.json.is_object() && models.json.contains("data") && !models.json["data"].empty()
            ? &models.json["data"][0]
            : nullptr;
    const auto context =
        model == nullptr ? 0 : static_cast<std::int64_t>(acceptance::number_at(*model, "context_length"));
    // Room for the system message, the question and the answer.
    constexpr std::int64_t kRoomTokens = 600;
    const std::int64_t tokens = std::min<std::int64_t>(context - kRoomTokens, options.needle_tokens);
    const std::size_t sentences = tokens > 0 ? sentences_for(client, tokens * 95 / 100) : 0;
    const bool must_find = provenance::find_release_by_composite(options.composite_sha256) != nullptr;
    for (const double depth : kNeedleDepths) {
        Finding finding{
            "answers", "needle at " + std::to_string(std::lround(depth * 100)) + " %", Verdict::skipped, {}};
        if (sentences == 0) {
            finding.detail = "the context is too short to hide something";
        } else {
            const Needle needle = make_needle(sentences, depth);
            const acceptance::Answer answer =
                client.chat({{"messages", Json::array({{{"role", "user"}, {"content", needle.question}}})},
                             {"temperature", 0},
                             {"reasoning_effort", "low"},
                             {"max_tokens", must_find ? 400 : 40}});
            const bool found = answer.problem.empty() && tells(answer.all_text(), needle.answer);
            finding.verdict = !answer.problem.empty() ? Verdict::failed
                              : found                 ? Verdict::passed
                              : must_find             ? Verdict::failed
                                                      : Verdict::skipped;
            finding.detail = !answer.problem.empty() ? answer.problem
                                                     : std::to_string(answer.prompt_tokens) + " tokens, " +
                                                           (found ? "found" : "not found");
            if (!found && !must_find && answer.problem.empty())
                finding.detail += "; these weights are not known to find it";
        }
        report.findings.push_back(std::move(finding));
    }
}

}  // namespace

void qualify_answers(ChildNode& node, const AnswerOptions& options, Report& report) {
    acceptance::Options checks;
    checks.client.url = node.url();
    checks.client.timeout_ms = 600'000;
    // What is asked here is whether it is right: a slow or busy machine is slow in the figures.
    checks.tokens_per_second_min = 0;
    checks.first_token_ms_max = static_cast<double>(checks.client.timeout_ms);
    checks.require_gpu = options.require_gpu;
    checks.context_length = options.context_length;
    for (const acceptance::Outcome& outcome : acceptance::run_checks(checks).outcomes)
        report.findings.push_back({"answers", outcome.name, verdict_of(outcome.verdict), outcome.detail});
    const acceptance::Client client(checks.client);
    for (std::size_t i = 0; i < kQuestions.size(); ++i)
        report.findings.push_back(judge_answer(client, i, options.composite_sha256));
    look_for_needles(client, options, report);
}

}  // namespace gptoss::qualify
