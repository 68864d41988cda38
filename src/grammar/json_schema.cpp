#include "grammar/json_schema.h"

#include <algorithm>
#include <map>
#include <string_view>

#include "grammar/compact_json.h"
#include "grammar/grammar_builder.h"
#include "grammar/object_keys.h"
#include "grammar/schema_reader.h"
#include "grammar/string_formats.h"

namespace gptoss::grammar {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kDeepestSchema = 100;
constexpr std::size_t kMostStates = 200000;
constexpr std::size_t kMostLeafStates = 20000;  // of half a kilobyte each
constexpr std::size_t kMostBranches = 500;      // all of them are read side by side
constexpr std::uint32_t kDeepestReference = 1000;
constexpr std::uint32_t kDeepestFreeJson = 100;  // scalars remain possible below it

class SchemaCompiler {
  public:
    SchemaCompiler(const Json& root, std::string where) : root_(root), reader_(std::move(where)) {
        builder_.grammar.start = builder_.add_state();
        end_ = builder_.add_rule_end();
    }

    JsonGrammar compile() {
        emit(root_, "#", builder_.grammar.start, end_, 0);
        return finish();
    }

    JsonGrammar free_object() {
        builder_.call(builder_.grammar.start, free_object_rule(), end_, kDeepestFreeJson);
        return finish();
    }

  private:
    JsonGrammar finish() {
        if (builder_.grammar.has_empty_recursion())
            reader_.refuse("$ref", "#", "refers to itself without anything in between");
        if (!builder_.grammar.trim()) reader_.refuse("", "#", "cannot be satisfied by any value");
        return std::move(builder_.grammar);
    }

    // Equal leaves are made once: `key` tells them apart.
    template <class Make>
    void emit_leaf(const std::string& key, const std::string& path, GrammarState from, GrammarState to,
                   Make make) {
        auto known = leaves_.find(key);
        if (known == leaves_.end()) {
            ByteDfa dfa = make();
            leaf_states_ += dfa.size();
            if (leaf_states_ > kMostLeafStates) reader_.refuse("", path, "is too large");
            known = leaves_.emplace(key, builder_.add_leaf(std::move(dfa))).first;
        }
        builder_.leaf(from, known->second, to);
    }

    // JSON that no schema describes.
    void free_value(GrammarState from, GrammarState to) {
        emit_leaf("scalar", "#", from, to, [] {
            return to_bytes(parse_whole_pattern("true|false|null|-?(0|[1-9][0-9]{0,18})(\\.[0-9]{1,18})?"
                                                "([eE][+-]?[0-9]{1,2})?"),
                            Spelling::plain);
        });
        builder_.string(from, {}, to);
        builder_.call(from, free_object_rule(), to, kDeepestFreeJson);
        builder_.call(from, free_array_rule(), to, kDeepestFreeJson);
    }

    GrammarState free_object_rule() {
        if (free_object_) return *free_object_;
        free_object_ = builder_.add_state();
        const Json anything = true;
        emit_object({{}, &anything}, "#", *free_object_, builder_.add_rule_end(), 0);
        return *free_object_;
    }

    GrammarState free_array_rule() {
        if (free_array_) return *free_array_;
        free_array_ = builder_.add_state();
        const Json anything = true;
        emit_array({{}, &anything, 0, JsonGrammar::kNoLimit}, "#", *free_array_, builder_.add_rule_end(), 0);
        return *free_array_;
    }

    // Adds what `schema` describes between two states.
    void emit(const Json& schema, const std::string& path, GrammarState from, GrammarState to, int depth) {
        if (depth > kDeepestSchema) reader_.refuse("", path, "is nested too deeply");
        if (builder_.grammar.states.size() > kMostStates) reader_.refuse("", path, "is too large");
        if (schema.is_boolean()) {
            if (schema.get<bool>()) free_value(from, to);
            return;  // false: nothing leads from here to there
        }
        if (!schema.is_object())
            reader_.refuse("", path, "has something at " + path + " that is not a schema");
        reader_.refuse_unsupported(schema, path);
        if (schema.value("nullable", Json(false)) == true) builder_.text(from, "null", to);
        if (schema.contains("$ref")) return emit_reference(schema, path, from, to, depth);
        if (schema.contains("anyOf")) return emit_any_of(schema, path, from, to, depth);
        if (schema.contains("allOf")) return emit_all_of(schema, path, from, to, depth);
        const std::vector<std::string> types = reader_.types_of(schema, path);
        if (schema.contains("enum") || schema.contains("const"))
            return emit_values(schema, path, types, from, to);
        if (types.empty()) return free_value(from, to);
        for (const auto& type : types) emit_type(type, schema, path, from, to, depth);
    }

