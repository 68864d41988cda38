#include "marketplace/message_fields.h"

#include "base/limits.h"
#include "base/number_text.h"
#include "provenance/marketplace/refusal.h"

namespace gptoss::marketplace {

using api::Json;
using provenance::marketplace::Refusal;

std::optional<std::string> name_in(const Json& message, const char* snake, const char* camel) {
    for (const char* field : {snake, camel}) {
        const auto found = message.find(field);
        if (found == message.end()) continue;
        if (found->is_string() && !found->get_ref<const std::string&>().empty())
            return found->get<std::string>();
        if (found->is_number_unsigned()) return std::to_string(found->get<std::uint64_t>());
    }
    return std::nullopt;
}

Json id_of(const Json& message) {
    const auto found = message.find("id");
    return found != message.end() && (found->is_string() || found->is_number()) ? *found : Json();
}

std::string session_id_of(const Json& message) {
    auto id = name_in(message, "session_id", "sessionId");
    if (!id) throw Refusal{"MISSING_SESSION_ID", "The message has no session_id."};
    if (id->size() > limits::kSessionIdBytes)
        throw Refusal{"INVALID_PAYLOAD",
                      "session_id is longer than " + std::to_string(limits::kSessionIdBytes) + " bytes."};
    return *std::move(id);
}

std::optional<std::uint64_t> count_of(std::string_view associated_data) {
    constexpr std::string_view kPrefix = "message_";
    if (!associated_data.starts_with(kPrefix)) return std::nullopt;
    return number_of<std::uint64_t>(associated_data.substr(kPrefix.size()));
}

void add_options(Json& request, const Json& outside) {
    for (const char* field : {"model", "max_tokens", "temperature", "top_p", "top_k", "min_p", "seed", "stop",
                              "web_search", "max_searches", "search_queries", "thinking"}) {
        if (!request.contains(field) && outside.contains(field)) request[field] = outside[field];
    }
    if (!request.contains("model") || !request["model"].is_string()) request["model"] = "";
    request["stream"] = true;
    request.erase("request_id");
}

}  // namespace gptoss::marketplace
