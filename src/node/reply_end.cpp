#include "node/reply_end.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "api/token_reader.h"

namespace gptoss::node {

std::string end_fault(const provenance::chain::ReplyReceipt& receipt, const api::ReplyForm& form,
                      const Tokenizer& tokenizer, std::span<const TokenId> output, bool complete) {
    std::vector<TokenId> ends = api::stop_tokens(tokenizer);
    if (form.harmony && form.rules.parallel_calls) std::erase(ends, tokenizer.special().call);
    api::CallMemory memory;
    const std::unique_ptr<api::TokenReader> reader =
        form.harmony ? api::make_harmony_reader(tokenizer, form.rules.tools, {form.stop, false}, memory)
                     : api::make_raw_reader(tokenizer, {form.stop, false});
    const auto is_end = [&](TokenId token) { return std::ranges::find(ends, token) != ends.end(); };
    std::vector<api::ItemEvent> events;
    for (std::size_t i = 0; i < output.size(); ++i) {
        backend::SampledToken token;
        token.token = output[i];
        reader->push(token, events);
        if (i + 1 < output.size() && (is_end(output[i]) || reader->stopped()))
            return "the reply goes on behind token " + std::to_string(i) + ", which ended it";
    }
    reader->finish(events);
    const bool ended = !output.empty() && is_end(output.back());
    const bool by_string = reader->stopped();
    const bool by_length = !ended && !complete && output.size() == receipt.max_tokens;
    const std::string finish = by_string           ? "stop_string"
                               : ended || complete ? (reader->called_tool() ? "tool_calls" : "stop")
                               : by_length         ? "length"
                                                   : "nothing";
    if (finish != receipt.finish)
        return "the receipt says that the reply ended by " + receipt.finish + ", but its tokens end by " +
               finish;
    if (output.size() > receipt.max_tokens) return "the reply has more tokens than it might have";
    if (static_cast<std::uint32_t>(reader->reasoning_tokens()) != receipt.reasoning_tokens)
        return "the reply has " + std::to_string(reader->reasoning_tokens()) + " tokens of reasoning, not " +
               std::to_string(receipt.reasoning_tokens);
    return {};
}

}  // namespace gptoss::node
