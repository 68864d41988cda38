// A slow, obvious validator for the supported subset of JSON schema: the reference for what the grammars let
// through.
#pragma once

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <regex>
#include <string>

namespace gptoss::test {

using Json = nlohmann::ordered_json;

inline std::size_t characters(const std::string& text) {
    return static_cast<std::size_t>(std::count_if(
        text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

inline bool has_type(const Json& value, const std::string& type) {
    if (type == "integer") return value.is_number() && std::floor(value.get<double>()) == value.get<double>();
    return type == (value.is_number() ? "number" : std::string(value.type_name()));
}

inline bool is_valid(const Json& schema, const Json& value, const Json& root) {
    if (schema.is_boolean()) return schema.get<bool>();
    if (schema.contains("$ref"))
        return is_valid(root.at(Json::json_pointer(schema["$ref"].get<std::string>().substr(1))), value,
                        root);
    const auto any = [&](const Json& schemas) {
        return std::any_of(schemas.begin(), schemas.end(),
                           [&](const Json& one) { return is_valid(one, value, root); });
    };
    if (schema.contains("anyOf") && !any(schema["anyOf"])) return false;
    if (schema.contains("allOf") && !is_valid(schema["allOf"][0], value, root)) return false;
    if (schema.contains("const") && value != schema["const"]) return false;
    if (schema.contains("enum") &&
        std::find(schema["enum"].begin(), schema["enum"].end(), value) == schema["enum"].end())
        return false;
    if (schema.contains("type")) {
        const Json types = schema["type"].is_array() ? schema["type"] : Json::array({schema["type"]});
        if (std::none_of(types.begin(), types.end(), [&](const Json& type) { return has_type(value, type); }))
            return false;
    }
    const auto number = [&](const char* keyword) { return schema[keyword].get<double>(); };
    if (value.is_number()) {
        const double v = value.get<double>();
        if (schema.contains("minimum") && v < number("minimum")) return false;
        if (schema.contains("maximum") && v > number("maximum")) return false;
        if (schema.contains("exclusiveMinimum") && v <= number("exclusiveMinimum")) return false;
        if (schema.contains("exclusiveMaximum") && v >= number("exclusiveMaximum")) return false;
    }
    if (value.is_string()) {
        const auto& text = value.get_ref<const std::string&>();
        if (schema.contains("minLength") && static_cast<double>(characters(text)) < number("minLength"))
            return false;
        if (schema.contains("maxLength") && static_cast<double>(characters(text)) > number("maxLength"))
            return false;
        if (schema.contains("pattern") &&
            !std::regex_search(text, std::regex(schema["pattern"].get<std::string>())))
            return false;
    }
    if (value.is_array()) {
        if (schema.contains("minItems") && static_cast<double>(value.size()) < number("minItems"))
            return false;
        if (schema.contains("maxItems") && static_cast<double>(value.size()) > number("maxItems"))
            return false;
        const std::size_t first = schema.contains("prefixItems") ? schema["prefixItems"].size() : 0;
        for (std::size_t i = 0; i < value.size(); ++i) {
            if (i < first && !is_valid(schema["prefixItems"][i], value[i], root)) return false;
            if (i >= first && schema.contains("items") && !is_valid(schema["items"], value[i], root))
                return false;
        }
    }
    if (value.is_object()) {
        if (schema.contains("required"))
            for (const auto& name : schema["required"])
                if (!value.contains(name.get<std::string>())) return false;
        for (const auto& [name, member] : value.items()) {
            const bool listed = schema.contains("properties") && schema["properties"].contains(name);
            if (listed && !is_valid(schema["properties"][name], member, root)) return false;
            if (!listed && schema.contains("additionalProperties") &&
                !is_valid(schema["additionalProperties"], member, root))
                return false;
        }
    }
    return true;
}

}  // namespace gptoss::test
