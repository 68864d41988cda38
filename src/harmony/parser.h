// Tokens -> channel events, while they are sampled. Starts right after the generation prefix
// <|start|>assistant. It has no failing state: whatever comes is turned into the most sensible event, and
// nothing said is lost.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/types.h"
#include "harmony/message.h"
#include "tokenizer/tokenizer.h"

namespace gptoss::harmony {

enum class EventKind {
    reasoning,       // text of the analysis channel
    preamble,        // text of commentary without recipient: meant for the user, before a call
    content,         // text of the final channel (and text without any markup)
    call_begin,      // a tool call starts: `name` (without "functions.") is known
    call_arguments,  // a piece of its arguments
    call_end,        // the call is complete; missing when generation stopped inside it
    message_end,     // the message in progress (a call too) is complete; likewise
};

struct Event {
    EventKind kind{};
    std::string_view
        text;  // whole UTF-8 characters; invalid bytes are U+FFFD. Valid during the callback only
    std::string_view name;         // call_begin only
    std::int32_t call_index = -1;  // 0, 1, … for the three call events
};

struct ParserOptions {
    std::vector<std::string> tool_names;  // the offered functions; a call to another is delivered as content
};

class StreamParser {
  public:
    using Sink = std::function<void(const Event&)>;

    StreamParser(const Tokenizer& tokenizer, ParserOptions options);
    ~StreamParser();
    StreamParser(StreamParser&&) noexcept;
    StreamParser& operator=(StreamParser&&) noexcept;

    void push(TokenId token, const Sink& sink);
    void finish(const Sink& sink);  // end of generation for whatever reason: flushes what is held back

    // Tokens seen by channel, for usage: reasoning counts analysis including its header.
    std::int32_t reasoning_tokens() const;

    // Every call's tokens as sampled, by call index, so that the next turn can render them unchanged: from
    // <|start|>assistant (the generation prefix, for the first message) to <|call|>. Empty for a call that is
    // incomplete or whose header had to be guessed: it is better rendered anew.
    std::vector<std::vector<TokenId>> sampled_calls() const;

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace gptoss::harmony
