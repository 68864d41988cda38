#include "harmony/typescript.h"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "grammar/compact_json.h"

namespace gptoss::harmony {
namespace {

using grammar::compact_json;
using Json = nlohmann::ordered_json;

// A schema nested deeper than any real one is cut off here rather than at the end of the stack.
constexpr int kDeepest = 200;

std::string type_of(const Json& schema, const std::string& indent, int depth);

const Json* member(const Json& schema, const char* key) {
    if (!schema.is_object()) return nullptr;
    const auto found = schema.find(key);
    return found == schema.end() ? nullptr : &*found;
}

const std::string* text_member(const Json& schema, const char* key) {
    const Json* value = member(schema, key);
    return value && value->is_string() ? value->get_ptr<const std::string*>() : nullptr;
}

const Json* array_member(const Json& schema, const char* key) {
    const Json* value = member(schema, key);
    return value && value->is_array() ? value : nullptr;
}

// `default: V`. A string is quoted unless it belongs to an enum; a variant of a oneOf that stands outside an
// object quotes it even then (`quote_enum`).
std::optional<std::string> default_comment(const Json& schema, bool quote_enum = false) {
    const Json* value = member(schema, "default");
    if (!value) return std::nullopt;
    if (!value->is_string()) return "default: " + compact_json(*value);
    const Json* choices = array_member(schema, "enum");
    const bool is_enum = choices && !choices->empty();
    const auto& text = value->get_ref<const std::string&>();
    if (!is_enum) return "default: \"" + text + "\"";
    return "default: " + (quote_enum ? compact_json(*value) : text);
}

std::string with_null(std::string type, const Json& schema) {
    const Json* nullable = member(schema, "nullable");
    const bool wanted = nullable && nullable->is_boolean() && nullable->get<bool>();
    if (wanted && type.find("null") == std::string::npos) type += " | null";
    return type;
}

std::string joined(const std::vector<std::string>& parts, const char* separator) {
    std::string out;
    for (std::size_t i = 0; i < parts.size(); ++i) out += (i == 0 ? "" : separator) + parts[i];
    return out;
}

// One ` | TYPE // comments` of a oneOf.
std::string variant_line(const Json& variant, const std::string& indent, const std::string* description,
                         bool quote_enum, int depth) {
    std::string line = indent + " | " + with_null(type_of(variant, indent + "   ", depth + 1), variant);
    std::vector<std::string> comments;
    if (description) comments.push_back(*description);
    if (auto value = default_comment(variant, quote_enum)) comments.push_back(std::move(*value));
    // An empty comment still counts: the library prints its separator.
    if (!comments.empty()) {
        line += " // " + comments.front();
        if (comments.size() > 1) line += " " + comments.back();
    }
    return line;
}

std::string one_of_type(const Json& variants, const std::string& indent, int depth) {
    std::string out;
    for (const auto& variant : variants)
        out += "\n" + variant_line(variant, indent, text_member(variant, "description"), true, depth);
    return out;
}

// A property whose type is a oneOf: description and default stand above it, one line a variant below it.
std::string one_of_property(const std::string& name_and_colon, const Json& property, const Json& variants,
                            const std::string& indent, int depth) {
    std::string out;
    const std::string* own = text_member(property, "description");
    const std::string* first = variants.empty() ? nullptr : text_member(variants.front(), "description");
    const bool description_above = own && !(first && *first == *own);
    if (description_above) out += indent + "// " + *own + "\n";
    if (const auto value = default_comment(property)) out += indent + "// " + *value + "\n";
    out += indent + name_and_colon + "\n";
    bool is_first = true;
    for (const auto& variant : variants) {
        const std::string* description = text_member(variant, "description");
        const bool repeats = (is_first && description_above) || (description && own && *description == *own);
        out += variant_line(variant, indent, repeats ? nullptr : description, false, depth) + "\n";
        is_first = false;
    }
    return out + indent + ",\n";
}

std::string property_lines(const std::string& name, const Json& property, bool required,
                           const std::string& indent, int depth) {
    std::string out;
    const Json* one_of = member(property, "oneOf");
    if (const auto* title = text_member(property, "title"))
        out += indent + "// " + *title + "\n" + indent + "//\n";
    if (const auto* description = text_member(property, "description"); description && !one_of)
        out += indent + "// " + *description + "\n";
    if (const Json* examples = array_member(property, "examples"); examples && !examples->empty()) {
        out += indent + "// Examples:\n";
        for (const auto& example : *examples)
            if (example.is_string())
                out += indent + "// - \"" + example.get_ref<const std::string&>() + "\"\n";
    }
    const std::string name_and_colon = name + (required ? ":" : "?:");
    if (one_of && one_of->is_array())
        return out + one_of_property(name_and_colon, property, *one_of, indent, depth);

    out += indent + name_and_colon + " " +
           with_null(type_of(property, indent + "    ", depth + 1), property) + ",";
    if (const auto value = default_comment(property); value && !one_of) out += " // " + *value;
    return out + "\n";
}

std::string object_type(const Json& schema, const std::string& indent, int depth) {
    std::string out;
    if (const auto* description = text_member(schema, "description"))
        out += indent + "// " + *description + "\n";
    out += "{\n";
    if (const Json* properties = member(schema, "properties"); properties && properties->is_object()) {
        const Json* required = array_member(schema, "required");
        for (const auto& [name, property] : properties->items()) {
            const bool is_required =
                required && std::find(required->begin(), required->end(), name) != required->end();
            out += property_lines(name, property, is_required, indent, depth);
        }
    }
    return out + indent + "}";
}

std::string string_type(const Json& schema) {
    std::vector<std::string> choices;
    if (const Json* values = array_member(schema, "enum"))
        for (const auto& value : *values)
            if (value.is_string()) choices.push_back("\"" + value.get_ref<const std::string&>() + "\"");
    return choices.empty() ? "string" : joined(choices, " | ");
}

std::string type_of(const Json& schema, const std::string& indent, int depth) {
    if (depth > kDeepest) return "any";
    if (const Json* variants = array_member(schema, "oneOf")) return one_of_type(*variants, indent, depth);
    const Json* type = member(schema, "type");
    if (type && type->is_array()) {
        std::vector<std::string> names;
        for (const auto& name : *type)
            if (name.is_string()) names.push_back(name == "integer" ? "number" : name.get<std::string>());
        return names.empty() ? "any" : joined(names, " | ");
    }
    const std::string* name = text_member(schema, "type");
    if (!name) return "any";
    if (*name == "object") return object_type(schema, indent, depth);
    if (*name == "string") return string_type(schema);
    if (*name == "number" || *name == "integer") return "number";
    if (*name == "boolean") return "boolean";
    if (*name != "array") return "any";
    const Json* items = member(schema, "items");
    return items ? type_of(*items, indent, depth + 1) + "[]" : "Array<any>";
}

}  // namespace

std::string typescript_type(const Json& schema) {
    return type_of(schema, {}, 0);
}

}  // namespace gptoss::harmony
