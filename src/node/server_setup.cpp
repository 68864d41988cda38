#include "node/server_setup.h"

#include <cstdlib>

namespace gptoss::node {

namespace {

api::ReasoningFields reasoning_fields(const std::string& name) {
    if (name == "reasoning") return api::ReasoningFields::reasoning;
    if (name == "reasoning_content") return api::ReasoningFields::reasoning_content;
    return name == "none" ? api::ReasoningFields::none : api::ReasoningFields::both;
}

api::ResponsesReasoning responses_reasoning(const std::string& name) {
    if (name == "content") return api::ResponsesReasoning::content;
    if (name == "summary") return api::ResponsesReasoning::summary;
    return name == "none" ? api::ResponsesReasoning::none : api::ResponsesReasoning::both;
}

api::SealedText open_seal(const Settings& settings) {
    std::string path = settings.seal_keys_file;
    if (path.empty() && !settings.responses_path.empty()) path = settings.responses_path + ".keys";
    return path.empty() ? api::SealedText({api::SealedText::random_key()}) : api::open_key_file(path);
}

}  // namespace

http::ServerOptions server_options(const Settings& settings) {
    http::ServerOptions options;
    options.host = settings.host;
    options.port = static_cast<std::uint16_t>(settings.port);
    options.most_connections = static_cast<int>(settings.most_connections);
    options.body_limit_bytes = static_cast<std::size_t>(settings.body_limit_mb) << 20;
    options.body_budget_bytes = static_cast<std::size_t>(settings.body_budget_mb) << 20;
    options.cors_origin = settings.cors_origin;
    if (!settings.synthetic.empty())
        options.headers.emplace_back("X-Model-Weights", "random: the answers mean nothing");
    options.allowed_hosts = settings.allowed_hosts;
    options.tls_certificate_file = settings.tls_certificate_file;
    options.tls_key_file = settings.tls_key_file;
    options.client_limit = {settings.requests_per_minute, settings.tokens_per_minute,
                            settings.concurrent_requests};
    return options;
}

http::ServerOptions admin_options(const Settings& settings) {
    http::ServerOptions options;
    options.port = static_cast<std::uint16_t>(settings.admin_port);
    options.threads = 1;
    options.most_connections = 64;
    options.body_limit_bytes = std::size_t{64} << 10;
    options.body_budget_bytes = std::size_t{1} << 20;
    options.worker_threads = 1;
    options.allowed_hosts = settings.allowed_hosts;
    return options;
}

http::ApiKeys api_keys(const Settings& settings) {
    return settings.api_keys_file.empty() ? http::ApiKeys()
                                          : http::ApiKeys::from_file(settings.api_keys_file);
}

api::ServiceOptions service_options(const Settings& settings) {
    api::ServiceOptions options;
    options.strict_model_name = settings.strict_model_name;
    options.reasoning = reasoning_fields(settings.reasoning_fields);
    options.date = settings.date;
    options.responses_reasoning = responses_reasoning(settings.responses_reasoning);
    options.unseen =
        settings.unseen_content == "refuse" ? api::UnseenContent::refuse : api::UnseenContent::placeholder;
    return options;
}

ConsoleOptions console_options(const Settings& settings,
                               std::function<api::Json(const std::string& path)> serve) {
    ConsoleOptions options;
    options.mcp.servers_file = settings.mcp_servers_file;
    options.fleet_file = settings.fleet_file;
    options.download.folder = settings.download_folder;
    if (const char* endpoint = std::getenv("HF_ENDPOINT"); endpoint != nullptr && *endpoint != '\0')
        options.download.host.endpoint = endpoint;
    while (options.download.host.endpoint.ends_with('/')) options.download.host.endpoint.pop_back();
    if (const char* token = std::getenv("HF_TOKEN"); token != nullptr) options.download.host.token = token;
    options.download.serve = std::move(serve);
    return options;
}

AgentState open_agent_state(const Settings& settings) {
    AgentState state;
    state.seal = std::make_shared<const api::SealedText>(open_seal(settings));
    if (!settings.responses_kept) return state;
    constexpr std::int64_t kSecondsADay = 24 * 3600;
    state.stored = std::make_shared<api::StoredResponses>(
        settings.responses_path,
        api::StoreLimits{settings.responses_limit_mb << 20, settings.responses_days * kSecondsADay});
    return state;
}

}  // namespace gptoss::node
