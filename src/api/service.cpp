#include "api/service.h"

#include <algorithm>
#include <chrono>
#include <ctime>

#include "api/completion_format.h"
#include "api/error_reply.h"
#include "api/generation_exchange.h"
#include "api/inference_format.h"
#include "api/random_id.h"
#include "harmony/render.h"

namespace gptoss::api {

namespace {

std::int64_t now_s() {
    return std::chrono::duration_cast<std::chrono::seconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
}

std::string today() {
    const std::time_t now = std::time(nullptr);
    std::tm calendar{};
    gmtime_r(&now, &calendar);
    char text[sizeof "2026-11-22"];
    std::strftime(text, sizeof text, "%Y-%m-%d", &calendar);
    return text;
}

std::vector<std::string> tool_names(const harmony::Conversation& conversation) {
    std::vector<std::string> names;
    for (const harmony::Tool& tool : conversation.tools) names.push_back(tool.name);
    return names;
}

}  // namespace

Service::Service(std::shared_ptr<engine::Engine> engine, ServedModel model, ServiceOptions options,
                 GenerationObserver* observer)
    : engine_(std::move(engine)),
      model_(std::move(model)),
      options_(std::move(options)),
      observer_(observer),
      constraints_(*model_.tokenizer),
      stop_tokens_(stop_tokens(*model_.tokenizer)) {}

Answer Service::chat(std::string_view body, const Caller& caller) {
    ChatRequest request = read_chat_request(parse_json(body), &memory_);
    check_model_name(request.model);
    check_biases(request.generation);
    const std::vector<TokenId> prompt = render(request.conversation);
    const std::int32_t max_tokens = clamp_max_tokens(request.generation, prompt, "messages");

    ReplyFacts facts = make_facts("chatcmpl-");
    facts.effective = effective_json(request.generation, max_tokens);
    facts.effective["reasoning_effort"] = to_string(request.conversation.effort);
    ChatFormatOptions format;
    format.reasoning = request.show_reasoning ? options_.reasoning : ReasoningFields::none;
    format.logprobs = request.generation.sampling.top_logprobs >= 0;
    format.include_usage = request.generation.include_usage;
    const std::string reply_id = facts.id;
    auto exchange = std::make_unique<GenerationExchange>(
        shared_from_this(), engine_, make_chat_format(*model_.tokenizer, std::move(facts), format),
        request.generation.stream);
    exchange->tell(model_.receipts, reply_id);
    for (std::int32_t choice = 0; choice < request.generation.choices; ++choice) {
        engine::GenerationRequest generation = make_request(request.generation, prompt, choice, caller);
        generation.max_tokens = max_tokens;
        generation.constraint = make_constraint(request);
        // Calls that may follow each other do not end the reply.
        if (request.parallel_tool_calls) std::erase(generation.stop_tokens, model_.tokenizer->special().call);
        exchange->add_choice(std::move(generation),
                             make_harmony_reader(*model_.tokenizer, tool_names(request.conversation),
                                                 {request.generation.stop, format.logprobs}, memory_),
                             choice == 0, caller, observer_);
    }
    return exchange;
}

Answer Service::completions(std::string_view body, const Caller& caller) {
    const CompletionRequest request = read_completion_request(parse_json(body), *model_.tokenizer);
    check_model_name(request.model);
    check_biases(request.generation);
    const GenerationOptions& generation = request.generation;

    ReplyFacts facts = make_facts("cmpl-");
    CompletionFormatOptions format;
    format.logprobs = generation.sampling.top_logprobs >= 0;
    format.include_usage = generation.include_usage;
    std::vector<std::int32_t> limits;
    for (const auto& prompt : request.prompts) {
        limits.push_back(clamp_max_tokens(generation, prompt, "prompt"));
        for (std::int32_t choice = 0; choice < generation.choices && request.echo; ++choice) {
            format.echo.push_back(model_.tokenizer->decode(prompt));
        }
    }
    facts.effective = effective_json(generation, *std::max_element(limits.begin(), limits.end()));
    const std::string reply_id = facts.id;
    auto exchange = std::make_unique<GenerationExchange>(
        shared_from_this(), engine_,
        make_completion_format(*model_.tokenizer, std::move(facts), std::move(format)), generation.stream);
    exchange->tell(model_.receipts, reply_id);
    for (std::size_t i = 0; i < request.prompts.size(); ++i) {
        for (std::int32_t choice = 0; choice < generation.choices; ++choice) {
            const bool counts_prompt = choice == 0;
            if (generation.max_tokens == 0) {
                exchange->add_empty_choice(static_cast<std::int32_t>(request.prompts[i].size()),
                                           counts_prompt);
                continue;
            }
            engine::GenerationRequest next = make_request(generation, request.prompts[i], choice, caller);
            next.max_tokens = limits[i];
            exchange->add_choice(
                std::move(next),
                make_raw_reader(*model_.tokenizer, {generation.stop, generation.sampling.top_logprobs >= 0}),
                counts_prompt, caller, observer_);
        }
    }
    return exchange;
}

Answer Service::inference(std::string_view body, const Caller& caller) {
    std::string request_id;
    try {
        const InferenceRequest request = read_inference_request(parse_json(body));
        request_id = request.request_id;
        return start_inference(request, caller);
    } catch (const Error& error) {
        return inference_error_reply(error, request_id);
    }
}

Answer Service::start_inference(const InferenceRequest& request, const Caller& caller) {
    check_model_name(request.model);
    check_biases(request.generation);
    std::vector<TokenId> prompt = render(request.conversation);
    const std::int32_t max_tokens = clamp_max_tokens(request.generation, prompt, "prompt");
    ReplyFacts facts = make_facts("inf-");
    facts.effective = effective_json(request.generation, max_tokens);
    const std::string reply_id = facts.id;
    auto exchange = std::make_unique<GenerationExchange>(shared_from_this(), engine_,
                                                         make_inference_format(std::move(facts), request),
                                                         request.generation.stream);
    exchange->tell(model_.receipts, reply_id);
    engine::GenerationRequest generation = make_request(request.generation, std::move(prompt), 0, caller);
    generation.max_tokens = max_tokens;
    exchange->add_choice(
        std::move(generation),
        make_harmony_reader(*model_.tokenizer, {}, {request.generation.stop, false}, memory_), true, caller,
        observer_);
    return exchange;
}

std::shared_ptr<TokenConstraint> Service::make_constraint(const ChatRequest& request) {
    if (!options_.constrained) return nullptr;
    harmony::ConstraintOptions rules;
    rules.tools = request.conversation.tools;
    switch (request.tool_choice.mode) {
        case ToolChoice::Mode::none:
            rules.tool_use = harmony::ToolUse::none;
            break;
        case ToolChoice::Mode::automatic:
            break;
        case ToolChoice::Mode::required:
            rules.tool_use = harmony::ToolUse::required;
            break;
        case ToolChoice::Mode::named:
            rules.tool_use = harmony::ToolUse::named;
            rules.named_function = request.tool_choice.name;
            break;
    }
    rules.parallel_calls = request.parallel_tool_calls;
    rules.max_reasoning_tokens = request.max_reasoning_tokens;
    if (request.output_format == OutputFormat::json_object)
        rules.final_format = harmony::FinalFormat::json_object;
    if (request.output_format == OutputFormat::json_schema) {
        rules.final_format = harmony::FinalFormat::json_schema;
        rules.final_schema = request.conversation.response_format->schema;
    }
    return constraints_.make(rules);
}

std::vector<TokenId> Service::render(harmony::Conversation conversation) const {
    if (options_.date == "today") {
        conversation.current_date = today();
    } else if (options_.date != "none") {
        conversation.current_date = options_.date;
    }
    return harmony::render(*model_.tokenizer, conversation);
}

void Service::check_model_name(const std::string& name) const {
    if (!options_.strict_model_name || name.empty() || name == model_.id) return;
    throw Error(ErrorCode::not_found, "The model \"" + name + "\" is not served here.",
                "This node serves \"" + model_.id + "\".", {{"param", "model"}, {"model", name}});
}

std::int32_t Service::clamp_max_tokens(const GenerationOptions& options, const std::vector<TokenId>& prompt,
                                       const std::string& prompt_field) const {
    const std::int32_t context_length = engine_->options().context_length;
    const auto prompt_tokens = static_cast<std::int64_t>(prompt.size());
    if (prompt_tokens >= context_length) {
        throw Error(ErrorCode::context_exceeded,
                    "The prompt has " + std::to_string(prompt_tokens) + " tokens, but the context holds " +
                        std::to_string(context_length) + " including the answer.",
                    "Shorten the prompt, or start the node with a larger MAX_CONTEXT_LENGTH.",
                    {{"param", prompt_field},
                     {"prompt_tokens", std::to_string(prompt_tokens)},
                     {"context_length", std::to_string(context_length)}});
    }
    const auto room = static_cast<std::int32_t>(context_length - prompt_tokens);
    return std::min(options.max_tokens.value_or(room), room);
}

void Service::check_biases(const GenerationOptions& options) const {
    for (const backend::TokenBias& bias : options.biases) {
        if (bias.token >= model_.tokenizer->vocabulary_size()) {
            refuse_field("logit_bias", "names token " + std::to_string(bias.token) +
                                           ", but the vocabulary has " +
                                           std::to_string(model_.tokenizer->vocabulary_size()) + ".");
        }
    }
}

engine::GenerationRequest Service::make_request(const GenerationOptions& options, std::vector<TokenId> prompt,
                                                std::int32_t choice, const Caller& caller) const {
    engine::GenerationRequest request;
    request.prompt = std::move(prompt);
    request.sampling = options.sampling;
    // Choices differ only by their noise; the first one is what n = 1 would have given.
    request.sampling.seed += static_cast<std::uint64_t>(choice);
    request.biases = options.biases;
    request.stop_tokens = stop_tokens_;
    request.client = caller.name;
    return request;
}

ReplyFacts Service::make_facts(std::string_view id_prefix) const {
    ReplyFacts facts;
    facts.id = random_id(id_prefix);
    facts.model = model_.id;
    facts.created_s = now_s();
    facts.context_length = engine_->options().context_length;
    return facts;
}

Json Service::model_json() const {
    Json json{
        {"id", model_.id}, {"object", "model"}, {"created", model_.created_s}, {"owned_by", "gpt-oss-node"}};
    json["context_length"] = engine_->options().context_length;
    json["max_model_len"] = engine_->options().context_length;  // the name that vLLM's clients read
    json.update(model_.card);
    return json;
}

Reply Service::models() const {
    Json list;
    list["object"] = "list";
    list["data"] = Json::array({model_json()});
    return json_reply(list);
}

Reply Service::model(std::string_view id) const {
    if (id != model_.id) {
        throw Error(ErrorCode::not_found, "The model \"" + std::string(id) + "\" is not served here.",
                    "This node serves \"" + model_.id + "\".", {{"model", std::string(id)}});
    }
    return json_reply(model_json());
}

Reply Service::receipt(std::string_view id) const {
    const auto found = model_.receipts ? model_.receipts->find(id) : std::nullopt;
    if (!found)
        throw Error(ErrorCode::not_found, "There is no receipt for \"" + std::string(id) + "\".",
                    model_.receipts ? "Replies that were cancelled have none, and old ones are dropped."
                                    : "This node signs none: GPTOSS_RECEIPTS is off.");
    return json_reply(*found);
}

Reply Service::tokenize(std::string_view body) const {
    const Json json = parse_json(body);
    const Fields request(json, "");
    // Three servers, three names for the text.
    std::optional<std::string> text;
    for (const std::string_view name : {"content", "prompt", "text"}) {
        if (!text) text = request.find_text(name);
    }
    if (!text) refuse_field("content", "is required and must be a string.");
    const bool special = request.find_boolean("parse_special").value_or(false);
    const std::vector<TokenId> tokens =
        special ? model_.tokenizer->encode_with_special(*text) : model_.tokenizer->encode(*text);
    return json_reply({{"tokens", tokens}, {"count", tokens.size()}});
}

Reply Service::detokenize(std::string_view body) const {
    const Json json = parse_json(body);
    const Fields request(json, "");
    const std::vector<TokenId> tokens = read_tokens(request.array("tokens"), "tokens", *model_.tokenizer);
    const std::string text = model_.tokenizer->decode(tokens);
    return json_reply({{"content", text}, {"prompt", text}});
}

Reply Service::apply_template(std::string_view body) {
    const std::vector<TokenId> tokens = render(conversation_from_chat_request(parse_json(body), &memory_));
    Json reply;
    reply["prompt"] = model_.tokenizer->decode(tokens);
    reply["count"] = tokens.size();
    return json_reply(reply);
}

}  // namespace gptoss::api
