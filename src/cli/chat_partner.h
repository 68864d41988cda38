// Who answers in a `chat`: the model in this process, or a node somewhere. Both get the whole conversation each time.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "node/settings_loader.h"

namespace gptoss::cli {

struct ChatTurn {
    std::string question, answer;  // the last turn has no answer yet
};

struct Chat {
    std::vector<ChatTurn> turns;
    std::string system;
    std::string effort = "medium";  // low, medium or high
    double temperature = 1.0;
    std::int32_t max_tokens = 0;  // 0 = no limit
    std::optional<std::uint64_t> seed;
};

struct ChatAnswer {
    std::string text;
    bool interrupted = false;
    std::int64_t prompt_tokens = 0, completion_tokens = 0;
    double prompt_tokens_per_second = 0, generation_tokens_per_second = 0;  // 0 = not known
};

// A piece of what the model writes, as it comes. False stops the answer.
enum class Written { reasoning, content };
using OnWritten = std::function<bool(Written kind, const std::string& piece)>;

class ChatPartner {
  public:
    virtual ~ChatPartner() = default;
    // "gpt-oss-20b on NVIDIA H100, context 131072 tokens"
    virtual std::string name() const = 0;
    // Answers the last turn's question. `on_written` is also called with an empty piece a few times a second, so that a
    // silent answer can be stopped. Throws Error when there is no answer; the chat can go on.
    virtual ChatAnswer answer(const Chat& chat, const OnWritten& on_written) = 0;
};

// Loads the model that the settings name. Throws what node::load_model throws.
std::unique_ptr<ChatPartner> make_local_partner(const node::Settings& settings);

// A running node, or another OpenAI-compatible server. Throws Error(network_failed) when it cannot be asked.
std::unique_ptr<ChatPartner> make_remote_partner(const std::string& url, const std::string& api_key);

}  // namespace gptoss::cli
