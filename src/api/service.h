// The endpoints, without sockets: a request's body in, an answer out. All of them throw gptoss::Error, which
// the server turns into OpenAI's error shape; /v1/inference answers in its own shape itself.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "api/call_memory.h"
#include "api/chat_format.h"
#include "api/chat_request.h"
#include "api/completion_request.h"
#include "api/inference_request.h"
#include "api/messages_request.h"
#include "api/receipts.h"
#include "api/reply_form.h"
#include "api/reply_format.h"
#include "api/response_stream.h"
#include "api/responses_output.h"
#include "api/responses_request.h"
#include "api/stored_responses.h"
#include "api/token_queue.h"
#include "api/token_reader.h"
#include "api/turn_memory.h"
#include "engine/engine.h"
#include "harmony/constraint.h"
#include "provenance/background_check.h"
#include "tokenizer/tokenizer.h"

namespace gptoss::api {

struct ServedModel {
    std::string id;
    std::int64_t created_s = 0;
    std::shared_ptr<const Tokenizer> tokenizer;
    Json card = Json::object();          // further fields of GET /v1/models
    std::shared_ptr<Receipts> receipts;  // null: replies are not signed
    // Hashes the weights again while they are served; null where there is nothing to check.
    std::shared_ptr<const provenance::BackgroundCheck> weight_check;
};

struct ServiceOptions {
    bool strict_model_name = false;  // refuse a `model` that is not the one served
    ReasoningFields reasoning = ReasoningFields::both;
    std::string date = "today";  // of the system message: "today" (UTC), "none" or a fixed YYYY-MM-DD
    // Valid harmony, offered tools only, JSON where JSON was asked for. Without it the tolerant parser stands
    // alone.
    bool constrained = true;
    ResponsesReasoning responses_reasoning = ResponsesReasoning::both;
    UnseenContent unseen = UnseenContent::placeholder;
    std::shared_ptr<const SealedText> seal = {};   // null: reasoning leaves the node in no sealed form
    std::shared_ptr<StoredResponses> stored = {};  // null: no response is stored
};

class Service : public std::enable_shared_from_this<Service> {
  public:
    // `observer` may be null and must outlive the service otherwise.
    Service(std::shared_ptr<engine::Engine> engine, ServedModel model, ServiceOptions options,
            GenerationObserver* observer);

    HandlerResult chat(std::string_view body, const Caller& caller);         // POST /v1/chat/completions
    HandlerResult completions(std::string_view body, const Caller& caller);  // POST /v1/completions
    HandlerResult inference(std::string_view body, const Caller& caller);    // POST /v1/inference
    // The same for a request that was read already. Throws.
    std::unique_ptr<ResponseStream> inference(const InferenceRequest& request, const Caller& caller);
    HandlerResult responses(std::string_view body, const Caller& caller);  // POST /v1/responses
    // An event of a connection that remembers its turns, response.create: a request that always streams.
    HandlerResult socket_response(std::string_view event, const Caller& caller, TurnMemory& turns);
    // The events of a background response behind number `after`, and those that come. The caller has checked
    // that the response is there.
    HandlerResult follow_response(const Caller& caller, const std::string& id, std::int64_t after);
    HandlerResult compact_response(std::string_view body, const Caller& caller);      // …/compact
    HttpResponse count_response_tokens(std::string_view body, const Caller& caller);  // …/input_tokens
    // Errors of these two come in Anthropic's shape.
    HandlerResult messages(std::string_view body, const Caller& caller);  // POST /v1/messages
    HttpResponse count_message_tokens(std::string_view body);             // POST /v1/messages/count_tokens

    HttpResponse models() const;                           // GET /v1/models
    HttpResponse model(std::string_view id) const;         // GET /v1/models/{id}
    HttpResponse receipt(std::string_view id) const;       // GET /v1/receipts/{id}
    HttpResponse tokenize(std::string_view body) const;    // POST /tokenize
    HttpResponse detokenize(std::string_view body) const;  // POST /detokenize
    HttpResponse apply_template(std::string_view body);    // POST /apply-template

    // A conversation's tokens with the date of the settings: what `chat` in the terminal uses too.
    // Its reading stops at the context's end.
    std::vector<TokenId> render(harmony::Conversation conversation) const;

    // The same engine and model, answering by other options.
    std::shared_ptr<Service> with_options(ServiceOptions options) const {
        options.seal = options_.seal;  // what is stored and sealed goes on
        options.stored = options_.stored;
        return std::make_shared<Service>(engine_, model_, std::move(options), observer_);
    }

    const ServedModel& served_model() const { return model_; }
    const ServiceOptions& options() const { return options_; }
    engine::Engine& engine() { return *engine_; }

  private:
    MessagesInputOptions messages_input();
    ResponsesOutputOptions output_options(const ResponsesRequest& request) const;
    Json earlier_items(const ResponsesRequest& request, const std::string& owner,
                       const TurnMemory* turns) const;
    std::vector<TokenId> render(harmony::Conversation conversation, std::size_t most_tokens) const;
    // All of them, beyond the context too. Throws Error(context_exceeded) for more than limits::kPromptTokens.
    std::size_t count_tokens(const harmony::Conversation& conversation) const;
    // `turns`: of the connection; null for none.
    HandlerResult create_response(ResponsesRequest request, const Caller& caller, TurnMemory* turns);
    Json read_history(ResponsesRequest& request, const std::string& owner, const TurnMemory* turns);

    // The reply's format, given what every reply carries.
    using MakeFormat = std::function<std::unique_ptr<ReplyFormat>(ResponseMetadata facts)>;

    // Renders, checks and submits; every endpoint's way into the engine, under the reply's `id`. Throws Error(request_invalid), Error(not_found) for a model that is not served,
    // Error(context_exceeded) and what Engine::submit throws.
    std::unique_ptr<ResponseStream> start(const GenerationIntent& intent, std::string id,
                                          const MakeFormat& make_format, const Caller& caller);
    std::unique_ptr<TokenReader> make_reader(const GenerationIntent& intent);
    void check_model_name(const std::string& name) const;
    std::int32_t clamp_max_tokens(const GenerationOptions& options, const std::vector<TokenId>& prompt,
                                  const std::string& prompt_field) const;
    void check_biases(const GenerationOptions& options) const;
    engine::GenerationRequest make_request(const GenerationOptions& options, std::vector<TokenId> prompt,
                                           std::int32_t choice, const Caller& caller) const;
    ResponseMetadata make_metadata(std::string id) const;
    Json model_json() const;

    std::shared_ptr<engine::Engine> engine_;
    ServedModel model_;
    ServiceOptions options_;
    GenerationObserver* observer_;
    CallMemory memory_;
    harmony::ConstraintFactory constraints_;
    std::vector<TokenId> stop_tokens_;
};

}  // namespace gptoss::api
