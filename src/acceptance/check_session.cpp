#include "acceptance/check_session.h"

#include <algorithm>
#include <array>
#include <cstdio>

namespace gptoss::acceptance {

void Session::run(const std::string& name, const std::function<Finding()>& check) {
    const auto& only = options.only;
    if (!only.empty() && std::find(only.begin(), only.end(), name) == only.end()) return;
    const auto start = Clock::now();
    Finding finding = check();
    const std::chrono::duration<double, std::milli> spent = Clock::now() - start;
    report.outcomes.push_back({name, finding.verdict, std::move(finding.detail), spent.count()});
}

Json Session::request(const std::string& question, int max_tokens) const {
    return {{"model", model},
            {"messages", Json::array({{{"role", "user"}, {"content", question}}})},
            {"temperature", 0},
            {"max_tokens", max_tokens}};
}

const Answer& Session::remember(const std::string& question, bool streamed) {
    for (const auto& each : asked_)
        if (each->question == question && each->streamed == streamed) return each->answer;
    constexpr int kLongestAnswer_tokens = 512;  // thinking included
    const Json body = request(question, kLongestAnswer_tokens);
    Answer answer = streamed ? client.stream(body) : client.chat(body);
    keep(answer);
    asked_.push_back(std::make_unique<Asked>(Asked{question, streamed, std::move(answer)}));
    return asked_.back()->answer;
}

const Answer& Session::ask(const std::string& question) {
    return remember(question, false);
}
const Answer& Session::stream(const std::string& question) {
    return remember(question, true);
}

std::optional<Json> Session::status() const {
    PlainReply reply = client.get("/v1/status");
    if (reply.status != 200 || !reply.json.is_object() || !reply.json.contains("engine")) return std::nullopt;
    return std::move(reply.json);
}

std::string decimal(double value) {
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%.1f", value);
    return text.data();
}

Report run_checks(const Options& options) {
    Session session(options);
    session.report.url = options.client.url;
    if (check_node(session)) {
        check_answers(session);
        check_streams(session);
        check_load(session);
        check_context(session);
        check_errors(session);
        check_all_text(session);
    }
    session.report.model = session.model;
    return session.report;
}

}  // namespace gptoss::acceptance
