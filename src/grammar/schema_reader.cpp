#include "grammar/schema_reader.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "base/error.h"
#include "grammar/compact_json.h"

namespace gptoss::grammar {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::uint32_t kNoLimit = std::numeric_limits<std::uint32_t>::max();
constexpr std::size_t kLongestPathTold_bytes = 400;
constexpr std::size_t kMostUnenforcedListed = 100;

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

// A schema that every value satisfies: true, or one without a word that demands something.
bool is_anything(const Json& schema) {
    if (schema.is_boolean()) return schema.get<bool>();
    if (!schema.is_object()) return false;
    const auto has = [&](const char* keyword) { return schema.contains(keyword); };
    return std::none_of(kAssertions.begin(), kAssertions.end(), has) &&
           std::none_of(kUnsupported.begin(), kUnsupported.end(), has);
}

// Names are strings, so a demand to be a string is none.
bool is_any_name(const Json& schema) {
    if (!schema.is_object() || schema.value("type", Json()) != "string") return is_anything(schema);
    Json rest = Json::object();
    for (const auto& [keyword, value] : schema.items())
        if (keyword != "type") rest[keyword] = value;
    return is_anything(rest);
}

bool is_empty(const Json& value) {
    return (value.is_object() || value.is_array()) && value.empty();
}

// False for spellings that any value satisfies.
bool demands_something(std::string_view keyword, const Json& value, const Json& schema) {
    if (keyword == "uniqueItems") return value != false;
    if (keyword == "minProperties") return value != 0;
    if (keyword == "propertyNames") return !is_any_name(value);
    if (keyword == "patternProperties" || keyword.starts_with("depend")) return !is_empty(value);
    if (keyword.starts_with("unevaluated")) return !is_anything(value);
    if (keyword == "additionalItems") return schema.contains("items") && schema["items"].is_array();
    if (keyword == "minContains" || keyword == "maxContains") return schema.contains("contains");
    if (keyword == "if") return schema.contains("then") || schema.contains("else");
    if (keyword == "then" || keyword == "else") return schema.contains("if");
    if (keyword == "not") return value != false;
    if (keyword == "multipleOf") return value != 1 || schema.value("type", Json()) != "integer";
    return true;
}

bool is_of_type(const Json& value, const std::string& type) {
    if (type == "integer")
        return value.is_number_integer() ||
               (value.is_number_float() && std::floor(value.get<double>()) == value.get<double>());
    return type == (value.is_number() ? "number" : std::string(value.type_name()));
}

std::string place_text(const SchemaPath& path) {
    std::string text = path.text();
    if (text.size() > kLongestPathTold_bytes) text.replace(kLongestPathTold_bytes, std::string::npos, "...");
    return text;
}

}  // namespace

void SchemaReader::refuse(const std::string& keyword, const SchemaPath& path, const std::string& why) const {
    const std::string at = place_text(path);
    const std::string subject = keyword.empty() ? at + " " : "\"" + keyword + "\" at " + at + " ";
    Error::Facts facts{{"keyword", keyword}, {"path", at}};
    if (!origin_.param.empty()) facts.emplace_back("param", origin_.param);
    throw Error(ErrorCode::request_invalid,
                "The JSON schema of " + origin_.where + " is not supported: " + subject + why + ".",
                "docs/grammar.md lists the supported subset of JSON schema.", std::move(facts));
}

void SchemaReader::give_up(const std::string& keyword, const SchemaPath& path, const std::string& why) {
    if (is_strict()) refuse(keyword, path, why);
    if (unenforced_.size() < kMostUnenforcedListed)
        unenforced_.push_back(keyword + " at " + place_text(path));
}

void SchemaReader::check_supported(const Json& schema, const SchemaPath& path) {
    budget_.spend_steps(1 + schema.size());
    for (const char* keyword : kUnsupported)
        if (const auto found = schema.find(keyword);
            found != schema.end() && demands_something(keyword, *found, schema))
            give_up(keyword, path, "is outside the supported subset");
}

void SchemaReader::require_alone(const Json& schema, const SchemaPath& path, const std::string& keyword,
                                 bool beside_type) {
    for (const std::string_view other : kAssertions) {
        if (other == keyword || (beside_type && other == "type") || !schema.contains(other)) continue;
        if (is_strict()) refuse(keyword, path, "is not supported beside \"" + std::string(other) + "\"");
        give_up(std::string(other), path, "");
    }
}

bool SchemaReader::demands_more_than(const Json& schema, std::string_view keyword) const {
    return std::any_of(kAssertions.begin(), kAssertions.end(),
                       [&](std::string_view other) { return other != keyword && schema.contains(other); });
}

