#include "node/sampling_text.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <sstream>
#include <type_traits>
#include <variant>

#include "base/error.h"
#include "base/number_text.h"

namespace gptoss::node {
namespace {

using backend::SamplingParameters;

// In the order of the text: signatures stand over it.
struct Field {
    const char* name;
    std::variant<float SamplingParameters::*, std::int32_t SamplingParameters::*> place;
};
constexpr Field kFields[]{{"temperature", &SamplingParameters::temperature},
                          {"top_p", &SamplingParameters::top_p},
                          {"top_k", &SamplingParameters::top_k},
                          {"min_p", &SamplingParameters::min_p},
                          {"repetition_penalty", &SamplingParameters::repetition_penalty},
                          {"frequency_penalty", &SamplingParameters::frequency_penalty},
                          {"presence_penalty", &SamplingParameters::presence_penalty}};

template <typename Number>
std::string digits(Number value) {
    char text[32];
    const auto result = std::to_chars(text, text + sizeof text, value);
    return std::string(text, result.ptr);
}

float number(const std::string& text, const std::string& field) {
    const auto value = number_of<float>(text);
    if (!value) throw Error(ErrorCode::file_corrupt, "the receipt's " + field + " is not a number", "");
    return *value;
}

// Before and after the first `mark`; without one the second is empty.
std::pair<std::string, std::string> cut(const std::string& text, char mark) {
    const std::size_t at = std::min(text.find(mark), text.size() - 1);
    return {text.substr(0, at), text.substr(at + 1)};
}

}  // namespace

std::string sampling_text(const SignedSampling& settings) {
    std::string text;
    for (const Field& field : kFields) {
        const auto value = [&](auto place) { return digits(settings.sampling.*place); };
        text += std::string(field.name) + "=" + std::visit(value, field.place) + " ";
    }
    text += std::string("constrained=") + (settings.constrained ? "1" : "0");
    for (std::size_t i = 0; i < settings.biases.size(); ++i)
        text += (i == 0 ? " logit_bias=" : ",") + std::to_string(settings.biases[i].token) + ":" +
                digits(settings.biases[i].bias);
    return text;
}

SignedSampling read_sampling_text(const std::string& text) {
    SignedSampling settings;
    std::istringstream words(text);
    for (std::string word; words >> word;) {
        const auto [name, value] = cut(word, '=');
        if (name == "logit_bias") {
            std::istringstream list(value);
            for (std::string pair; std::getline(list, pair, ',');) {
                const auto [token, bias] = cut(pair, ':');
                settings.biases.push_back({static_cast<TokenId>(number(token, name)), number(bias, name)});
            }
            continue;
        }
        const float amount = number(value, name);
        if (name == "constrained") {
            settings.constrained = amount != 0;
            continue;
        }
        const auto* field = std::ranges::find(kFields, name, &Field::name);
        if (field == std::end(kFields))
            throw Error(ErrorCode::file_unsupported, "the receipt's sampling has an unknown \"" + name + "\"",
                        "Replay it with the node version that signed it.");
        const auto set = [&](auto place) {
            auto& at = settings.sampling.*place;
            at = static_cast<std::remove_reference_t<decltype(at)>>(amount);
        };
        std::visit(set, field->place);
    }
    return settings;
}

}  // namespace gptoss::node
