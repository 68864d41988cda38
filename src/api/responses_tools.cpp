#include "api/responses_tools.h"

#include <algorithm>

#include "api/tool_list.h"

namespace gptoss::api {

namespace {

constexpr std::string_view kBetweenSpaceAndName = "__";

std::string joined_name(const std::string& name_space, const std::string& name) {
    return name_space.empty() ? name : name_space + std::string(kBetweenSpaceAndName) + name;
}

// A custom tool takes any text, or one that follows a grammar.
// A function as the response repeats it: all of its fields, those that were not given as null.
Json function_json(const Fields& tool) {
    Json json{{"type", "function"}, {"name", tool.text("name")}};
    for (const char* field : {"description", "parameters", "strict"}) {
        const Json* value = tool.find(field);
        json[field] = value != nullptr ? *value : Json(nullptr);
    }
    return json;
}

}  // namespace

ResponsesTools::ResponsesTools(const Fields& request) {
    const Json* list = request.find_array("tools");
    if (list == nullptr) return;
    for (std::size_t i = 0; i < list->size(); ++i) {
        const std::string path = "tools[" + std::to_string(i) + "]";
        const Fields tool((*list)[i], path);
        const std::string type = tool.text("type");
        if (type == "function" || type == "custom") {
            read_tool(tool, path, {}, {});
            echoed_.push_back(type == "function" ? function_json(tool) : tool.json());
        } else if (type == "namespace") {
            read_namespace(tool);
            echoed_.push_back(tool.json());
        } else if (std::ranges::find(left_out_, type) == left_out_.end()) {
            left_out_.push_back(type);
        }
    }
}

void ResponsesTools::read_namespace(const Fields& tool) {
    const std::string name = tool.text("name");
    check_tool_name(name, tool.path("name"));
    std::string description = tool.find_text("description").value_or("");
    const Json& list = tool.array("tools");
    for (std::size_t i = 0; i < list.size(); ++i) {
        const std::string path = tool.path("tools") + "[" + std::to_string(i) + "]";
        read_tool(Fields(list[i], path), path, name, description);
        description.clear();  // stated once, with the first
    }
}

void ResponsesTools::read_tool(const Fields& tool, const std::string& path, const std::string& name_space,
                               const std::string& space_description) {
    const std::string type = tool.text("type");
    if (type != "function" && type != "custom")
        refuse_field(tool.path("type"), "must be \"function\" or \"custom\", not \"" + type + "\".");
    Entry entry;
    entry.client = {tool.text("name"), name_space, type == "custom"};
    entry.harmony_name = joined_name(name_space, entry.client.name);
    harmony::Tool offered;
    offered.name = entry.harmony_name;
    offered.description = space_description;
    if (const std::string own = tool.find_text("description").value_or(""); !own.empty()) {
        if (!offered.description.empty()) offered.description += "\n";
        offered.description += own;
    }
    if (entry.client.is_custom) {
        read_custom_tool(tool, GrammarPlace::in_format, offered);
    } else {
        if (const auto parameters = tool.find_object("parameters")) offered.parameters = parameters->json();
        offered.strict = tool.find_boolean("strict").value_or(false);
        offered.param = tool.path("parameters");
    }
    append_tool(tools_, std::move(offered), path);
    entries_.push_back(std::move(entry));
}

ClientTool ResponsesTools::client_tool(std::string_view harmony_name) const {
    for (const Entry& entry : entries_) {
        if (entry.harmony_name == harmony_name) return entry.client;
    }
    return {std::string(harmony_name), {}, false};
}

std::string ResponsesTools::harmony_name(const std::string& name, const std::string& name_space) const {
    if (!name_space.empty()) return joined_name(name_space, name);
    // Some clients drop the namespace; a name that only one tool has says enough.
    std::string found;
    for (const Entry& entry : entries_) {
        if (entry.client.name != name) continue;
        if (entry.client.name_space.empty()) return entry.harmony_name;
        if (!found.empty()) return name;
        found = entry.harmony_name;
    }
    return found.empty() ? name : found;
}

std::vector<std::string> ResponsesTools::named(const Fields& choice) const {
    const std::string name = choice.find_text("name").value_or("");
    const std::string name_space = choice.find_text("namespace").value_or("");
    std::vector<std::string> names;
    for (const Entry& entry : entries_) {
        const bool whole_space = choice.find_text("type") == "namespace" && entry.client.name_space == name;
        const bool this_one =
            entry.client.name == name && (name_space.empty() || entry.client.name_space == name_space);
        if (whole_space || this_one) names.push_back(entry.harmony_name);
    }
    return names;
}

ToolChoice ResponsesTools::read_choice(const Fields& request) const {
    ToolChoice result;
    const Json* choice = request.find("tool_choice");
    if (choice == nullptr) return result;
    if (choice->is_string()) {
        const auto mode = choice->get<std::string>();
        if (mode == "none") {
            // They stay in the prompt, which is then the same as before, and cached.
            result.mode = ToolChoice::Mode::none;
            result.allowed.emplace();
        } else if (mode == "required") {
            result.mode = ToolChoice::Mode::required;
        } else if (mode != "auto") {
            refuse_field("tool_choice", "must be none, auto, required or an object, not \"" + mode + "\".");
        }
    } else {
        const Fields fields(*choice, "tool_choice");
        const std::string type = fields.text("type");
        if (type == "function" || type == "custom") {
            const std::vector<std::string> names = named(fields);
            if (names.empty()) {
                refuse_field("tool_choice.name", "\"" + fields.text("name") + "\" is not among the tools.");
            }
            result.mode = ToolChoice::Mode::named;
            result.name = names.front();
        } else if (type == "allowed_tools") {
            const std::string mode = fields.find_text("mode").value_or("auto");
            if (mode != "auto" && mode != "required")
                refuse_field("tool_choice.mode", "must be auto or required, not \"" + mode + "\".");
            if (mode == "required") result.mode = ToolChoice::Mode::required;
            result.allowed.emplace();
            const Json& list = fields.array("tools");
            for (std::size_t i = 0; i < list.size(); ++i) {
                const Fields tool(list[i], "tool_choice.tools[" + std::to_string(i) + "]");
                const std::vector<std::string> names = named(tool);
                result.allowed->insert(result.allowed->end(), names.begin(), names.end());
            }
        }
    }
    const bool none_left = result.allowed ? result.allowed->empty() : tools_.empty();
    if (result.mode == ToolChoice::Mode::required && none_left) {
        if (left_out_.empty()) refuse_field("tool_choice", "is \"required\", but no tools are given.");
        result.mode = ToolChoice::Mode::automatic;  // what it requires cannot be done here
    }
    return result;
}

}  // namespace gptoss::api
