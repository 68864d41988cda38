// Whole answers: are they right, are harmony's channels apart, do tools get called.
#include "acceptance/check_session.h"
#include "acceptance/text_quality.h"

namespace gptoss::acceptance {
namespace {

constexpr const char* kSum = "What is 2+2?";

Finding says(Session& session, const char* question, std::string_view right, std::string_view wrong) {
    const Answer& answer = session.ask(question);
    if (!answer.problem.empty()) return fail(answer.problem);
    const std::string said = "\"" + answer.content.substr(0, 80) + "\"";
    const bool is_right =
        says_word(answer.content, right) && (wrong.empty() || !says_word(answer.content, wrong));
    return is_right ? pass(said) : fail(said + " to \"" + question + "\"");
}

// A server that is asked for a reason must keep it out of the answer, and must have one.
Finding channels_apart(Session& session) {
    const Answer& answer = session.ask(kSum);
    if (!answer.problem.empty()) return fail(answer.problem);
    if (answer.reasoning.empty())
        return fail("no reasoning beside the content \"" + answer.content.substr(0, 80) + "\"");
    if (answer.content.empty())
        return fail("reasoning, but no content; finish_reason " + answer.finish_reason);
    if (answer.content.find(answer.reasoning) != std::string::npos)
        return fail("the content repeats the reasoning");
    if (answer.finish_reason != "stop")
        return fail("finish_reason is \"" + answer.finish_reason + "\", not \"stop\"");
    return pass(std::to_string(answer.reasoning.size()) + " bytes of reasoning, " +
                std::to_string(answer.content.size()) + " of content");
}

Finding calls_tool(Session& session) {
    Json request = session.request("What is the weather in Rome?", 512);
    request["tools"] = Json::parse(R"([{"type": "function", "function": {"name": "get_weather",
        "description": "The weather in a city.", "parameters": {"type": "object",
        "properties": {"city": {"type": "string"}}, "required": ["city"]}}}])");
    const Answer answer = session.client.chat(request);
    session.keep(answer);
    if (!answer.problem.empty()) return fail(answer.problem);
    if (answer.tool_calls.empty()) return fail("no call; it said \"" + answer.content.substr(0, 80) + "\"");
    const ToolCall& call = answer.tool_calls.front();
    const std::string detail = call.name + "(" + call.arguments.substr(0, 80) + ")";
    const Json arguments = Json::parse(call.arguments, nullptr, false);
    if (call.name != "get_weather" || !says_word(text_at(arguments, "city"), "Rome")) return fail(detail);
    if (answer.finish_reason != "tool_calls")
        return fail(detail + ", but finish_reason is " + answer.finish_reason);
    return pass(detail);
}

}  // namespace

void check_answers(Session& session) {
    session.run("2+2", [&] { return says(session, kSum, "4", "5"); });
    session.run("capital of France",
                [&] { return says(session, "What is the capital of France?", "Paris", ""); });
    session.run("channels apart", [&] { return channels_apart(session); });
    session.run("tool call", [&] { return calls_tool(session); });
}

// Last: they look at every answer that the others got.
void check_all_text(Session& session) {
    const auto search = [&](std::string (*find)(std::string_view)) {
        if (session.answers.empty()) return skip("no answer to search");
        for (const Answer& answer : session.answers)
            for (const std::string& text : {answer.reasoning, answer.content})
                if (const std::string found = find(text); !found.empty())
                    return fail(found + " in \"" + text.substr(0, 80) + "\"");
        return pass(std::to_string(session.answers.size()) + " answers");
    };
    session.run("no markers", [&] { return search(find_marker); });
    session.run("no garbage", [&] { return search(find_garbage); });
    session.run("no repetition", [&] { return search(find_repetition); });
}

}  // namespace gptoss::acceptance
