#include "api/inference_request.h"

#include <limits>

#include "api/chat_messages.h"
#include "api/chat_request.h"
#include "api/random_id.h"

namespace gptoss::api {

namespace {

constexpr std::int32_t kInferenceMaxTokens = 4000;
constexpr float kUsualTemperature = 0.7F;

// Both spellings of a field: session_id and sessionId. The first one present is checked and counts.
std::string_view spelled(const Fields& request, std::string_view snake, std::string_view camel) {
    return request.find(snake) == nullptr && request.find(camel) != nullptr ? camel : snake;
}

harmony::Effort read_thinking(const std::string& text) {
    if (text == "enabled") return harmony::Effort::medium;
    if (text == "disabled") return harmony::Effort::low;  // gpt-oss always thinks; low is the least it knows
    return read_effort(text, "thinking");
}

}  // namespace

InferenceRequest read_inference_request(const Json& json) {
    constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
    const Fields request(json, "");
    InferenceRequest result;
    result.prompt_field = "prompt";
    result.constrained = false;  // these clients offer no tools and ask for no form
    result.model = request.text("model");
    const std::string prompt = request.text("prompt");
    if (prompt.empty()) refuse_field("prompt", "must not be empty.");

    if (const Json* context = request.find_array("conversation_context")) {
        read_messages(*context, "conversation_context", nullptr, result.conversation);
    }
    harmony::Message question;
    question.content = prompt;
    result.conversation.messages.push_back(std::move(question));

    result.generation = read_generation_options(request);
    if (request.find("temperature") == nullptr) result.generation.sampling.temperature = kUsualTemperature;
    if (result.generation.max_tokens == 0) refuse_field("max_tokens", "must be at least 1.");
    if (!result.generation.max_tokens) result.generation.max_tokens = kInferenceMaxTokens;
    result.generation.choices = 1;
    if (const auto thinking = request.find_text("thinking"))
        result.conversation.effort = read_thinking(*thinking);

    result.request_id = request.find_text("request_id").value_or("");
    if (result.request_id.empty()) result.request_id = random_id("req-");
    // A job belongs to payment, which is settled elsewhere; its number is checked so that a typo does not
    // pass.
    request.find_integer(spelled(request, "job_id", "jobId"), 0, kMost);
    request.find_text("session_id");
    if (const auto chain = request.find_integer(spelled(request, "chain_id", "chainId"), 0, kMost)) {
        result.chain_id = static_cast<std::uint64_t>(*chain);
    }
    result.web_search = request.find_boolean(spelled(request, "web_search", "webSearch")).value_or(false);
    request.find_integer(spelled(request, "max_searches", "maxSearches"), 0, 20);
    request.find_array(spelled(request, "search_queries", "searchQueries"));
    result.ignored_fields = ignored_fields(request);
    return result;
}

}  // namespace gptoss::api
