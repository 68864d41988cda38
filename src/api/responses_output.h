// What was generated -> the items and objects of the Responses API; streamed and whole replies use the same.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "api/item_event.h"
#include "api/json_reader.h"
#include "api/response_metadata.h"
#include "api/responses_tools.h"
#include "api/sealed_text.h"
#include "tokenizer/tokenizer.h"

namespace gptoss::api {

// Where the reasoning is sent. OpenAI's own test reads `content`; Codex and the AI SDK show `summary` only.
enum class ResponsesReasoning {
    both,  // in content, and once more as a summary
    content,
    summary,
    none,
};

struct ResponsesOutputOptions {
    ResponsesTools tools;
    bool reasoning_content = true;
    bool reasoning_summary = false;
    bool logprobs = false;
    bool warm_up = false;                    // nothing is said, and that is all
    std::shared_ptr<const SealedText> seal;  // null: no encrypted_content
    // Told the response once it is over.
    std::function<void(const Json& response)> ended = [](const Json&) {};
};

class ResponsesOutput {
  public:
    // `tokenizer` must outlive it.
    ResponsesOutput(const Tokenizer& tokenizer, ResponsesOutputOptions options)
        : tokenizer_(tokenizer), options_(std::move(options)) {}

    const ResponsesOutputOptions& options() const { return options_; }
    bool shows(const Item& item) const;  // reasoning may be hidden altogether
    bool is_custom(const Item& call) const { return options_.tools.client_tool(call.name).is_custom; }

    std::string new_id(const Item& item) const;  // "msg_…"
    // The item when it begins: in progress, nothing in it.
    Json begun(const Item& item, const std::string& id) const;
    // The item when it is over.
    Json ended(const Item& item, const std::string& id) const;
    // A message's or reasoning's part.
    Json part(const Item& item) const;
    Json logprobs(const std::vector<backend::SampledToken>& tokens) const;

  private:
    Json call_json(const Item& call, const std::string& id, std::string_view status) const;

    const Tokenizer& tokenizer_;
    ResponsesOutputOptions options_;
};

// How a response stands. The fields of the request are `echoed`.
struct ResponseState {
    std::string_view status;  // "in_progress", "completed", …
    Json output = Json::array();
    Json usage;    // null until it is known
    Json error;    // {"code", "message"} of a failed one
    Json details;  // {"reason"} of an incomplete one
};
Json response_json(const ResponseMetadata& facts, const Json& echoed, ResponseState state);

// "response.completed": the event that ends a response with this status.
std::string_view ending_event(std::string_view status);

// The state in which a generation ended; `output` is left empty.
ResponseState ended_state(const FinishInfo& outcome, const UsageTotals& totals);
ResponseState failed_state(const Error& error);

Json responses_usage(const UsageTotals& totals);

}  // namespace gptoss::api
