// Wrong requests: the client learns that it is wrong and where, with a status that says so.
#include "acceptance/check_session.h"

namespace gptoss::acceptance {
namespace {

// `named` must stand in the error: the field, or what is too long.
Finding refused(const Session& session, const std::string& body, const std::string& named) {
    const PlainReply reply = session.client.post("/v1/chat/completions", body);
    if (!reply.problem.empty()) return fail(reply.problem);
    const std::string detail = "HTTP " + std::to_string(reply.status) + ": " + reply.body.substr(0, 160);
    if (reply.status < 400 || reply.status >= 500) return fail(detail);
    if (!reply.json.is_object() || !reply.json.contains("error")) return fail("no \"error\" in " + detail);
    if (reply.json["error"].dump().find(named) == std::string::npos)
        return fail("\"" + named + "\" is not named in " + detail);
    return pass(detail);
}

Finding too_long(const Session& session) {
    if (session.context_length == 0) return skip("this server does not tell its context length");
    std::string text;
    for (std::int64_t i = 0; i < session.context_length + 500; ++i) text += "word ";
    return refused(session, session.request(text, 16).dump(), "context");
}

}  // namespace

void check_errors(Session& session) {
    session.run("bad JSON is refused", [&] { return refused(session, "{\"messages\": [", "JSON"); });
    session.run("wrong type is refused", [&] {
        Json request = session.request("Hello", 16);
        request["temperature"] = "hot";
        return refused(session, request.dump(), "temperature");
    });
    session.run("long prompt is refused", [&] { return too_long(session); });
}

}  // namespace gptoss::acceptance
