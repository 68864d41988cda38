// POST /v1/responses and what is computed for it: the count of its tokens, a compacted history.
#include <algorithm>
#include <functional>
#include <utility>
#include <vector>

#include "api/compaction_format.h"
#include "api/error_reply.h"
#include "api/random_id.h"
#include "api/responses_format.h"
#include "api/responses_request.h"
#include "api/service.h"
#include "api/socket_message.h"

namespace gptoss::api {

namespace {

[[noreturn]] void refuse_previous(const std::string& id, const std::string& why) {
    throw Error(ErrorCode::request_invalid, "Previous response with id \"" + id + "\" " + why,
                "Send the whole history as input instead.",
                {{"param", "previous_response_id"}, {"code", "previous_response_not_found"}});
}

// Where a conversation may begin: at its first message, or at a later turn's, which is the user's.
std::vector<std::size_t> turn_beginnings(const std::vector<harmony::Message>& messages) {
    std::vector<std::size_t> beginnings;
    for (std::size_t i = 0; i < messages.size(); ++i)
        if (messages[i].role == harmony::Role::user) beginnings.push_back(i);
    if (beginnings.empty()) return {0};
    beginnings.front() = 0;
    return beginnings;
}

// For truncation "auto": without as many of the oldest turns as it takes to fit, but the last one. Whether it
// fits is asked some ten times, not for each turn: a client may send ten thousand.
void drop_oldest_turns(harmony::Conversation& conversation,
                       const std::function<bool(const harmony::Conversation&)>& fits) {
    const auto beginnings = turn_beginnings(conversation.messages);
    const auto from = [&](std::size_t beginning) {
        harmony::Conversation rest = conversation;
        rest.messages.erase(rest.messages.begin(),
                            rest.messages.begin() + static_cast<std::ptrdiff_t>(beginning));
        return rest;
    };
    const auto found = std::ranges::partition_point(
        beginnings, [&](std::size_t beginning) { return !fits(from(beginning)); });
    conversation = from(found == beginnings.end() ? beginnings.back() : *found);
}

}  // namespace

ResponsesOutputOptions Service::output_options(const ResponsesRequest& request) const {
    ResponsesOutputOptions output;
    output.tools = request.client_tools;
    const ResponsesReasoning shown = options_.responses_reasoning;
    output.reasoning_content = shown == ResponsesReasoning::both || shown == ResponsesReasoning::content;
    output.reasoning_summary = shown == ResponsesReasoning::both || shown == ResponsesReasoning::summary;
    output.logprobs = request.wants_logprobs;
    output.warm_up = request.warm_up;
    if (request.wants_encrypted) output.seal = options_.seal;
    return output;
}

// The items of the turns before this request.
Json Service::earlier_items(const ResponsesRequest& request, const std::string& owner,
                            const TurnMemory* turns) const {
    if (const std::string& id = request.previous_response_id; !id.empty()) {
        if (const Json* items = turns != nullptr ? turns->find(id) : nullptr) return *items;
        const auto stored =
            options_.stored ? options_.stored->store().find(owner, id) : std::optional<StoredResponse>();
        if (!stored) refuse_previous(id, "is not here, or is another client's.");
        if (stored->response.value("status", "") == "in_progress")
            refuse_previous(id, "is not complete yet.");
        const auto items = options_.stored->store().history(owner, id);
        if (!items) refuse_previous(id, "goes on from a response that is not here any more.");
        return *items;
    }
    if (const std::string& id = request.conversation_id; !id.empty()) {
        if (options_.stored == nullptr || !options_.stored->store().find_conversation(owner, id)) {
            throw Error(ErrorCode::not_found, "There is no conversation \"" + id + "\".", {},
                        {{"param", "conversation"}});
        }
        return options_.stored->store().all_items(owner, id);
    }
    return Json::array();
}

// Reads the whole history into the request; gives its items.
Json Service::read_history(ResponsesRequest& request, const std::string& owner, const TurnMemory* turns) {
    Json items = earlier_items(request, owner, turns);
    for (const Json& item : request.input) items.push_back(item);
    ResponsesInputOptions input;
    input.memory = &memory_;
    input.seal = options_.seal.get();
    input.unseen = options_.unseen;
    if (options_.stored) {
        input.find_item = [&](const std::string& id) {
            return options_.stored->store().find_item(owner, id);
        };
    }
    read_responses_input(items, request.client_tools, input, request.conversation);
    if (request.truncate) {
        const auto room = static_cast<std::size_t>(engine_->options().context_length);
        drop_oldest_turns(request.conversation, [&](const harmony::Conversation& conversation) {
            return render(conversation).size() < room;
        });
    }
    return items;
}

HandlerResult Service::responses(std::string_view body, const Caller& caller) {
    return create_response(read_responses_request(parse_json(body)), caller, nullptr);
}

HandlerResult Service::socket_response(std::string_view text, const Caller& caller, TurnMemory& turns) {
    const Json body = read_socket_message(text);
    const std::string previous = Fields(body, "").find_text("previous_response_id").value_or("");
    try {
        return create_response(read_responses_request(body), caller, &turns);
    } catch (const Error& error) {
        // Trying again later is no failure.
        if (!retry_after_s(error)) turns.forget(previous);
        throw;
    }
}

HandlerResult Service::create_response(ResponsesRequest request, const Caller& caller, TurnMemory* turns) {
    Json items = read_history(request, caller.name, turns);
    const bool keep = request.store && options_.stored != nullptr;
    if (request.background && !keep)
        refuse_field("background",
                     "needs a store, and this node keeps none: GPTOSS_RESPONSES_KEPT is false.");
    request.echoed["store"] = keep;
    const bool wants_stream = request.generation.stream;
    if (request.background) request.generation.stream = true;
    if (request.warm_up) request.generation.max_tokens = 1;

    const std::string id = random_id("resp_");
    Json begun;
    std::shared_ptr<ResponseRecord> record;
    ResponsesOutputOptions output = output_options(request);
    // The record is made when the generation has been accepted, and reported when it ends.
    const auto holder = std::make_shared<std::shared_ptr<ResponseRecord>>();
    output.ended = [holder,
                    turns_of = turns != nullptr ? turns->weak_from_this() : std::weak_ptr<TurnMemory>(),
                    items = turns != nullptr ? items : Json(), id,
                    previous = request.previous_response_id](const Json& response) {
        if (*holder) (*holder)->end(response);
        const auto memory = turns_of.lock();
        if (!memory) return;
        if (response.value("status", "") == "failed") return memory->forget(previous);
        memory->remember(id, items, response);
    };
    const auto make_format = [&](ResponseMetadata facts) {
        ResponseState state;
        state.status = "in_progress";
        begun = response_json(facts, request.echoed, std::move(state));
        return make_responses_format(*model_.tokenizer, std::move(facts), request.echoed, output);
    };
    const auto begin = [&](const Caller& whom) {
        auto response_stream = start(request, id, make_format, whom);
        if (keep) {
            StoredResponse stored{begun, request.previous_response_id, request.conversation_id,
                                  std::vector<Json>(request.input.begin(), request.input.end())};
            *holder = std::make_shared<ResponseRecord>(options_.stored, caller.name, std::move(stored));
        }
        return response_stream;
    };
    if (!request.background) return begin(caller);
    options_.stored->runs().start(caller.name, id, begin);
    if (!wants_stream) return json_reply(begun);
    return follow_response(caller, id, -1);
}

HandlerResult Service::follow_response(const Caller& caller, const std::string& id, std::int64_t after) {
    if (auto running = options_.stored->runs().follow(caller.name, id, after, caller.wake)) return running;
    std::vector<std::string> events = options_.stored->store().events(caller.name, id);
    // One that was interrupted, or did not run in the background, has only its end.
    const auto stored = options_.stored->store().find(caller.name, id);
    if (events.empty() && stored) {
        const std::string status = stored->response.value("status", "");
        if (status == "in_progress")
            refuse_field("response_id",
                         "names a response that is still told to the client that asked for it.");
        events.push_back(to_text(
            {{"type", ending_event(status)}, {"sequence_number", 0}, {"response", stored->response}}));
        after = -1;
    }
    return replay_events(events, after);
}

HttpResponse Service::count_response_tokens(std::string_view body, const Caller& caller) {
    ResponsesRequest request = read_responses_request(parse_json(body));
    read_history(request, caller.name, nullptr);
    return json_reply(
        {{"object", "response.input_tokens"}, {"input_tokens", count_tokens(request.conversation)}});
}

HandlerResult Service::compact_response(std::string_view body, const Caller& caller) {
    if (options_.seal == nullptr) throw Error(ErrorCode::not_found, "This node seals no histories.");
    ResponsesRequest request = read_responses_request(parse_json(body));
    if (request.model.empty()) refuse_field("model", "is required.");
    request.input.push_back({{"type", "message"}, {"role", "user"}, {"content", kCompactionPrompt}});
    read_history(request, caller.name, nullptr);
    request.generation.stream = false;
    request.conversation.effort = harmony::Effort::low;
    request.conversation.response_format.reset();
    request.output_format = OutputFormat::text;
    request.tool_choice.mode = ToolChoice::Mode::none;
    request.tool_choice.allowed.emplace();
    const auto make_format = [&](ResponseMetadata facts) {
        return make_compaction_format(std::move(facts), options_.seal);
    };
    return start(request, random_id("resp_"), make_format, caller);
}

}  // namespace gptoss::api
