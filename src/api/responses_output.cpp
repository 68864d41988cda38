#include "api/responses_output.h"

#include "api/error_reply.h"
#include "api/logprob_json.h"
#include "api/random_id.h"
#include "api/responses_input.h"
#include "base/utc_time.h"

namespace gptoss::api {

namespace {

std::string_view status_of(const Item& item) {
    return item.complete ? "completed" : "incomplete";
}

Json message_json(const Item& item, const std::string& id, std::string_view status) {
    return {{"id", id},
            {"type", "message"},
            {"status", status},
            {"role", "assistant"},
            {"phase", item.kind == ItemKind::preamble ? "commentary" : "final_answer"},
            {"content", Json::array()}};
}

Json reasoning_json(const std::string& id, std::string_view status) {
    return {{"id", id}, {"type", "reasoning"}, {"status", status}, {"summary", Json::array()}};
}

}  // namespace

bool ResponsesOutput::shows(const Item& item) const {
    if (options_.warm_up) return false;
    return item.kind != ItemKind::reasoning || options_.reasoning_content || options_.reasoning_summary ||
           options_.seal != nullptr;
}

std::string ResponsesOutput::new_id(const Item& item) const {
    switch (item.kind) {
        case ItemKind::reasoning:
            return random_id("rs_");
        case ItemKind::preamble:
        case ItemKind::content:
            return random_id("msg_");
        case ItemKind::call:
            return random_id(is_custom(item) ? "ctc_" : "fc_");
    }
    return random_id("item_");
}

Json ResponsesOutput::call_json(const Item& call, const std::string& id, std::string_view status) const {
    const ClientTool tool = options_.tools.client_tool(call.name);
    Json json{{"id", id},
              {"type", tool.is_custom ? "custom_tool_call" : "function_call"},
              {"status", status},
              {"call_id", call.call_id},
              {"name", tool.name}};
    if (!tool.name_space.empty()) json["namespace"] = tool.name_space;
    json[tool.is_custom ? "input" : "arguments"] = call.text;
    return json;
}

Json ResponsesOutput::begun(const Item& item, const std::string& id) const {
    if (item.kind == ItemKind::call) {
        Item empty = item;
        empty.text.clear();
        return call_json(empty, id, "in_progress");
    }
    if (is_visible(item.kind)) return message_json(item, id, "in_progress");
    Json json = reasoning_json(id, "in_progress");
    if (options_.reasoning_content) json["content"] = Json::array();
    return json;
}

Json ResponsesOutput::part(const Item& item) const {
    if (item.kind == ItemKind::reasoning) return {{"type", "reasoning_text"}, {"text", item.text}};
    return {{"type", "output_text"},
            {"text", item.text},
            {"annotations", Json::array()},
            {"logprobs", logprobs(item.logprobs)}};
}

Json ResponsesOutput::ended(const Item& item, const std::string& id) const {
    if (item.kind == ItemKind::call) return call_json(item, id, status_of(item));
    if (is_visible(item.kind)) {
        Json json = message_json(item, id, status_of(item));
        json["content"].push_back(part(item));
        return json;
    }
    Json json = reasoning_json(id, status_of(item));
    if (options_.reasoning_summary)
        json["summary"].push_back({{"type", "summary_text"}, {"text", item.text}});
    if (options_.reasoning_content) json["content"] = Json::array({part(item)});
    if (options_.seal != nullptr) json["encrypted_content"] = options_.seal->seal(item.text, kReasoningSeal);
    return json;
}

Json ResponsesOutput::logprobs(const std::vector<backend::SampledToken>& tokens) const {
    Json list = Json::array();
    if (!options_.logprobs) return list;
    for (const backend::SampledToken& sampled : tokens)
        list.push_back(sampled_logprob_json(tokenizer_, sampled));
    return list;
}

Json responses_usage(const UsageTotals& totals) {
    const engine::Usage& usage = totals.usage;
    return {{"input_tokens", usage.prompt_tokens},
            {"input_tokens_details", {{"cached_tokens", usage.cached_tokens}}},
            {"output_tokens", usage.completion_tokens},
            {"output_tokens_details", {{"reasoning_tokens", totals.reasoning_tokens}}},
            {"total_tokens", usage.prompt_tokens + usage.completion_tokens}};
}

Json response_json(const ResponseMetadata& facts, const Json& echoed, ResponseState state) {
    Json json{{"id", facts.id},
              {"object", "response"},
              {"created_at", facts.created_s},
              {"status", state.status},
              {"completed_at", nullptr},
              {"error", std::move(state.error)},
              {"incomplete_details", std::move(state.details)},
              {"model", facts.model},
              {"output", std::move(state.output)}};
    if (state.status == "completed") json["completed_at"] = now_s();
    json.update(echoed);
    json["usage"] = std::move(state.usage);
    return json;
}

std::string_view ending_event(std::string_view status) {
    if (status == "completed") return "response.completed";
    return status == "failed" ? "response.failed" : "response.incomplete";
}

ResponseState ended_state(const FinishInfo& outcome, const UsageTotals& totals) {
    ResponseState state;
    state.status = "completed";
    state.usage = responses_usage(totals);
    if (outcome.finish_reason == "length") {
        state.status = "incomplete";
        state.details = {{"reason", "max_output_tokens"}};
    } else if (outcome.finish_reason == "cancelled") {
        state.status = "cancelled";
        state.details = {{"reason", "cancelled"}};
    }
    return state;
}

ResponseState failed_state(const Error& error) {
    ResponseState state;
    state.status = "failed";
    Json code = openai_error(error)["error"]["code"];
    if (error.code() == ErrorCode::queue_full) code = "rate_limit_exceeded";
    if (error.code() == ErrorCode::request_invalid) code = "invalid_prompt";
    if (code.is_null() || http_status(error.code()) >= 500) code = "server_error";
    state.error = {{"code", std::move(code)}, {"message", message_with_hint(error)}};
    return state;
}

}  // namespace gptoss::api
