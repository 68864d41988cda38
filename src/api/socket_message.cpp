#include "api/socket_message.h"

namespace gptoss::api {

Json read_socket_message(std::string_view text) {
    Json event = parse_json(text);
    const Fields fields(event, "");
    if (const std::string type = fields.text("type"); type != "response.create")
        refuse_field("type", "must be response.create, not \"" + type + "\".");
    if (fields.find_boolean("background").value_or(false))
        refuse_field("background", "is not for a WebSocket: POST /v1/responses.");
    event.erase("type");
    event["stream"] = true;
    return event;
}

bool is_socket_cancel(std::string_view text) {
    const Json event = Json::parse(text, nullptr, false);
    return event.is_object() && event.contains("type") && event["type"] == "response.cancel";
}

std::string socket_error(const HttpResponse& reply) {
    Json event{{"type", "error"}, {"status", reply.status}};
    event.update(Json::parse(reply.body));
    if (auto& code = event["error"]["code"]; !code.is_string()) code = event["error"]["type"];
    return to_text(event);
}

}  // namespace gptoss::api
