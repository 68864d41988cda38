// What the parser makes of some tokens, as one line of text that a test can compare.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "harmony/parser.h"

namespace gptoss::test {

// "[reasoning]text[end][call NAME 0]arguments[/call][end]": pieces of one kind are joined.
class Transcript {
  public:
    void add(const harmony::Event& event) {
        using enum harmony::EventKind;
        switch (event.kind) {
            case reasoning:
                return text("[reasoning]", event);
            case preamble:
                return text("[preamble]", event);
            case content:
                return text("[content]", event);
            case call_arguments:
                return text("", event);
            case call_begin:
                return mark("[call " + std::string(event.name) + " " + std::to_string(event.call_index) +
                            "]");
            case call_end:
                return mark("[/call]");
            case message_end:
                return mark("[end]");
        }
    }

    std::string line;        // everything
    std::string everything;  // the texts alone
    int events = 0;

  private:
    void text(const std::string& heading, const harmony::Event& event) {
        if (heading != heading_) line += heading;
        heading_ = heading;
        line += event.text;
        everything += event.text;
        ++events;
    }
    void mark(const std::string& mark) {
        line += mark;
        heading_.clear();
        ++events;
    }
    std::string heading_;
};

inline Transcript transcribe(const Tokenizer& tokenizer, std::span<const TokenId> tokens,
                             const std::vector<std::string>& tools = {"get_weather", "search"},
                             bool finish = true) {
    harmony::StreamParser parser(tokenizer, {tools});
    Transcript transcript;
    const auto sink = [&](const harmony::Event& event) { transcript.add(event); };
    for (const TokenId token : tokens) parser.push(token, sink);
    if (finish) parser.finish(sink);
    return transcript;
}

}  // namespace gptoss::test
