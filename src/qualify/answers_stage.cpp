#include <array>
#include <span>

#include "acceptance/check_session.h"
#include "provenance/sha256.h"
#include "qualify/known_answers.h"
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

}  // namespace

void qualify_answers(ChildNode& node, const AnswerOptions& options, Report& report) {
    acceptance::Options checks;
    checks.client.url = node.url();
    checks.client.timeout_ms = 600'000;
    checks.require_gpu = options.require_gpu;
    checks.context_length = options.context_length;
    for (const acceptance::Outcome& outcome : acceptance::run_checks(checks).outcomes)
        report.findings.push_back({"answers", outcome.name, verdict_of(outcome.verdict), outcome.detail});
    const acceptance::Client client(checks.client);
    for (std::size_t i = 0; i < kQuestions.size(); ++i)
        report.findings.push_back(judge_answer(client, i, options.composite_sha256));
}

}  // namespace gptoss::qualify
