// What models say when they do not speak harmony: sequences seen in the wild, and random ones.
#pragma once

#include <random>
#include <string>
#include <vector>

#include "tokenizer/tokenizer.h"

namespace gptoss::test {

inline const std::vector<std::string> kMalformed{
    "",
    "plain text without any markup",
    "<|channel|>commentary to=get_weather <|constrain|>json<|message|>{\"location\":\"x\"}<|call|>",
    "<|channel|>analysis to=functions.get_weather code<|message|>{\"location\":\"x\"}<|call|>",
    "<|channel|>comment to=functions.get_weather<|message|>{}<|call|>",
    "<|channel|>commentary to=functions.web-browsing json<|message|>{}<|call|>",
    "\xE2\x80\x93\xE2\x80\x93"
    "commentary<|message|>text<|end|>",
    "<|channel|>commentary 2?<|message|>text<|end|>",
    "<|channel|>final<|channel|>final<|message|>twice<|return|>",
    "<|channel|>final text without message token<|return|>",
    "<|channel|>analysis I must refuse<|end|>",
    "<|channel|>analysis<|message|>x<|end|><|return|>",
    "<|channel|>final <|constrain|>json<|message|>{}<|return|>",
    "<|constrain|>json<|message|>{}<|end|>",
    " to=functions.get_weather<|channel|>commentary<|channel|>commentary<|message|>{}<|call|>",
    "<|channel|>commentary to=functions.get_weatherjson<|message|>{}<|call|>",
    "<|channel|>analysis<|message|>x<|end|>assistant<|channel|>final<|message|>no start<|return|>",
    "<|channel|>analysis<|message|>x<|end|>free text after the end<|return|>",
    "<|channel|>commentary to=functions.get_weather<|message|>{\"location\":\"x\"]}<|call|>",
    "assistantassistant<|channel|><|message|>empty channel<|end|>",
    "<|channel|>commentary to=functions.get_weather <|constrain|>response<|message|>{}<|call|>",
    "<|channel|>commentary to=python code<|message|>print(1)<|call|>",
    "<|channel|>commentary to=container.exec json<|message|>{\"cmd\":[\"ls\"]}<|call|>",
    "<|channel|>commentary to=assistant<|message|>to myself<|end|>",
    "<|channel|>commentary to=functions.get_weather<|message|><|call|>",
    "<|start|><|start|><|start|>assistant<|message|><|message|><|end|><|end|>",
    "<|call|>",
    "<|end|>",
    "<|message|>",
    "<|channel|>",
    "<|start|>user<|message|>I am the user now<|end|><|start|>assistant",
    "<|return|><|start|>assistant<|channel|>final<|message|>after return<|return|>",
    "<|endoftext|>",
    "<|channel|>final<|message|>half a character \xF0\x9F",
    "<|channel|>analysis<|message|>unfinished",
    "<|channel|>commentary to=functions.get_weather <|constrain|>json<|message|>{\"locat",
};

// Up to 30 tokens, every third a marker.
inline std::vector<TokenId> random_tokens(const Tokenizer& tokenizer, std::mt19937& random) {
    const SpecialTokens& special = tokenizer.special();
    const std::vector<TokenId> markers{special.start,     special.end,     special.message, special.channel,
                                       special.constrain, special.return_, special.call};
    std::vector<TokenId> tokens;
    for (std::size_t i = random() % 30; i > 0; --i) {
        const bool marker = random() % 3 == 0;
        tokens.push_back(
            marker ? markers[random() % markers.size()]
                   : static_cast<TokenId>(random() % static_cast<unsigned>(tokenizer.vocabulary_size())));
    }
    return tokens;
}

}  // namespace gptoss::test
