#include "harmony/json_schema.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <string_view>

#include "base/error.h"
#include "harmony/number_range.h"
#include "harmony/object_keys.h"
#include "harmony/regular_expression.h"
#include "harmony/string_formats.h"
#include "harmony/typescript.h"

namespace gptoss::harmony {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kDeepestSchema = 100;
constexpr std::size_t kMostStates = 200000;
constexpr std::uint32_t kMostItems = 1000;
constexpr std::uint32_t kDeepestReference = 1000;
constexpr std::uint32_t kDeepestFreeJson = 100;  // scalars remain possible below it
constexpr int kWidestIndent = 64;

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

// Between the parts of an object or array: nothing, one blank, or a line end and an indent. Bounded, because
// a model that falls for blanks would never come to an end.
ByteDfa white_space() {
    struct Place {
        char kind;  // 0 at first, then the character read last
        int indent;
        auto operator<=>(const Place&) const = default;
    };
    return *ByteDfa::build(
        Place{0, 0},
        [](Place place, std::uint8_t byte) -> std::optional<Place> {
            if (place.kind == 0 && byte == ' ') return Place{' ', kWidestIndent};
            if (place.kind == 0 && byte == '\n') return Place{'\n', 0};
            const bool indents =
                place.kind != 0 && place.indent < kWidestIndent && (byte == ' ' || byte == '\t');
            const bool mixes = place.kind != '\n' && place.kind != static_cast<char>(byte);
            if (!indents || mixes) return std::nullopt;
            return Place{static_cast<char>(byte), place.indent + 1};
        },
        [](const Place&) { return true; });
}

class SchemaCompiler {
  public:
    SchemaCompiler(const Json& root, std::string where) : root_(root), where_(std::move(where)) {
        white_space_ = add_leaf(white_space());
        grammar_.start = grammar_.add_state();
        end_ = grammar_.add_state();
        grammar_.states[end_].ends_rule = true;
    }

    JsonGrammar compile() {
        emit(root_, "#", grammar_.start, end_, 0);
        return finish();
    }

    JsonGrammar free_object() {
        call(grammar_.start, free_object_rule(), end_, kDeepestFreeJson);
        return finish();
    }

  private:
    JsonGrammar finish() {
        if (grammar_.has_empty_recursion())
            refuse("$ref", "#", "refers to itself without anything in between");
        if (!grammar_.trim()) refuse("", "#", "cannot be satisfied by any value");
        return std::move(grammar_);
    }

    [[noreturn]] void refuse(const std::string& keyword, const std::string& path,
                             const std::string& why) const {
        const std::string subject = keyword.empty() ? "" : "\"" + keyword + "\" at " + path + " ";
        throw Error(ErrorCode::request_invalid,
                    "The JSON schema of " + where_ + " is not supported: " + subject + why + ".",
                    "docs/harmony.md lists the supported subset of JSON schema.",
                    {{"keyword", keyword}, {"path", path}});
    }

    // ---- states
    // -------------------------------------------------------------------------------------------------

    GrammarState add_state() {
        if (grammar_.states.size() >= kMostStates) refuse("", "#", "is too large");
        return grammar_.add_state();
    }
    std::uint32_t add_leaf(ByteDfa dfa) {
        grammar_.leaves.push_back(std::make_shared<const ByteDfa>(std::move(dfa)));
        return static_cast<std::uint32_t>(grammar_.leaves.size() - 1);
    }
    void connect(GrammarState from, GrammarState to) { grammar_.states[from].empty.push_back(to); }
    void byte(GrammarState from, char c, GrammarState to) {
        const auto value = static_cast<std::uint8_t>(c);
        grammar_.states[from].bytes.push_back({value, value, to});
    }
    void call(GrammarState from, GrammarState rule, GrammarState back, std::uint32_t deepest) {
        grammar_.states[from].calls.push_back({rule, back, deepest});
    }
    void leaf(GrammarState from, std::uint32_t which, GrammarState to) {
        const GrammarState state = add_state();
        grammar_.states[state].leaf = which;
        grammar_.states[state].next = to;
        connect(from, state);
    }
    GrammarState text(GrammarState from, std::string_view bytes) {
        for (const char c : bytes) {
            const GrammarState to = add_state();
            byte(from, c, to);
            from = to;
        }
        return from;
    }
    GrammarState blank(GrammarState from) {
        const GrammarState to = add_state();
        leaf(from, white_space_, to);
        return to;
    }
    void string(GrammarState from, LengthRange length, GrammarState to) {
        const GrammarState inside = add_state();
        auto& state = grammar_.states[inside];
        state.is_string = true;
        state.least_characters = length.least;
        state.most_characters = length.most;
        state.next = to;
        byte(from, '"', inside);
    }

