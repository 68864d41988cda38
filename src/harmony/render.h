// Messages -> tokens, byte for byte as the harmony library renders them (openai/harmony src/encoding.rs).
#pragma once

#include <string>
#include <vector>

#include "base/types.h"
#include "harmony/message.h"
#include "tokenizer/tokenizer.h"

namespace gptoss::harmony {

struct RenderOptions {
    bool generation_prefix = true;  // end with <|start|>assistant
    bool drop_analysis = true;      // per turn: once a turn has a final, its and earlier analysis is left out
    // Rendering stops once there are more tokens than these; what is given then is longer, but not whole.
    std::size_t most_tokens = Tokenizer::kNoMost;
};

// The tokens to prefill. Message content is encoded as ordinary text: it cannot smuggle in special tokens.
std::vector<TokenId> render(const Tokenizer& tokenizer, const Conversation& conversation,
                            const RenderOptions& options = {});

// The same as text, with special tokens spelled out: what `gpt-oss-node render` prints.
std::string render_text(const Conversation& conversation, const RenderOptions& options = {});

// The functions namespace as TypeScript, as it stands in the developer message.
std::string render_tools(const std::vector<Tool>& tools);

}  // namespace gptoss::harmony
