// The one way from an intent to the engine.
#include <algorithm>
#include <utility>

#include "api/generation_stream.h"
#include "api/request_form.h"
#include "api/service.h"
#include "base/utc_time.h"

namespace gptoss::api {

namespace {

constexpr std::string_view kIgnoredHeader = "X-Ignored-Fields";
constexpr std::string_view kUnenforcedHeader = "X-Schema-Not-Enforced";
constexpr std::string_view kLeftOutHeader = "X-Tools-Left-Out";
constexpr std::size_t kLongestHeader_bytes = 1000;

// Names in a client's fields and schemas may hold any characters; a header field may not.
std::string header_list(const std::vector<std::string>& entries) {
    constexpr std::string_view kDigits = "0123456789ABCDEF";
    std::string text;
    for (const std::string& entry : entries) {
        if (!text.empty()) text += ", ";
        for (const char c : entry) {
            const auto byte = static_cast<unsigned char>(c);
            const bool is_plain = byte >= 0x20 && byte < 0x7F && c != '%' && c != ',';
            text += is_plain ? std::string(1, c) : std::string{'%', kDigits[byte >> 4], kDigits[byte & 15]};
        }
        if (text.size() > kLongestHeader_bytes) return text.substr(0, kLongestHeader_bytes) + "...";
    }
    return text;
}

}  // namespace

std::unique_ptr<ResponseStream> Service::start(const GenerationIntent& intent, std::string id,
                                               const MakeFormat& make_format, const Caller& caller) {
    const GenerationOptions& options = intent.generation;
    check_model_name(intent.model);
    check_biases(options);
    std::vector<std::vector<TokenId>> prompts = intent.raw_prompts;
    if (!intent.is_raw()) prompts.push_back(render(intent.conversation));
    std::vector<std::int32_t> limits;
    std::vector<std::string> unenforced;
    const ReplyForm form = form_of(intent, options_.constrained);
    const std::shared_ptr<TokenConstraint> constraint =
        form.constrained ? constraints_.make(form.rules, &unenforced) : nullptr;
    for (const auto& prompt : prompts)
        limits.push_back(clamp_max_tokens(options, prompt, std::string(intent.prompt_field)));

    ResponseMetadata facts = make_metadata(std::move(id));
    for (const auto& prompt : prompts) facts.prompt_tokens += static_cast<std::int64_t>(prompt.size());
    facts.effective = effective_json(options, *std::ranges::max_element(limits));
    const std::string reply_id = facts.id;
    auto response_stream = std::make_unique<GenerationStream>(shared_from_this(), engine_,
                                                              make_format(std::move(facts)), options.stream);
    if (model_.receipts)
        response_stream->report_to(
            model_.receipts, reply_id,
            std::make_shared<const SignedForm>(SignedForm{form_text(form), tools_text(form)}));
    if (!intent.ignored_fields.empty())
        response_stream->add_header(kIgnoredHeader, header_list(intent.ignored_fields));
    if (!unenforced.empty()) response_stream->add_header(kUnenforcedHeader, header_list(unenforced));
    if (!intent.left_out_tools.empty())
        response_stream->add_header(kLeftOutHeader, header_list(intent.left_out_tools));
    for (std::size_t i = 0; i < prompts.size(); ++i) {
        for (std::int32_t choice = 0; choice < options.choices; ++choice) {
            const bool counts_prompt = choice == 0;
            if (options.max_tokens == 0) {
                response_stream->add_empty_choice(static_cast<std::int32_t>(prompts[i].size()),
                                                  counts_prompt);
                continue;
            }
            engine::GenerationRequest request = make_request(options, prompts[i], choice, caller);
            request.max_tokens = limits[i];
            if (constraint) request.constraint = constraint->fork();
            // Calls that may follow each other do not end the reply.
            if (intent.parallel_tool_calls) std::erase(request.stop_tokens, model_.tokenizer->special().call);
            response_stream->add_choice(std::move(request), make_reader(intent), counts_prompt, caller,
                                        observer_);
        }
    }
    return response_stream;
}

std::unique_ptr<TokenReader> Service::make_reader(const GenerationIntent& intent) {
    const ReadOptions options{intent.generation.stop, intent.generation.sampling.top_logprobs >= 0};
    if (intent.is_raw()) return make_raw_reader(*model_.tokenizer, options);
    return make_harmony_reader(*model_.tokenizer, callable_tools(intent), options, memory_);
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
                    // It is read no further than that.
                    "The prompt has " + std::string(prompt_tokens > context_length ? "at least " : "") +
                        std::to_string(prompt_tokens) + " tokens, but the context holds " +
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

ResponseMetadata Service::make_metadata(std::string id) const {
    ResponseMetadata facts;
    facts.id = std::move(id);
    facts.model = model_.id;
    facts.created_s = now_s();
    facts.context_length = engine_->options().context_length;
    return facts;
}

}  // namespace gptoss::api