    // ---- JSON that no schema describes
    // --------------------------------------------------------------------------

    void free_value(GrammarState from, GrammarState to) {
        if (!scalars_)
            scalars_ = add_leaf(to_bytes(parse_whole_pattern("true|false|null|-?(0|[1-9][0-9]{0,18})"
                                                             "(\\.[0-9]{1,18})?([eE][+-]?[0-9]{1,2})?"),
                                         Spelling::plain));
        leaf(from, *scalars_, to);
        string(from, {}, to);
        call(from, free_object_rule(), to, kDeepestFreeJson);
        call(from, free_array_rule(), to, kDeepestFreeJson);
    }

    GrammarState free_object_rule() {
        if (free_object_) return *free_object_;
        free_object_ = add_state();
        const GrammarState end = add_state();
        grammar_.states[end].ends_rule = true;
        const Json anything = true;
        emit_object({{}, &anything}, "#", *free_object_, end, 0);
        return *free_object_;
    }

    GrammarState free_array_rule() {
        if (free_array_) return *free_array_;
        free_array_ = add_state();
        const GrammarState end = add_state();
        grammar_.states[end].ends_rule = true;
        const Json anything = true;
        emit_array({{}, &anything, 0, JsonGrammar::kNoLimit}, "#", *free_array_, end, 0);
        return *free_array_;
    }

    // ---- schemas
    // ------------------------------------------------------------------------------------------------

    // Adds what `schema` describes between two states.
    void emit(const Json& schema, const std::string& path, GrammarState from, GrammarState to, int depth) {
        if (depth > kDeepestSchema) refuse("", path, "is nested too deeply");
        if (schema.is_boolean()) {
            if (schema.get<bool>()) free_value(from, to);
            return;  // false: nothing leads from here to there
        }
        if (!schema.is_object()) refuse("", path, "has something at " + path + " that is not a schema");
        for (const char* keyword : kUnsupported)
            if (const auto found = schema.find(keyword);
                found != schema.end() && demands_something(keyword, *found))
                refuse(keyword, path, "is outside the supported subset");
        if (schema.value("nullable", Json(false)) == true) text_to(from, "null", to);
        if (schema.contains("$ref")) return emit_reference(schema, path, from, to, depth);
        if (schema.contains("anyOf")) return emit_any_of(schema, path, from, to, depth);
        if (schema.contains("allOf")) return emit_all_of(schema, path, from, to, depth);
        const std::vector<std::string> types = types_of(schema, path);
        if (schema.contains("enum") || schema.contains("const"))
            return emit_values(schema, path, types, from, to);
        if (types.empty()) return free_value(from, to);
        for (const auto& type : types) emit_type(type, schema, path, from, to, depth);
    }

    static bool demands_something(std::string_view keyword, const Json& value) {
        if (keyword == "uniqueItems") return value != false;
        return keyword != "minProperties" || value != 0;
    }

    void text_to(GrammarState from, std::string_view bytes, GrammarState to) {
        connect(text(from, bytes), to);
    }

