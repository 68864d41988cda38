// What clients send back of a conversation -> the history that harmony renders. Free of any wire format:
// every endpoint reads its messages or items into this.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "api/call_matcher.h"
#include "api/call_memory.h"
#include "harmony/message.h"

namespace gptoss::api {

// A call as the client sent it.
struct PastCall {
    std::string id;  // may be empty
    std::string name;
    std::string input;       // a function's arguments, JSON; or what a custom tool was given
    bool is_custom = false;  // a custom tool: its input is any text
};

class HistoryBuilder {
  public:
    // `memory` may be null. `conversation` must outlive the builder.
    HistoryBuilder(CallMemory* memory, harmony::Conversation& conversation)
        : memory_(memory), conversation_(conversation) {}

    // The identity line of the system message stays the model's own; what clients call "system" is what
    // harmony calls the developer's instructions. Several become paragraphs.
    void add_instructions(std::string_view text);

    // Instructions that come in the middle of a conversation stay where they came: the prompt before them is
    // the same as in the turn before.
    void add_developer(std::string text);

    void add_user(std::string text);

    // One turn, or a part of it: what was thought, what was said to the user, calls. Without calls `text` is
    // an answer, with calls a preamble. What a remembered call was said with comes back where the client left
    // it out, changed it into a part of it, or gives the calls of one reply in several turns.
    void add_assistant(const std::optional<std::string>& reasoning, std::string text,
                       const std::vector<PastCall>& calls);

    // A turn that said something to the user and has neither a call nor an answer.
    void add_preamble(const std::optional<std::string>& reasoning, std::string text);

    // Empty `call_id` or `name` = not given. False, and nothing is added, when neither leads to a tool.
    bool add_tool_result(const std::string& call_id, const std::string& name, std::string text);

    // After the last one. Harmony has no ids: of several calls of one function the first result is read as
    // the first call's. So the results of a function that stand between two messages of the user are put in
    // the order of its calls.
    void finish();

  private:
    // How far a remembered reply was put into this history.
    struct Told {
        std::size_t next = 0;                        // place of the first message that was not yet
        std::optional<std::string> reasoning, text;  // the client's own instead of the remembered ones
    };
    struct Result {
        std::size_t place;  // among the conversation's messages
        std::size_t call;   // which call it answers
    };

    // Ids that the node gave come once. So a request cannot have one call compared again and again.
    std::optional<RecalledCall> recall(const PastCall& call);
    void say(harmony::Channel channel, std::string text);
    void begin_reply(const RecalledCall& first, const std::optional<std::string>& reasoning,
                     std::string text);
    void tell_up_to(const RecalledCall& call);
    void add_call(const PastCall& call, const std::optional<RecalledCall>& recalled);

    CallMemory* memory_;
    harmony::Conversation& conversation_;
    CallMatcher calls_;
    std::map<std::shared_ptr<const RememberedReply>, Told> told_;
    std::unordered_set<std::string> recalled_ids_;
    std::map<std::string, std::vector<Result>> results_;  // by function, since the user's last message
};

}  // namespace gptoss::api
