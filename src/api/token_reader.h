// Sampled tokens -> item events. Two readings: harmony (chat) and raw text (completions).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "api/call_memory.h"
#include "api/item_event.h"
#include "tokenizer/tokenizer.h"

namespace gptoss::api {

class TokenReader {
  public:
    virtual ~TokenReader() = default;

    virtual void push(const backend::SampledToken& token, std::vector<ItemEvent>& out) = 0;
    virtual void finish(std::vector<ItemEvent>& out) = 0;  // generation is over: what was held back comes out
    virtual const std::string& stop_string() const = 0;    // the one that came; empty = none
    bool stopped() const { return !stop_string().empty(); }  // nothing more will be shown

    std::int32_t tokens() const { return tokens_; }  // read so far
    std::int32_t reasoning_tokens() const { return reasoning_tokens_; }
    bool called_tool() const { return called_tool_; }

  protected:
    std::int32_t tokens_ = 0;
    std::int32_t reasoning_tokens_ = 0;
    bool called_tool_ = false;
};

// The tokens that end a reply whatever the endpoint: <|return|>, <|call|> and <|endoftext|>, as far as the
// vocabulary has them. <|end|> is not among them: after it the model goes on with its next message.
std::vector<TokenId> stop_tokens(const Tokenizer& tokenizer);

struct ReadOptions {
    std::vector<std::string> stop;
    bool with_logprobs = false;
};

// `tokenizer` and `memory` must outlive the reader. Calls to functions outside `tools` are delivered as content.
std::unique_ptr<TokenReader> make_harmony_reader(const Tokenizer& tokenizer,
                                                 const std::vector<harmony::Tool>& tools, ReadOptions options,
                                                 CallMemory& memory);

// Special tokens come out as they are spelled, except for those that end a reply.
std::unique_ptr<TokenReader> make_raw_reader(const Tokenizer& tokenizer, ReadOptions options);

}  // namespace gptoss::api
