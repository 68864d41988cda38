#include "grammar/schema_reader.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string_view>

#include "base/error.h"
#include "grammar/compact_json.h"

namespace gptoss::grammar {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::uint32_t kNoLimit = std::numeric_limits<std::uint32_t>::max();
constexpr std::uint32_t kMostItems = 1000;

// Keywords that demand something. An annotation (title, default, examples, …) or an unknown word demands
// nothing.
constexpr std::array kAssertions{
    "type",    "enum",        "const",    "properties", "required",         "additionalProperties",
    "items",   "prefixItems", "minItems", "maxItems",   "minLength",        "maxLength",
    "pattern", "format",      "minimum",  "maximum",    "exclusiveMinimum", "exclusiveMaximum",
    "anyOf",   "$ref",        "allOf"};
constexpr std::array kUnsupported{"oneOf",
                                  "not",
                                  "if",
                                  "then",
                                  "else",
                                  "dependentSchemas",
                                  "dependentRequired",
                                  "dependencies",
                                  "patternProperties",
                                  "propertyNames",
                                  "unevaluatedProperties",
                                  "unevaluatedItems",
                                  "contains",
                                  "minContains",
                                  "maxContains",
                                  "uniqueItems",
                                  "multipleOf",
                                  "minProperties",
                                  "maxProperties",
                                  "additionalItems",
                                  "$dynamicRef",
                                  "$recursiveRef"};

bool demands_something(std::string_view keyword, const Json& value) {
    if (keyword == "uniqueItems") return value != false;
    return keyword != "minProperties" || value != 0;
}

bool is_of_type(const Json& value, const std::string& type) {
    if (type == "integer")
        return value.is_number_integer() ||
               (value.is_number_float() && std::floor(value.get<double>()) == value.get<double>());
    return type == (value.is_number() ? "number" : std::string(value.type_name()));
}

}  // namespace

void SchemaReader::refuse(const std::string& keyword, const std::string& path, const std::string& why) const {
    const std::string subject = keyword.empty() ? "" : "\"" + keyword + "\" at " + path + " ";
    throw Error(ErrorCode::request_invalid,
                "The JSON schema of " + where_ + " is not supported: " + subject + why + ".",
                "docs/grammar.md lists the supported subset of JSON schema.",
                {{"keyword", keyword}, {"path", path}});
}

void SchemaReader::refuse_unsupported(const Json& schema, const std::string& path) const {
    for (const char* keyword : kUnsupported)
        if (const auto found = schema.find(keyword);
            found != schema.end() && demands_something(keyword, *found))
            refuse(keyword, path, "is outside the supported subset");
}

void SchemaReader::require_alone(const Json& schema, const std::string& path, const std::string& keyword,
                                 bool beside_type) const {
    for (const std::string_view other : kAssertions)
        if (other != keyword && !(beside_type && other == "type") && schema.contains(other))
            refuse(keyword, path, "is not supported beside \"" + std::string(other) + "\"");
}

