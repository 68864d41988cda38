#include "api/completion_request.h"

#include "base/limits.h"

namespace gptoss::api {

namespace {

constexpr std::size_t kMostPrompts = 128;
constexpr std::int32_t kUsualMaxTokens = 16;  // OpenAI's default for this endpoint

void read_prompts(const Json& prompt, const Tokenizer& tokenizer, std::size_t context_length,
                  std::vector<std::vector<TokenId>>& prompts) {
    std::size_t total = 0;
    const auto add_text = [&](const Json& text) {
        prompts.push_back(tokenizer.encode_with_special(text.get_ref<const std::string&>(), context_length));
        total += prompts.back().size();
        if (total > limits::kPromptTokens)
            refuse_field("prompt", "may have at most " + std::to_string(limits::kPromptTokens) +
                                       " tokens in all its texts.");
    };
    if (prompt.is_string()) return add_text(prompt);
    if (!prompt.is_array() || prompt.empty()) {
        refuse_field("prompt", "must be a string, an array of strings, or an array of token ids.");
    }
    if (prompt.front().is_number()) {
        prompts.push_back(read_tokens(prompt, "prompt", tokenizer));
        return;
    }
    if (prompt.size() > kMostPrompts) {
        refuse_field("prompt", "may hold at most " + std::to_string(kMostPrompts) + " prompts.");
    }
    for (std::size_t i = 0; i < prompt.size(); ++i) {
        const Json& entry = prompt[i];
        const std::string path = "prompt[" + std::to_string(i) + "]";
        if (entry.is_string()) {
            add_text(entry);
        } else if (entry.is_array()) {
            prompts.push_back(read_tokens(entry, path, tokenizer));
        } else {
            refuse_field(path, "must be a string or an array of token ids, not " +
                                   std::string(type_name(entry)) + ".");
        }
    }
}

}  // namespace

std::vector<TokenId> read_tokens(const Json& array, const std::string& path, const Tokenizer& tokenizer) {
    if (!array.is_array())
        refuse_field(path, "must be an array of token ids, not " + std::string(type_name(array)) + ".");
    std::vector<TokenId> tokens;
    tokens.reserve(array.size());
    for (const Json& value : array) {
        const std::int64_t token = value.is_number_integer() ? value.get<std::int64_t>() : -1;
        if (token < 0 || token >= tokenizer.vocabulary_size()) {
            refuse_field(path, "holds " + to_text(value) + ", which is not a token id below " +
                                   std::to_string(tokenizer.vocabulary_size()) + ".");
        }
        tokens.push_back(static_cast<TokenId>(token));
    }
    return tokens;
}

CompletionRequest read_completion_request(const Json& json, const Tokenizer& tokenizer,
                                          std::size_t context_length) {
    const Fields request(json, "");
    CompletionRequest result;
    result.model = request.find_text("model").value_or("");
    const Json* prompt = request.find("prompt");
    if (prompt == nullptr) refuse_field("prompt", "is required.");
    result.prompt_field = "prompt";
    read_prompts(*prompt, tokenizer, context_length, result.raw_prompts);
    for (const auto& tokens : result.raw_prompts) {
        if (tokens.empty()) refuse_field("prompt", "must not be empty.");
    }
    result.generation = read_generation_options(request);
    GenerationOptions& generation = result.generation;
    if (!generation.max_tokens) generation.max_tokens = kUsualMaxTokens;
    if (const auto logprobs = request.find_integer("logprobs", 0, kMostTopLogprobs)) {
        generation.sampling.top_logprobs = static_cast<std::int32_t>(*logprobs);
    }
    result.echo = request.find_boolean("echo").value_or(false);
    if (result.echo && generation.sampling.top_logprobs >= 0) {
        refuse_field("logprobs",
                     "cannot be given together with echo: a prompt's log-probabilities are not kept.");
    }
    if (generation.max_tokens == 0 && !result.echo)
        refuse_field("max_tokens", "must be at least 1 without echo.");
    const auto best_of = request.find_integer("best_of", 1, kMostChoices);
    if (best_of && *best_of != generation.choices)
        refuse_field("best_of", "must equal n: choices are not ranked.");
    if (!request.find_text("suffix").value_or("").empty()) {
        refuse_field("suffix", "is not available: gpt-oss was not trained to fill in the middle.");
    }
    result.ignored_fields = ignored_fields(request);
    return result;
}

}  // namespace gptoss::api