    void emit_type(const std::string& type, const Json& schema, const std::string& path, GrammarState from,
                   GrammarState to, int depth) {
        if (type == "object") return emit_object(reader_.object_of(schema, path), path, from, to, depth);
        if (type == "array") return emit_array(reader_.array_of(schema, path), path, from, to, depth);
        if (type == "string") return emit_string(schema, path, from, to);
        if (type == "number" || type == "integer")
            return emit_number(schema, path, type == "integer", from, to);
        if (type == "null") return builder_.text(from, "null", to);
        builder_.text(from, "true", to);
        builder_.text(from, "false", to);
    }

    void emit_reference(const Json& schema, const std::string& path, GrammarState from, GrammarState to,
                        int depth) {
        reader_.require_alone(schema, path, "$ref");
        const Json& value = schema["$ref"];
        if (!value.is_string() || !value.get_ref<const std::string&>().starts_with('#'))
            reader_.refuse("$ref", path, "points outside the schema");
        const std::string target = value.get<std::string>();
        auto known = rules_.find(target);
        if (known == rules_.end()) {
            const Json* described = nullptr;
            try {
                described = &root_.at(Json::json_pointer(target.substr(1)));
            } catch (const Json::exception&) {
                reader_.refuse("$ref", path, "points to " + target + ", where nothing is");
            }
            const GrammarState rule = builder_.add_state();
            known = rules_.emplace(target, rule).first;
            emit(*described, target, rule, builder_.add_rule_end(), depth + 1);
        }
        builder_.call(from, known->second, to, kDeepestReference);
    }

    void emit_any_of(const Json& schema, const std::string& path, GrammarState from, GrammarState to,
                     int depth) {
        reader_.require_alone(schema, path, "anyOf");
        const Json& branches = schema["anyOf"];
        if (!branches.is_array() || branches.empty())
            reader_.refuse("anyOf", path, "should be a list of schemas");
        if (branches.size() > kMostBranches)
            reader_.refuse("anyOf", path, "has more than " + std::to_string(kMostBranches) + " branches");
        for (std::size_t i = 0; i < branches.size(); ++i)
            emit(branches[i], path + "/anyOf/" + std::to_string(i), from, to, depth + 1);
    }

    void emit_all_of(const Json& schema, const std::string& path, GrammarState from, GrammarState to,
                     int depth) {
        reader_.require_alone(schema, path, "allOf");
        const Json& parts = schema["allOf"];
        if (!parts.is_array() || parts.size() != 1)
            reader_.refuse("allOf", path, "is supported with one schema only");
        emit(parts[0], path + "/allOf/0", from, to, depth + 1);
    }

    void emit_values(const Json& schema, const std::string& path, const std::vector<std::string>& types,
                     GrammarState from, GrammarState to) {
        const std::vector<std::string> texts = reader_.texts_of(schema, path, types);
        auto dfa = ByteDfa::of_literals(texts);
        if (!dfa) reader_.refuse(schema.contains("enum") ? "enum" : "const", path, "is too large");
        emit_leaf("values " + path, path, from, to, [&] { return std::move(*dfa); });
    }

    void emit_string(const Json& schema, const std::string& path, GrammarState from, GrammarState to) {
        const LengthRange length = reader_.length_of(schema, path);
        const bool has_pattern = schema.contains("pattern"), has_format = schema.contains("format");
        if (!has_pattern && !has_format) return builder_.string(from, length, to);
        if (has_pattern && has_format) reader_.refuse("pattern", path, "is not supported beside \"format\"");
        const std::string keyword = has_pattern ? "pattern" : "format";
        if (!schema[keyword].is_string()) reader_.refuse(keyword, path, "should be a string");
        const std::string& value = schema[keyword].get_ref<const std::string&>();
        const auto format = has_format ? format_pattern(value) : std::nullopt;
        if (has_format && !format)
            reader_.refuse("format", path, "is \"" + value + "\"; supported are " + known_formats());
        try {
            const std::string key = keyword + " " + std::to_string(length.least) + " " +
                                    std::to_string(length.most) + " " + value;
            emit_leaf(key, path, builder_.text(from, "\""), to, [&] {
                CharacterNfa nfa = has_format ? parse_whole_pattern(*format) : parse_pattern(value);
                if (length.is_limited()) nfa = with_length(nfa, length);
                return to_bytes(nfa, Spelling::json_string);
            });
        } catch (const PatternError& error) {
            reader_.refuse(keyword, path, std::string("cannot be enforced, because ") + error.what());
        }
    }

    void emit_number(const Json& schema, const std::string& path, bool integers_only, GrammarState from,
                     GrammarState to) {
        const NumberRange range = reader_.range_of(schema, path, integers_only);
        const std::string key = std::string("number ") + (range.integers_only ? "i" : "n") +
                                (range.least_exclusive ? "x" : "l") + (range.most_exclusive ? "x" : "m") +
                                range.least.value_or("") + " " + range.most.value_or("");
        emit_leaf(key, path, from, to, [&] { return number_automaton(range); });
    }