std::vector<std::string> SchemaReader::types_of(const Json& schema, const std::string& path) const {
    static constexpr std::array kSchemaTypes{"object",  "array",   "string", "number",
                                             "integer", "boolean", "null"};
    std::vector<std::string> types;
    if (const auto type = schema.find("type"); type != schema.end()) {
        const Json list = type->is_array() ? *type : Json::array({*type});
        for (const auto& name : list) {
            const bool known = name.is_string() && std::find(kSchemaTypes.begin(), kSchemaTypes.end(),
                                                             name.get<std::string>()) != kSchemaTypes.end();
            if (!known) refuse("type", path, "names no type of JSON");
            types.push_back(name);
        }
        if (types.empty()) refuse("type", path, "is empty");
        return types;
    }
    const auto has = [&](std::initializer_list<const char*> keywords) {
        return std::any_of(keywords.begin(), keywords.end(),
                           [&](const char* keyword) { return schema.contains(keyword); });
    };
    if (has({"properties", "required", "additionalProperties"})) types.push_back("object");
    if (has({"items", "prefixItems", "minItems", "maxItems"})) types.push_back("array");
    if (has({"pattern", "format", "minLength", "maxLength"})) types.push_back("string");
    if (has({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"})) types.push_back("number");
    return types;
}

std::vector<std::string> SchemaReader::texts_of(const Json& schema, const std::string& path,
                                                const std::vector<std::string>& types) const {
    const std::string keyword = schema.contains("enum") ? "enum" : "const";
    require_alone(schema, path, keyword, true);
    const Json values = keyword == "enum" ? schema["enum"] : Json::array({schema["const"]});
    if (!values.is_array()) refuse("enum", path, "should be a list of values");
    std::vector<std::string> texts;
    for (const auto& value : values) {
        const auto fits = [&](const std::string& type) { return is_of_type(value, type); };
        if (types.empty() || std::any_of(types.begin(), types.end(), fits))
            texts.push_back(compact_json(value));
    }
    return texts;
}

std::uint32_t SchemaReader::count(const Json& schema, const std::string& path, const char* keyword,
                                  std::uint32_t otherwise) const {
    const auto found = schema.find(keyword);
    if (found == schema.end()) return otherwise;
    const bool whole = found->is_number() && found->get<double>() >= 0 &&
                       std::floor(found->get<double>()) == found->get<double>();
    if (!whole) refuse(keyword, path, "should be a whole number that is not negative");
    return static_cast<std::uint32_t>(std::min(found->get<double>(), 4e9));
}

LengthRange SchemaReader::length_of(const Json& schema, const std::string& path) const {
    return {count(schema, path, "minLength", 0), count(schema, path, "maxLength", kNoLimit)};
}

NumberRange SchemaReader::range_of(const Json& schema, const std::string& path, bool integers_only) const {
    NumberRange range;
    range.integers_only = integers_only;
    const auto read = [&](const char* inclusive, const char* exclusive, bool want_larger,
                          std::optional<std::string>& bound, bool& is_exclusive) {
        std::optional<Json> tightest;
        for (const char* keyword : {inclusive, exclusive}) {
            const auto found = schema.find(keyword);
            if (found == schema.end()) continue;
            if (found->is_boolean()) {  // draft 4: says how the other one is meant
                is_exclusive = is_exclusive || found->get<bool>();
                continue;
            }
            if (!found->is_number()) refuse(keyword, path, "should be a number");
            const bool tighter = !tightest || *found == *tightest || (*found > *tightest) == want_larger;
            if (!tighter) continue;
            tightest = *found;
            is_exclusive = keyword == exclusive;
        }
        if (tightest) bound = decimal_text(*tightest);
    };
    read("minimum", "exclusiveMinimum", true, range.least, range.least_exclusive);
    read("maximum", "exclusiveMaximum", false, range.most, range.most_exclusive);
    return range;
}

SchemaReader::ObjectParts SchemaReader::object_of(const Json& schema, const std::string& path) const {
    static const Json anything = true;
    ObjectParts parts{{}, nullptr};
    const auto properties = schema.find("properties");
    if (properties != schema.end() && !properties->is_object())
        refuse("properties", path, "should be an object");
    const bool lists_some = properties != schema.end() && !properties->empty();
    // Where nothing is said, what is listed is enough; where nothing is listed, everything is open.
    if (const auto found = schema.find("additionalProperties"); found != schema.end())
        parts.additional = *found == false ? nullptr : &*found;
    else if (!lists_some)
        parts.additional = &anything;
    std::vector<std::string> required;
    if (const auto found = schema.find("required"); found != schema.end()) {
        if (!found->is_array()) refuse("required", path, "should be a list of names");
        for (const auto& name : *found) {
            if (!name.is_string()) refuse("required", path, "should be a list of names");
            required.push_back(name);
        }
    }
    const auto is_required = [&](const std::string& name) {
        return std::find(required.begin(), required.end(), name) != required.end();
    };
    if (lists_some)
        for (const auto& [name, property] : properties->items())
            parts.properties.push_back({name, &property, is_required(name)});
    for (const auto& name : required) {
        const bool listed = std::any_of(parts.properties.begin(), parts.properties.end(),
                                        [&](const Property& property) { return property.name == name; });
        if (listed) continue;
        const bool closed = schema.contains("additionalProperties") && !parts.additional;
        if (closed) refuse("required", path, "demands \"" + name + "\", which is not among the properties");
        parts.properties.push_back({name, parts.additional ? parts.additional : &anything, true});
    }
    return parts;
}

SchemaReader::ArrayParts SchemaReader::array_of(const Json& schema, const std::string& path) const {
    static const Json anything = true;
    ArrayParts parts{
        {}, &anything, count(schema, path, "minItems", 0), count(schema, path, "maxItems", kNoLimit)};
    if (const auto prefix = schema.find("prefixItems"); prefix != schema.end()) {
        if (!prefix->is_array()) refuse("prefixItems", path, "should be a list of schemas");
        for (const auto& item : *prefix) parts.first.push_back(&item);
    }
    if (const auto items = schema.find("items"); items != schema.end()) {
        if (items->is_array()) refuse("items", path, "is a list; \"prefixItems\" is supported instead");
        parts.rest = *items == false ? nullptr : &*items;
    }
    if (parts.least > kMostItems) refuse("minItems", path, "is more than " + std::to_string(kMostItems));
    if (parts.most != kNoLimit && parts.most > kMostItems)
        refuse("maxItems", path, "is more than " + std::to_string(kMostItems));
    return parts;
}

}  // namespace gptoss::grammar
