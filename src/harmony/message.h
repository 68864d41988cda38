// A conversation as harmony sees it, free of any wire format.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gptoss::harmony {

// The content type of a function call: its arguments are JSON. Calls of custom tools have none.
inline constexpr std::string_view kJsonContentType = "json";

// Whom a call of a tool is addressed to, and who its result comes from: "functions.get_weather".
inline std::string recipient_of(std::string_view tool_name) {
    return "functions." + std::string(tool_name);
}

enum class Effort { low, medium, high };
enum class Role { user, assistant, tool, developer };
enum class Channel { analysis, commentary, final };

// What the text of a custom tool's call must be (grammar/custom_grammar.h).
struct ToolGrammar {
    enum class Syntax { regex, lark };
    Syntax syntax = Syntax::lark;
    std::string definition;
};

// A function the model may call. `parameters` is its JSON schema (null = none); property order is kept.
struct Tool {
    std::string name;
    std::string description;
    nlohmann::ordered_json parameters;
    bool strict = false;
    bool custom = false;  // its argument is text, not JSON; `parameters` and `strict` mean nothing
    std::optional<ToolGrammar> grammar;  // of a custom tool; none = any text
    std::string param = {};              // the request's field with the schema or grammar, for messages
};

// One message of the history. Which fields matter follows from the role:
//   user       content
//   developer  content: instructions that came after the first message
//   assistant  content on `channel` (analysis, commentary = preamble, final); or, with `recipient`, a call
//   whose
//              arguments are `content` and whose content type is `content_type` ("<|constrain|>json" ->
//              "json")
//   tool       content = the raw output, `name` = "functions.get_weather", `channel` = the call's
struct Message {
    Role role = Role::user;
    std::string content;
    std::string name;
    std::optional<Channel> channel;
    std::string recipient;     // "functions.get_weather"; empty = everyone
    std::string content_type;  // "json"; empty = none
    std::vector<std::int32_t>
        sampled;  // the tokens as sampled (header included), rendered verbatim when not empty
};

struct ResponseFormat {
    std::string name;
    std::string description;
    nlohmann::ordered_json schema;
};

struct Conversation {
    Effort effort = Effort::medium;
    std::string knowledge_cutoff = "2024-06";
    std::string current_date;  // "2026-11-22"; empty = no date line
    std::string model_identity = "You are ChatGPT, a large language model trained by OpenAI.";
    std::string instructions;  // developer message; several system messages are merged by the caller
    std::vector<Tool> tools;   // the functions namespace
    std::optional<ResponseFormat> response_format;
    std::vector<Message> messages;
};

}  // namespace gptoss::harmony
