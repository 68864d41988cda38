#include "api/service.h"

#include "api/completion_format.h"
#include "api/error_reply.h"
#include "api/inference_format.h"
#include "api/random_id.h"
#include "base/limits.h"
#include "base/utc_time.h"
#include "harmony/render.h"

namespace gptoss::api {

Service::Service(std::shared_ptr<engine::Engine> engine, ServedModel model, ServiceOptions options,
                 GenerationObserver* observer)
    : engine_(std::move(engine)),
      model_(std::move(model)),
      options_(std::move(options)),
      observer_(observer),
      constraints_(*model_.tokenizer),
      stop_tokens_(stop_tokens(*model_.tokenizer)) {}

HandlerResult Service::chat(std::string_view body, const Caller& caller) {
    const ChatRequest request = read_chat_request(parse_json(body), &memory_);
    const auto make_format = [&](ResponseMetadata facts) {
        facts.effective["reasoning_effort"] = to_string(request.conversation.effort);
        ChatFormatOptions format;
        format.reasoning = request.show_reasoning ? options_.reasoning : ReasoningFields::none;
        format.logprobs = request.generation.sampling.top_logprobs >= 0;
        format.include_usage = request.generation.include_usage;
        format.legacy_functions = request.legacy_functions;
        return make_chat_format(*model_.tokenizer, std::move(facts), format);
    };
    return start(request, random_id("chatcmpl-"), make_format, caller);
}

HandlerResult Service::completions(std::string_view body, const Caller& caller) {
    const CompletionRequest request = read_completion_request(
        parse_json(body), *model_.tokenizer, static_cast<std::size_t>(engine_->options().context_length));
    const auto make_format = [&](ResponseMetadata facts) {
        CompletionFormatOptions format;
        format.logprobs = request.generation.sampling.top_logprobs >= 0;
        format.include_usage = request.generation.include_usage;
        for (const auto& prompt : request.raw_prompts) {
            for (std::int32_t choice = 0; choice < request.generation.choices && request.echo; ++choice) {
                format.echo.push_back(model_.tokenizer->decode(prompt));
            }
        }
        return make_completion_format(*model_.tokenizer, std::move(facts), std::move(format));
    };
    return start(request, random_id("cmpl-"), make_format, caller);
}

HandlerResult Service::inference(std::string_view body, const Caller& caller) {
    std::string request_id;
    try {
        const InferenceRequest request = read_inference_request(parse_json(body));
        request_id = request.request_id;
        return inference(request, caller);
    } catch (const Error& error) {
        return inference_error_reply(error, request_id);
    }
}

std::unique_ptr<ResponseStream> Service::inference(const InferenceRequest& request, const Caller& caller) {
    const auto make_format = [&](ResponseMetadata facts) {
        return make_inference_format(std::move(facts), request);
    };
    return start(request, random_id("inf-"), make_format, caller);
}

std::vector<TokenId> Service::render(harmony::Conversation conversation) const {
    return render(std::move(conversation), static_cast<std::size_t>(engine_->options().context_length));
}

std::size_t Service::count_tokens(const harmony::Conversation& conversation) const {
    const std::size_t count = render(conversation, limits::kPromptTokens).size();
    if (count <= limits::kPromptTokens) return count;
    throw Error(ErrorCode::context_exceeded,
                "The prompt has more than " + std::to_string(limits::kPromptTokens) + " tokens.", {},
                {{"code", "context_length_exceeded"},
                 {"prompt_tokens", std::to_string(count)},
                 {"context_length", std::to_string(engine_->options().context_length)}});
}

std::vector<TokenId> Service::render(harmony::Conversation conversation, std::size_t most_tokens) const {
    if (options_.date == "today") {
        conversation.current_date = utc_date(now_s());
    } else if (options_.date != "none") {
        conversation.current_date = options_.date;
    }
    harmony::RenderOptions options;
    options.most_tokens = most_tokens;
    return harmony::render(*model_.tokenizer, conversation, options);
}

Json Service::model_json() const {
    Json json{
        {"id", model_.id}, {"object", "model"}, {"created", model_.created_s}, {"owned_by", "gpt-oss-node"}};
    json["context_length"] = engine_->options().context_length;
    json["max_model_len"] = engine_->options().context_length;  // the name that vLLM's clients read
    // And the names that Anthropic's clients read.
    json["type"] = "model";
    json["display_name"] = model_.id;
    json["created_at"] = utc_text(model_.created_s);
    json.update(model_.card);
    return json;
}

HttpResponse Service::models() const {
    Json list;
    list["object"] = "list";
    list["data"] = Json::array({model_json()});
    list["first_id"] = model_.id;
    list["last_id"] = model_.id;
    list["has_more"] = false;
    return json_reply(list);
}

HttpResponse Service::model(std::string_view id) const {
    if (id != model_.id) {
        throw Error(ErrorCode::not_found, "The model \"" + std::string(id) + "\" is not served here.",
                    "This node serves \"" + model_.id + "\".", {{"model", std::string(id)}});
    }
    return json_reply(model_json());
}

HttpResponse Service::receipt(std::string_view id) const {
    const auto found = model_.receipts ? model_.receipts->find(id) : std::nullopt;
    if (!found)
        throw Error(ErrorCode::not_found, "There is no receipt for \"" + std::string(id) + "\".",
                    model_.receipts ? "Replies that were cancelled have none, and old ones are dropped."
                                    : "This node signs none: GPTOSS_RECEIPTS is off.");
    return json_reply(*found);
}

HttpResponse Service::tokenize(std::string_view body) const {
    const Json json = parse_json(body);
    const Fields request(json, "");
    // Three servers, three names for the text.
    std::optional<std::string> text;
    for (const std::string_view name : {"content", "prompt", "text"}) {
        if (!text) text = request.find_text(name);
    }
    if (!text) refuse_field("content", "is required and must be a string.");
    const bool special = request.find_boolean("parse_special").value_or(false);
    std::vector<TokenId> tokens;
    if (special)
        tokens = model_.tokenizer->encode_with_special(*text, limits::kTokenizeTokens);
    else
        model_.tokenizer->encode_append(*text, tokens, limits::kTokenizeTokens);
    if (tokens.size() > limits::kTokenizeTokens)
        refuse_field("content", "has more than " + std::to_string(limits::kTokenizeTokens) + " tokens.");
    return json_reply({{"tokens", tokens}, {"count", tokens.size()}});
}

HttpResponse Service::detokenize(std::string_view body) const {
    const Json json = parse_json(body);
    const Fields request(json, "");
    const std::vector<TokenId> tokens = read_tokens(request.array("tokens"), "tokens", *model_.tokenizer);
    const std::string text = model_.tokenizer->decode(tokens);
    return json_reply({{"content", text}, {"prompt", text}});
}

HttpResponse Service::apply_template(std::string_view body) {
    const std::vector<TokenId> tokens = render(conversation_from_chat_request(parse_json(body), &memory_));
    // One that is longer than the context was not rendered to its end.
    if (tokens.size() > static_cast<std::size_t>(engine_->options().context_length))
        clamp_max_tokens({}, tokens, "messages");
    Json reply;
    reply["prompt"] = model_.tokenizer->decode(tokens);
    reply["count"] = tokens.size();
    return json_reply(reply);
}

}  // namespace gptoss::api