std::vector<std::string> SchemaReader::types_of(const Json& schema, const SchemaPath& path) const {
    static constexpr std::array kSchemaTypes{"object",  "array",   "string", "number",
                                             "integer", "boolean", "null"};
    std::vector<std::string> types;
    if (const auto type = schema.find("type"); type != schema.end()) {
        const auto add = [&](const Json& name) {
            const bool known = name.is_string() && std::find(kSchemaTypes.begin(), kSchemaTypes.end(),
                                                             name.get<std::string>()) != kSchemaTypes.end();
            if (!known) refuse("type", path, "names no type of JSON");
            if (std::find(types.begin(), types.end(), name.get<std::string>()) == types.end())
                types.push_back(name);
        };
        if (!type->is_array())
            add(*type);
        else
            for (const auto& name : *type) add(name);
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

std::vector<std::string> SchemaReader::texts_of(const Json& schema, const SchemaPath& path,
                                                const std::vector<std::string>& types) {
    const bool is_enum = schema.contains("enum");
    require_alone(schema, path, is_enum ? "enum" : "const", true);
    std::vector<std::string> texts;
    const auto add = [&](const Json& value) {
        const auto fits = [&](const std::string& type) { return is_of_type(value, type); };
        if (types.empty() || std::any_of(types.begin(), types.end(), fits))
            texts.push_back(compact_json(value));
    };
    if (!is_enum) {
        add(schema["const"]);
        return texts;
    }
    const Json& values = schema["enum"];
    if (!values.is_array()) refuse("enum", path, "should be a list of values");
    if (values.size() > limits::kSchemaEnumValues)
        refuse("enum", path, "has more than " + std::to_string(limits::kSchemaEnumValues) + " values");
    for (const auto& value : values) add(value);
    return texts;
}

std::uint32_t SchemaReader::count(const Json& schema, const SchemaPath& path, const char* keyword,
                                  std::uint32_t otherwise) const {
    const auto found = schema.find(keyword);
    if (found == schema.end()) return otherwise;
    const bool whole = found->is_number() && found->get<double>() >= 0 &&
                       std::floor(found->get<double>()) == found->get<double>();
    if (!whole) refuse(keyword, path, "should be a whole number that is not negative");
    return static_cast<std::uint32_t>(std::min(found->get<double>(), 4e9));
}

LengthRange SchemaReader::length_of(const Json& schema, const SchemaPath& path) const {
    return {count(schema, path, "minLength", 0), count(schema, path, "maxLength", kNoLimit)};
}

NumberRange SchemaReader::range_of(const Json& schema, const SchemaPath& path, bool integers_only) {
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
            // A double no longer tells integers of this size apart, so the bound would be another one.
            if (integers_only && found->is_number_float() && std::abs(found->get<double>()) >= 0x1p53) {
                give_up(keyword, path,
                        "is beyond 64 bits, where an integer's bound is not exact; leave it out");
                continue;
            }
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

std::vector<std::string> SchemaReader::required_of(const Json& schema, const SchemaPath& path) {
    std::vector<std::string> required;
    const auto found = schema.find("required");
    if (found == schema.end()) return required;
    if (found->is_boolean()) {  // draft 3 wrote it beside each property
        give_up("required", path, "should be a list of names, beside the properties");
        return required;
    }
    if (!found->is_array()) refuse("required", path, "should be a list of names");
    if (found->size() > limits::kSchemaProperties)
        refuse("required", path, "has more than " + std::to_string(limits::kSchemaProperties) + " names");
    for (const auto& name : *found) {
        if (!name.is_string()) refuse("required", path, "should be a list of names");
        required.push_back(name);
    }
    return required;
}

SchemaReader::ObjectParts SchemaReader::object_of(const Json& schema, const SchemaPath& path) {
    static const Json anything = true;
    ObjectParts parts{{}, nullptr};
    const auto properties = schema.find("properties");
    if (properties != schema.end() && !properties->is_object())
        refuse("properties", path, "should be an object");
    const bool lists_some = properties != schema.end() && !properties->empty();
    if (lists_some && properties->size() > limits::kSchemaProperties)
        refuse("properties", path,
               "has more than " + std::to_string(limits::kSchemaProperties) + " properties");
    // Where nothing is said, what is listed is enough; where nothing is listed, everything is open.
    if (const auto found = schema.find("additionalProperties"); found != schema.end())
        parts.additional = *found == false ? nullptr : &*found;
    else if (!lists_some)
        parts.additional = &anything;
    const std::vector<std::string> required = required_of(schema, path);
    const std::unordered_set<std::string_view> required_names(required.begin(), required.end());
    std::unordered_set<std::string> listed;
    if (lists_some)
        for (auto property = properties->begin(); property != properties->end(); ++property)
            if (listed.insert(property.key()).second)
                parts.properties.push_back(
                    {property.key(), &*property, required_names.contains(property.key())});
    for (const auto& name : required) {
        if (!listed.insert(name).second) continue;
        const bool closed = schema.contains("additionalProperties") && !parts.additional;
        if (closed) refuse("required", path, "demands \"" + name + "\", which is not among the properties");
        parts.properties.push_back({name, parts.additional ? parts.additional : &anything, true});
    }
    return parts;
}

SchemaReader::ArrayParts SchemaReader::array_of(const Json& schema, const SchemaPath& path) {
    static const Json anything = true;
    constexpr std::uint32_t kMostItems = limits::kSchemaCountedItems;
    ArrayParts parts{
        {}, &anything, count(schema, path, "minItems", 0), count(schema, path, "maxItems", kNoLimit)};
    if (const auto prefix = schema.find("prefixItems"); prefix != schema.end()) {
        if (!prefix->is_array()) refuse("prefixItems", path, "should be a list of schemas");
        for (const auto& item : *prefix) parts.first.push_back(&item);
    }
    if (const auto items = schema.find("items"); items != schema.end()) {
        if (items->is_array())
            give_up("items", path, "is a list; \"prefixItems\" is supported instead");
        else
            parts.rest = *items == false ? nullptr : &*items;
    }
    if (parts.least > kMostItems) {
        give_up("minItems", path, "is more than " + std::to_string(kMostItems));
        parts.least = kMostItems;
    }
    if (parts.most != kNoLimit && parts.most > kMostItems) {
        give_up("maxItems", path, "is more than " + std::to_string(kMostItems));
        parts.most = kNoLimit;
    }
    return parts;
}

}  // namespace gptoss::grammar
