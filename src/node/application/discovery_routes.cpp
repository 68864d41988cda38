#include "node/application/discovery_routes.h"

#include "base/utc_time.h"

namespace gptoss::node {

namespace {

using api::Caller;
using api::HandlerResult;
using api::HttpResponse;
using api::Json;
using http::HttpRequest;

// The version of Ollama's API whose calls are answered here. Codex refuses anything older.
constexpr const char* kOllamaVersion = "0.13.4";

// The name that Ollama gives to such a model; clients look for it unless they are configured with another.
std::string ollama_name(const api::ServedModel& model) {
    constexpr int kLayersOf120b = 36;
    return model.card.value("layers", 0) == kLayersOf120b ? "gpt-oss:120b" : "gpt-oss:20b";
}

Json model_json(const api::ServedModel& model, const std::string& name) {
    return {{"name", name},
            {"model", name},
            {"modified_at", utc_text(model.created_s)},
            {"size", model.card.value("weight_bytes", std::int64_t{0})},
            {"details", {{"format", "gguf"}, {"family", "gptoss"}, {"quantization_level", "MXFP4"}}}};
}

HttpResponse tags(const api::Service& service) {
    const api::ServedModel& model = service.served_model();
    Json models = Json::array({model_json(model, model.id)});
    // Any name is served, unless names are strict.
    if (!service.options().strict_model_name) models.push_back(model_json(model, ollama_name(model)));
    return api::json_reply({{"models", std::move(models)}});
}

// There is nothing to pull: the node serves what it serves, under any name.
HttpResponse pull(const api::Service& service, const std::string& body) {
    const Json json = api::parse_json(body);
    const std::string name = api::Fields(json, "").find_text("model").value_or("");
    if (service.options().strict_model_name && name != service.served_model().id) {
        throw Error(ErrorCode::not_found, "The model \"" + name + "\" is not served here.",
                    "This node serves \"" + service.served_model().id + "\".");
    }
    HttpResponse reply;
    reply.content_type = "application/x-ndjson";
    reply.body = "{\"status\":\"success\"}\n";
    return reply;
}

}  // namespace

void add_discovery_routes(http::Router& router, NodeState& state) {
    router.add({"GET", "/api/version", true, [](const HttpRequest&, const Caller&) -> HandlerResult {
                    return api::json_reply({{"version", kOllamaVersion}});
                }});
    router.add({"GET", "/api/tags", false, [&state](const HttpRequest&, const Caller&) -> HandlerResult {
                    return tags(*state.service());
                }});
    router.add(
        {"POST", "/api/pull", false, [&state](const HttpRequest& request, const Caller&) -> HandlerResult {
             return pull(*state.service(), request.body);
         }});
}

}  // namespace gptoss::node
