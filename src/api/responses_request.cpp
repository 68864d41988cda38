#include "api/responses_request.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "api/chat_request.h"
#include "api/random_id.h"

namespace gptoss::api {

namespace {

constexpr std::size_t kMostMetadata = 16;  // OpenAI's limits
constexpr std::size_t kLongestMetadataKey = 64;
constexpr std::size_t kLongestMetadataValue = 512;

// What an item's id begins with.
std::string_view id_prefix(const Fields& item) {
    const std::string type = item.find_text("type").value_or("message");
    if (type == "message") return "msg_";
    if (type == "reasoning") return "rs_";
    if (type == "function_call") return "fc_";
    if (type == "function_call_output") return "fco_";
    if (type == "custom_tool_call") return "ctc_";
    if (type == "custom_tool_call_output") return "ctco_";
    return "item_";
}

// A message as lists of items show it: with its type and status, its content in parts.
void complete_message(Json& item) {
    const auto is_missing = [&](const char* field) { return !item.contains(field) || item[field].is_null(); };
    if (is_missing("type") && !is_missing("role")) item["type"] = "message";
    if (is_missing("type") || item["type"] != "message") return;
    if (is_missing("status")) item["status"] = "completed";
    if (is_missing("content") || !item["content"].is_string()) return;
    const bool is_answer = !is_missing("role") && item["role"] == "assistant";
    Json part{{"type", is_answer ? "output_text" : "input_text"}, {"text", std::move(item["content"])}};
    if (is_answer) part["annotations"] = part["logprobs"] = Json::array();
    item["content"] = Json::array();
    item["content"].push_back(std::move(part));
}

void read_format(const Fields& request, ResponsesRequest& result, Json& echoed) {
    echoed = {{"type", "text"}};
    const auto text = request.find_object("text");
    const auto format = text ? text->find_object("format") : std::nullopt;
    if (!format) return;
    const std::string type = format->text("type");
    harmony::ResponseFormat wanted;
    if (type == "text") return;
    if (type == "json_object") {
        result.output_format = OutputFormat::json_object;
        wanted = {"json_object", "", Json{{"type", "object"}}};
    } else if (type == "json_schema") {
        const auto schema = format->find_object("schema");
        if (!schema) refuse_field(format->path("schema"), "is required and must be an object.");
        result.output_format = OutputFormat::json_schema;
        wanted.name = format->find_text("name").value_or("response");
        wanted.description = format->find_text("description").value_or("");
        wanted.schema = schema->json();
    } else {
        refuse_field(format->path("type"), "must be text, json_object or json_schema, not \"" + type + "\".");
    }
    echoed = format->json();
    if (type == "json_schema") {
        echoed["name"] = wanted.name;
        echoed["description"] = wanted.description.empty() ? Json(nullptr) : Json(wanted.description);
        echoed["strict"] = format->find_boolean("strict").value_or(false);
    }
    result.conversation.response_format = std::move(wanted);
}

void read_reasoning(const Fields& request, ResponsesRequest& result) {
    const auto reasoning = request.find_object("reasoning");
    if (!reasoning) return;
    if (const auto effort = reasoning->find_text("effort"))
        result.conversation.effort = read_effort(*effort, "reasoning.effort");
    const auto summary = reasoning->find_text("summary");
    result.wants_summary = summary ? *summary != "none" : reasoning->find("generate_summary") != nullptr;
}

void read_include(const Fields& request, ResponsesRequest& result) {
    const Json* include = request.find_array("include");
    if (include == nullptr) return;
    for (const Json& entry : *include) {
        if (!entry.is_string()) refuse_field("include", "must be an array of strings.");
        const auto& what = entry.get_ref<const std::string&>();
        if (what == "reasoning.encrypted_content") result.wants_encrypted = true;
        if (what == "message.output_text.logprobs") result.wants_logprobs = true;
    }
}

}  // namespace

Json read_metadata(const Fields& request) {
    const auto metadata = request.find_object("metadata");
    if (!metadata) return Json::object();
    if (metadata->json().size() > kMostMetadata)
        refuse_field("metadata", "may have at most " + std::to_string(kMostMetadata) + " entries.");
    for (const auto& entry : metadata->json().items()) {
        const std::string value = metadata->find_text(entry.key()).value_or("");
        if (entry.key().size() > kLongestMetadataKey || value.size() > kLongestMetadataValue) {
            refuse_field("metadata", "may have keys of " + std::to_string(kLongestMetadataKey) +
                                         " and values of " + std::to_string(kLongestMetadataValue) +
                                         " bytes.");
        }
    }
    return metadata->json();
}

namespace {

std::string read_conversation_id(const Fields& request) {
    const Json* conversation = request.find("conversation");
    if (conversation == nullptr) return {};
    if (conversation->is_string()) return conversation->get<std::string>();
    return Fields(*conversation, "conversation").text("id");
}

Json value_or_null(const Fields& request, std::string_view name) {
    const Json* value = request.find(name);
    return value != nullptr ? *value : Json(nullptr);
}

double told(float value) {
    return std::round(static_cast<double>(value) * 1e6) / 1e6;
}

// In the order of OpenAI's own responses; id, status, output and usage come with the reply.
Json echo_of(const Fields& request, const ResponsesRequest& result, const Json& format) {
    const backend::SamplingParameters& sampling = result.generation.sampling;
    const auto text_or_null = [&](const std::string& text) {
        return text.empty() ? Json(nullptr) : Json(text);
    };
    Json json;
    json["background"] = result.background;
    if (!result.conversation_id.empty()) json["conversation"] = {{"id", result.conversation_id}};
    json["instructions"] = value_or_null(request, "instructions");
    json["max_output_tokens"] = value_or_null(request, "max_output_tokens");
    json["max_tool_calls"] = value_or_null(request, "max_tool_calls");
    json["metadata"] = read_metadata(request);
    json["parallel_tool_calls"] = result.parallel_tool_calls;
    json["previous_response_id"] = text_or_null(result.previous_response_id);
    json["prompt_cache_key"] = value_or_null(request, "prompt_cache_key");
    json["reasoning"] = {{"effort", to_string(result.conversation.effort)}, {"summary", nullptr}};
    if (result.wants_summary) json["reasoning"]["summary"] = "detailed";  // it is the reasoning itself
    json["safety_identifier"] = value_or_null(request, "safety_identifier");
    json["service_tier"] = "default";
    json["store"] = result.store;
    json["temperature"] = told(sampling.temperature);
    json["text"] = {{"format", format}};
    const Json* choice = request.find("tool_choice");
    json["tool_choice"] = choice != nullptr ? *choice : Json("auto");
    json["tools"] = result.client_tools.echoed();
    json["top_logprobs"] = std::max(sampling.top_logprobs, 0);
    json["top_p"] = told(sampling.top_p);
    json["presence_penalty"] = told(sampling.presence_penalty);
    json["frequency_penalty"] = told(sampling.frequency_penalty);
    json["truncation"] = result.truncate ? "auto" : "disabled";
    json["user"] = value_or_null(request, "user");
    return json;
}

}  // namespace

Json read_input_items(const Fields& request) {
    Json items = Json::array();
    const Json* input = request.find("input");
    if (input == nullptr) return items;
    if (input->is_string()) {
        items.push_back({{"type", "message"}, {"role", "user"}, {"content", *input}});
    } else if (input->is_array()) {
        items = *input;
    } else {
        refuse_field("input",
                     "must be a string or an array of items, not " + std::string(type_name(*input)) + ".");
    }
    for (std::size_t i = 0; i < items.size(); ++i) {
        const Fields item(items[i], "input[" + std::to_string(i) + "]");
        if (!item.find_text("id")) items[i]["id"] = random_id(id_prefix(item));
        complete_message(items[i]);
    }
    return items;
}

ResponsesRequest read_responses_request(const Json& json) {
    const Fields request(json, "");
    ResponsesRequest result;
    result.prompt_field = "input";
    result.model = request.find_text("model").value_or("");
    if (request.find("prompt") != nullptr)
        refuse_field("prompt", "names a stored template, and this node stores none: send its text as input.");
    result.input = read_input_items(request);
    result.previous_response_id = request.find_text("previous_response_id").value_or("");
    result.conversation_id = read_conversation_id(request);
    if (!result.previous_response_id.empty() && !result.conversation_id.empty())
        refuse_field("conversation", "cannot be given together with previous_response_id.");
    result.warm_up = !request.find_boolean("generate").value_or(true);
    if (result.input.empty() && !result.warm_up && result.previous_response_id.empty() &&
        result.conversation_id.empty())
        refuse_field("input", "is required: a string or an array with at least one item.");
    result.store = request.find_boolean("store").value_or(true);
    result.background = request.find_boolean("background").value_or(false);
    if (result.background && !result.store)
        refuse_field("background", "needs store: a background response is fetched from the store.");

    result.conversation.instructions = request.find_text("instructions").value_or("");
    result.client_tools = ResponsesTools(request);
    result.conversation.tools = result.client_tools.tools();
    result.left_out_tools = result.client_tools.left_out();
    result.tool_choice = result.client_tools.read_choice(request);
    result.parallel_tool_calls = request.find_boolean("parallel_tool_calls").value_or(false);
    Json format;
    read_format(request, result, format);
    read_reasoning(request, result);
    read_include(request, result);
    const std::string truncation = request.find_text("truncation").value_or("disabled");
    if (truncation != "auto" && truncation != "disabled")
        refuse_field("truncation", "must be auto or disabled, not \"" + truncation + "\".");
    result.truncate = truncation == "auto";

    GenerationOptions& generation = result.generation;
    generation = read_generation_options(request);
    generation.choices = 1;
    generation.max_tokens.reset();
    if (const auto most =
            request.find_integer("max_output_tokens", 1, std::numeric_limits<std::int32_t>::max()))
        generation.max_tokens = static_cast<std::int32_t>(*most);
    const auto top = request.find_integer("top_logprobs", 0, kMostTopLogprobs);
    if (top.value_or(0) > 0) result.wants_logprobs = true;
    if (result.wants_logprobs) generation.sampling.top_logprobs = static_cast<std::int32_t>(top.value_or(0));
    result.echoed = echo_of(request, result, format);
    return result;
}

}  // namespace gptoss::api