    void emit_object(const SchemaReader::ObjectParts& parts, const std::string& path, GrammarState from,
                     GrammarState to, int depth) {
        const GrammarState close = builder_.add_state();  // before "}"
        builder_.byte(close, '}', to);
        const GrammarState last = builder_.add_state();  // behind a value after which the object may end
        builder_.blank(last, close);
        // key = the next property may stand here; comma = behind a value.
        const GrammarState opened = builder_.blank(builder_.text(from, "{"));
        GrammarState key = builder_.add_state();  // not the same: behind a comma a key must follow
        builder_.connect(opened, key);
        const bool may_be_empty =
            std::none_of(parts.properties.begin(), parts.properties.end(),
                         [](const SchemaReader::Property& property) { return property.required; });
        if (may_be_empty) builder_.connect(opened, close);
        std::size_t still_required = static_cast<std::size_t>(
            std::count_if(parts.properties.begin(), parts.properties.end(),
                          [](const SchemaReader::Property& property) { return property.required; }));
        for (const SchemaReader::Property& property : parts.properties) {
            const GrammarState comma = builder_.add_state(), next_key = builder_.add_state();
            const GrammarState value =
                builder_.blank(builder_.text(key, compact_json(Json(property.name)) + ":"));
            emit(*property.schema, path + "/properties/" + property.name, value, comma, depth + 1);
            if (property.required) --still_required;
            if (!property.required) builder_.connect(key, next_key);
            builder_.blank(builder_.text(comma, ","), next_key);
            if (still_required == 0) builder_.connect(comma, last);
            key = next_key;
        }
        if (!parts.additional) return;
        const GrammarState colon = builder_.add_state(), comma = builder_.add_state();
        if (parts.properties.empty()) {
            builder_.string(key, {}, colon);
        } else {
            std::vector<std::string> names;
            for (const SchemaReader::Property& property : parts.properties) names.push_back(property.name);
            auto others = keys_except(names);
            if (!others)
                reader_.refuse("additionalProperties", path, "is not supported beside so many long names");
            emit_leaf("keys " + path, path, builder_.text(key, "\""), colon,
                      [&] { return std::move(*others); });
        }
        emit(*parts.additional, path + "/additionalProperties", builder_.blank(builder_.text(colon, ":")),
             comma, depth + 1);
        builder_.blank(builder_.text(comma, ","), key);
        builder_.connect(comma, last);
    }

    void emit_array(const SchemaReader::ArrayParts& parts, const std::string& path, GrammarState from,
                    GrammarState to, int depth) {
        const GrammarState close = builder_.add_state();
        builder_.byte(close, ']', to);
        const GrammarState last = builder_.add_state();
        builder_.blank(last, close);
        const GrammarState opened = builder_.blank(builder_.text(from, "["));
        GrammarState item = builder_.add_state();  // not the same: behind a comma an item must follow
        builder_.connect(opened, item);
        if (parts.least == 0) builder_.connect(opened, close);

        // Items that differ by their place are written out; the rest is one rule that is called from each
        // place.
        std::optional<GrammarState> rest_rule;
        const auto emit_item = [&](std::uint32_t place, GrammarState begin, GrammarState end) {
            if (place < parts.first.size())
                return emit(*parts.first[place], path + "/prefixItems/" + std::to_string(place), begin, end,
                            depth + 1);
            if (!rest_rule) {
                rest_rule = builder_.add_state();
                emit(*parts.rest, path + "/items", *rest_rule, builder_.add_rule_end(), depth + 1);
            }
            builder_.call(begin, *rest_rule, end, kDeepestReference);
        };
        const bool unlimited = parts.rest && parts.most == JsonGrammar::kNoLimit;
        const auto fixed = static_cast<std::uint32_t>(parts.first.size());
        std::uint32_t places = unlimited    ? std::max(fixed, parts.least) + 1
                               : parts.rest ? parts.most
                                            : std::min(fixed, parts.most);
        for (std::uint32_t place = 0; place < places; ++place) {
            const GrammarState comma = builder_.add_state();
            emit_item(place, item, comma);
            if (place + 1 >= parts.least) builder_.connect(comma, last);
            const bool repeats = unlimited && place + 1 == places;
            const GrammarState next_item = repeats ? item : builder_.add_state();
            builder_.blank(builder_.text(comma, ","), next_item);
            item = next_item;
        }
    }

    const Json& root_;
    SchemaReader reader_;
    GrammarBuilder builder_;
    GrammarState end_ = 0;
    std::optional<GrammarState> free_object_, free_array_;
    std::map<std::string, GrammarState> rules_;  // by the $ref that leads to them
    std::map<std::string, std::uint32_t> leaves_;
    std::size_t leaf_states_ = 0;
};

}  // namespace

JsonGrammar compile_schema(const Json& schema, const std::string& where) {
    return SchemaCompiler(schema, where).compile();
}

JsonGrammar any_json_object() {
    return SchemaCompiler(Json(true), "any object").free_object();
}

}  // namespace gptoss::grammar
