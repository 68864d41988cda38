// The `tools` and `tool_choice` of POST /v1/responses: every form that clients send -> functions that harmony
// can offer, and back from a call to the item that the client expects.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/generation_intent.h"
#include "api/json_reader.h"
#include "harmony/message.h"

namespace gptoss::api {

// How the client knows a tool that harmony calls by one name.
struct ClientTool {
    std::string name;
    std::string name_space;  // of a namespace's tool; empty = none
    bool is_custom = false;  // its input is free text
};

class ResponsesTools {
  public:
    // Reads `tools`. Hosted tools (web search, code interpreter, …) are left out: the node cannot run them.
    // Throws Error(request_invalid) naming the field.
    explicit ResponsesTools(const Fields& request);
    ResponsesTools() = default;

    const std::vector<harmony::Tool>& tools() const { return tools_; }
    const Json& echoed() const { return echoed_; }  // `tools` of the response: those that are in effect
    const std::vector<std::string>& left_out() const { return left_out_; }  // types of the others

    // What the client calls the tool of that name; a name that is not known stands for itself.
    ClientTool client_tool(std::string_view harmony_name) const;
    // And back, for calls in the history.
    std::string harmony_name(const std::string& name, const std::string& name_space) const;

    // `tool_choice`. A choice of a hosted tool counts as "auto".
    ToolChoice read_choice(const Fields& request) const;

  private:
    void read_tool(const Fields& tool, const std::string& path, const std::string& name_space,
                   const std::string& space_description);
    void read_namespace(const Fields& tool);
    // Every tool that the client calls so, by harmony's name; there may be one of each namespace.
    std::vector<std::string> named(const Fields& choice) const;

    struct Entry {
        std::string harmony_name;
        ClientTool client;
    };
    std::vector<harmony::Tool> tools_;
    std::vector<Entry> entries_;
    Json echoed_ = Json::array();
    std::vector<std::string> left_out_;
};

}  // namespace gptoss::api
