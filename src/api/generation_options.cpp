#include "api/generation_options.h"

#include <limits>
#include <random>

#include "base/limits.h"
#include "base/number_text.h"

namespace gptoss::api {

namespace {

constexpr std::int64_t kAnyInteger = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t kLargestInteger = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kMostTokens = std::numeric_limits<std::int32_t>::max();

std::vector<backend::TokenBias> read_biases(const Fields& request) {
    const auto biases = request.find_object("logit_bias");
    if (!biases) return {};
    if (biases->json().size() > limits::kLogitBiases) {
        refuse_field("logit_bias", "may hold at most " + std::to_string(limits::kLogitBiases) + " tokens.");
    }
    std::vector<backend::TokenBias> out;
    for (auto entry = biases->json().begin(); entry != biases->json().end(); ++entry) {
        const std::string& key = entry.key();
        const auto token = number_of<TokenId>(key);
        if (!token || *token < 0) {
            refuse_field("logit_bias", "has the key \"" + key + "\", which is not a token id.");
        }
        if (entry->is_null()) continue;
        const double bias = entry->is_number() ? entry->get<double>() : 1000;
        if (!(bias >= -100 && bias <= 100))
            refuse_field(biases->path(key), "must be a number between -100 and 100.");
        out.push_back({*token, static_cast<float>(bias)});
    }
    return out;
}

// 53 bits: the seed stands in the reply, and JavaScript reads no longer integers exactly.
std::uint64_t random_seed() {
    std::random_device device;
    return ((std::uint64_t{device()} << 32) | device()) >> 11;
}

// Whether the node does what the field asks for, though nothing reads it.
bool is_done_anyway(const std::string& name, const Json& request) {
    if (name == "store") return request[name] == false;
    if (name == "modalities") return request[name] == Json::array({"text"});
    if (name == "service_tier") return request[name] == "auto" || request[name] == "default";
    if (name == "verbosity") return request[name] == "medium";
    return false;
}

}  // namespace

std::vector<std::string> ignored_fields(const Fields& request) {
    std::vector<std::string> names = request.unread();
    std::erase_if(names, [&](const std::string& name) { return is_done_anyway(name, request.json()); });
    return names;
}

std::vector<std::string> read_stop_strings(const Fields& request, std::string_view field) {
    const std::string name(field);
    const Json* stop = request.find(field);
    if (stop == nullptr) return {};
    std::vector<std::string> strings;
    if (stop->is_string()) {
        strings.push_back(stop->get<std::string>());
    } else if (stop->is_array()) {
        for (const Json& entry : *stop) {
            if (!entry.is_string()) {
                refuse_field(name, "must be a string or an array of strings, but holds " +
                                       std::string(type_name(entry)) + ".");
            }
            strings.push_back(entry.get<std::string>());
        }
    } else {
        refuse_field(name,
                     "must be a string or an array of strings, not " + std::string(type_name(*stop)) + ".");
    }
    if (strings.size() > limits::kStopStrings) {
        refuse_field(name, "may hold at most " + std::to_string(limits::kStopStrings) + " strings.");
    }
    for (const std::string& text : strings) {
        if (text.size() > limits::kStopStringBytes) {
            refuse_field(
                name, "may hold strings of at most " + std::to_string(limits::kStopStringBytes) + " bytes.");
        }
    }
    std::erase(strings, std::string());  // an empty string would stop everything before it starts
    return strings;
}

GenerationOptions read_generation_options(const Fields& request) {
    GenerationOptions options;
    backend::SamplingParameters& sampling = options.sampling;
    const auto read = [&](std::string_view name, double minimum, double maximum, float& target) {
        if (const auto value = request.find_number(name, minimum, maximum))
            target = static_cast<float>(*value);
    };
    read("temperature", 0, 2, sampling.temperature);
    read("top_p", 0, 1, sampling.top_p);
    read("min_p", 0, 1, sampling.min_p);
    read("frequency_penalty", -2, 2, sampling.frequency_penalty);
    read("presence_penalty", -2, 2, sampling.presence_penalty);
    read("repeat_penalty", 0.01, 10, sampling.repetition_penalty);      // llama-server's name
    read("repetition_penalty", 0.01, 10, sampling.repetition_penalty);  // vLLM's name
    // Some clients say "off" as -1.
    if (const auto top_k = request.find_integer("top_k", -1, kMostTokens)) {
        sampling.top_k = static_cast<std::int32_t>(*top_k < 0 ? 0 : *top_k);
    }
    const auto seed = request.find_integer("seed", kAnyInteger, kLargestInteger);
    sampling.seed = seed ? static_cast<std::uint64_t>(*seed) : random_seed();
    options.biases = read_biases(request);
    options.stop = read_stop_strings(request, "stop");
    options.choices = static_cast<std::int32_t>(request.find_integer("n", 1, kMostChoices).value_or(1));
    options.stream = request.find_boolean("stream").value_or(false);
    if (const auto stream_options = request.find_object("stream_options")) {
        options.include_usage = stream_options->find_boolean("include_usage").value_or(false);
    }
    // The newer name wins when both are given.
    auto max_tokens = request.find_integer("max_completion_tokens", 1, kMostTokens);
    const auto older = request.find_integer("max_tokens", 0, kMostTokens);
    if (!max_tokens) max_tokens = older;
    if (max_tokens) options.max_tokens = static_cast<std::int32_t>(*max_tokens);
    return options;
}

}  // namespace gptoss::api