    // Named types, or those that the other keywords speak of; none = any value.
    std::vector<std::string> types_of(const Json& schema, const std::string& path) const {
        static constexpr std::array kTypes{"object",  "array",   "string", "number",
                                           "integer", "boolean", "null"};
        std::vector<std::string> types;
        if (const auto type = schema.find("type"); type != schema.end()) {
            const Json list = type->is_array() ? *type : Json::array({*type});
            for (const auto& name : list) {
                const bool known = name.is_string() && std::find(kTypes.begin(), kTypes.end(),
                                                                 name.get<std::string>()) != kTypes.end();
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

    void emit_type(const std::string& type, const Json& schema, const std::string& path, GrammarState from,
                   GrammarState to, int depth) {
        if (type == "object") return emit_object(object_of(schema, path), path, from, to, depth);
        if (type == "array") return emit_array(array_of(schema, path), path, from, to, depth);
        if (type == "string") return emit_string(schema, path, from, to);
        if (type == "number" || type == "integer")
            return emit_number(schema, path, type == "integer", from, to);
        if (type == "null") return text_to(from, "null", to);
        text_to(from, "true", to);
        text_to(from, "false", to);
    }

    // A keyword that stands for a whole schema must stand alone.
    void require_alone(const Json& schema, const std::string& path, const std::string& keyword) const {
        for (const char* other : kAssertions)
            if (other != keyword && schema.contains(other))
                refuse(keyword, path, "is not supported beside \"" + std::string(other) + "\"");
    }

    void emit_reference(const Json& schema, const std::string& path, GrammarState from, GrammarState to,
                        int depth) {
        require_alone(schema, path, "$ref");
        const Json& value = schema["$ref"];
        if (!value.is_string() || !value.get_ref<const std::string&>().starts_with('#'))
            refuse("$ref", path, "points outside the schema");
        const std::string target = value.get<std::string>();
        auto known = rules_.find(target);
        if (known == rules_.end()) {
            const Json* described = nullptr;
            try {
                described = &root_.at(Json::json_pointer(target.substr(1)));
            } catch (const Json::exception&) {
                refuse("$ref", path, "points to " + target + ", where nothing is");
            }
            const GrammarState rule = add_state(), end = add_state();
            grammar_.states[end].ends_rule = true;
            known = rules_.emplace(target, rule).first;
            emit(*described, target, rule, end, depth + 1);
        }
        call(from, known->second, to, kDeepestReference);
    }

    void emit_any_of(const Json& schema, const std::string& path, GrammarState from, GrammarState to,
                     int depth) {
        require_alone(schema, path, "anyOf");
        const Json& branches = schema["anyOf"];
        if (!branches.is_array() || branches.empty()) refuse("anyOf", path, "should be a list of schemas");
        for (std::size_t i = 0; i < branches.size(); ++i)
            emit(branches[i], path + "/anyOf/" + std::to_string(i), from, to, depth + 1);
    }

    void emit_all_of(const Json& schema, const std::string& path, GrammarState from, GrammarState to,
                     int depth) {
        require_alone(schema, path, "allOf");
        const Json& parts = schema["allOf"];
        if (!parts.is_array() || parts.size() != 1)
            refuse("allOf", path, "is supported with one schema only");
        emit(parts[0], path + "/allOf/0", from, to, depth + 1);
    }

    static bool is_of_type(const Json& value, const std::string& type) {
        if (type == "integer")
            return value.is_number_integer() ||
                   (value.is_number_float() && std::floor(value.get<double>()) == value.get<double>());
        return type == (value.is_number() ? "number" : std::string(value.type_name()));
    }

    void emit_values(const Json& schema, const std::string& path, const std::vector<std::string>& types,
                     GrammarState from, GrammarState to) {
        const std::string keyword = schema.contains("enum") ? "enum" : "const";
        for (const char* other : kAssertions)
            if (other != keyword && std::string_view(other) != "type" && schema.contains(other))
                refuse(keyword, path, "is not supported beside \"" + std::string(other) + "\"");
        const Json values = keyword == "enum" ? schema["enum"] : Json::array({schema["const"]});
        if (!values.is_array()) refuse("enum", path, "should be a list of values");
        std::vector<std::string> texts;
        for (const auto& value : values) {
            const auto fits = [&](const std::string& type) { return is_of_type(value, type); };
            if (types.empty() || std::any_of(types.begin(), types.end(), fits))
                texts.push_back(compact_json(value));
        }
        auto dfa = ByteDfa::of_literals(texts);
        if (!dfa) refuse(keyword, path, "is too large");
        leaf(from, add_leaf(std::move(*dfa)), to);
    }

    std::uint32_t count(const Json& schema, const std::string& path, const char* keyword,
                        std::uint32_t otherwise) const {
        const auto found = schema.find(keyword);
        if (found == schema.end()) return otherwise;
        const bool whole = found->is_number() && found->get<double>() >= 0 &&
                           std::floor(found->get<double>()) == found->get<double>();
        if (!whole) refuse(keyword, path, "should be a whole number that is not negative");
        return static_cast<std::uint32_t>(std::min(found->get<double>(), 4e9));
    }

    void emit_string(const Json& schema, const std::string& path, GrammarState from, GrammarState to) {
        const LengthRange length{count(schema, path, "minLength", 0),
                                 count(schema, path, "maxLength", JsonGrammar::kNoLimit)};
        const bool has_pattern = schema.contains("pattern"), has_format = schema.contains("format");
        if (!has_pattern && !has_format) return string(from, length, to);
        if (has_pattern && has_format) refuse("pattern", path, "is not supported beside \"format\"");
        const std::string keyword = has_pattern ? "pattern" : "format";
        if (!schema[keyword].is_string()) refuse(keyword, path, "should be a string");
        const std::string& value = schema[keyword].get_ref<const std::string&>();
        const auto format = has_format ? format_pattern(value) : std::nullopt;
        if (has_format && !format)
            refuse("format", path, "is \"" + value + "\"; supported are " + known_formats());
        try {
            CharacterNfa nfa = has_format ? parse_whole_pattern(*format) : parse_pattern(value);
            if (length.is_limited()) nfa = with_length(nfa, length);
            leaf(text(from, "\""), add_leaf(to_bytes(nfa, Spelling::json_string)), to);
        } catch (const PatternError& error) {
            refuse(keyword, path, std::string("cannot be enforced, because ") + error.what());
        }
    }

    void emit_number(const Json& schema, const std::string& path, bool integers_only, GrammarState from,
                     GrammarState to) {
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
        leaf(from, add_leaf(number_automaton(range)), to);
    }

    struct Property {
        std::string name;
        const Json* schema;
        bool required;
    };
    struct ObjectParts {
        std::vector<Property> properties;  // in the order in which they are written
        const Json* additional;            // of properties that are not listed; null = none
    };

    ObjectParts object_of(const Json& schema, const std::string& path) const {
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
            if (closed)
                refuse("required", path, "demands \"" + name + "\", which is not among the properties");
            parts.properties.push_back({name, parts.additional ? parts.additional : &anything, true});
        }
        return parts;
    }

    void emit_object(const ObjectParts& parts, const std::string& path, GrammarState from, GrammarState to,
                     int depth) {
        const GrammarState close = add_state();  // before "}"
        byte(close, '}', to);
        const GrammarState last = add_state();  // behind a value after which the object may end
        leaf(last, white_space_, close);
        // key = the next property may stand here; comma = behind a value.
        const GrammarState opened = blank(text(from, "{"));
        GrammarState key = add_state();  // not the same: behind a comma a key must follow
        connect(opened, key);
        const bool may_be_empty = std::none_of(parts.properties.begin(), parts.properties.end(),
                                               [](const Property& property) { return property.required; });
        if (may_be_empty) connect(opened, close);
        std::size_t still_required = static_cast<std::size_t>(
            std::count_if(parts.properties.begin(), parts.properties.end(),
                          [](const Property& property) { return property.required; }));
        for (const Property& property : parts.properties) {
            const GrammarState comma = add_state(), next_key = add_state();
            const GrammarState value = blank(text(key, compact_json(Json(property.name)) + ":"));
            emit(*property.schema, path + "/properties/" + property.name, value, comma, depth + 1);
            if (property.required) --still_required;
            if (!property.required) connect(key, next_key);
            leaf(text(comma, ","), white_space_, next_key);
            if (still_required == 0) connect(comma, last);
            key = next_key;
        }
        if (!parts.additional) return;
        const GrammarState colon = add_state(), comma = add_state();
        if (parts.properties.empty()) {
            string(key, {}, colon);
        } else {
            std::vector<std::string> names;
            for (const Property& property : parts.properties) names.push_back(property.name);
            auto others = keys_except(names);
            if (!others) refuse("additionalProperties", path, "is not supported beside so many long names");
            leaf(text(key, "\""), add_leaf(std::move(*others)), colon);
        }
        emit(*parts.additional, path + "/additionalProperties", blank(text(colon, ":")), comma, depth + 1);
        leaf(text(comma, ","), white_space_, key);
        connect(comma, last);
    }

    struct ArrayParts {
        std::vector<const Json*> first;  // schemas of the first items
        const Json* rest;                // of the others; null = there are none
        std::uint32_t least, most;
    };

    ArrayParts array_of(const Json& schema, const std::string& path) const {
        static const Json anything = true;
        ArrayParts parts{{},
                         &anything,
                         count(schema, path, "minItems", 0),
                         count(schema, path, "maxItems", JsonGrammar::kNoLimit)};
        if (const auto prefix = schema.find("prefixItems"); prefix != schema.end()) {
            if (!prefix->is_array()) refuse("prefixItems", path, "should be a list of schemas");
            for (const auto& item : *prefix) parts.first.push_back(&item);
        }
        if (const auto items = schema.find("items"); items != schema.end()) {
            if (items->is_array()) refuse("items", path, "is a list; \"prefixItems\" is supported instead");
            parts.rest = *items == false ? nullptr : &*items;
        }
        if (parts.least > kMostItems) refuse("minItems", path, "is more than " + std::to_string(kMostItems));
        if (parts.most != JsonGrammar::kNoLimit && parts.most > kMostItems)
            refuse("maxItems", path, "is more than " + std::to_string(kMostItems));
        return parts;
    }

    void emit_array(const ArrayParts& parts, const std::string& path, GrammarState from, GrammarState to,
                    int depth) {
        const GrammarState close = add_state();
        byte(close, ']', to);
        const GrammarState last = add_state();
        leaf(last, white_space_, close);
        const GrammarState opened = blank(text(from, "["));
        GrammarState item = add_state();  // not the same: behind a comma an item must follow
        connect(opened, item);
        if (parts.least == 0) connect(opened, close);

        // Items that differ by their place are written out; the rest is one rule that is called from each
        // place.
        std::optional<GrammarState> rest_rule;
        const auto emit_item = [&](std::uint32_t place, GrammarState begin, GrammarState end) {
            if (place < parts.first.size())
                return emit(*parts.first[place], path + "/prefixItems/" + std::to_string(place), begin, end,
                            depth + 1);
            if (!rest_rule) {
                rest_rule = add_state();
                const GrammarState rule_end = add_state();
                grammar_.states[rule_end].ends_rule = true;
                emit(*parts.rest, path + "/items", *rest_rule, rule_end, depth + 1);
            }
            call(begin, *rest_rule, end, kDeepestReference);
        };
        const bool unlimited = parts.rest && parts.most == JsonGrammar::kNoLimit;
        const auto fixed = static_cast<std::uint32_t>(parts.first.size());
        std::uint32_t places = unlimited    ? std::max(fixed, parts.least) + 1
                               : parts.rest ? parts.most
                                            : std::min(fixed, parts.most);
        for (std::uint32_t place = 0; place < places; ++place) {
            const GrammarState comma = add_state();
            emit_item(place, item, comma);
            if (place + 1 >= parts.least) connect(comma, last);
            const bool repeats = unlimited && place + 1 == places;
            const GrammarState next_item = repeats ? item : add_state();
            leaf(text(comma, ","), white_space_, next_item);
            item = next_item;
        }
    }

    const Json& root_;
    std::string where_;
    JsonGrammar grammar_;
    GrammarState end_ = 0;
    std::uint32_t white_space_ = 0;
    std::optional<std::uint32_t> scalars_;
    std::optional<GrammarState> free_object_, free_array_;
    std::map<std::string, GrammarState> rules_;  // by the $ref that leads to them
};

}  // namespace

JsonGrammar compile_schema(const Json& schema, const std::string& where) {
    return SchemaCompiler(schema, where).compile();
}

JsonGrammar any_json_object() {
    return SchemaCompiler(Json(true), "any object").free_object();
}

}  // namespace gptoss::harmony
