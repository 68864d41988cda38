#include "grammar/json_schema.h"

#include <algorithm>
#include <map>
#include <string_view>

#include "grammar/common_automata.h"
#include "grammar/compact_json.h"
#include "grammar/grammar_builder.h"
#include "grammar/schema_reader.h"
#include "grammar/schema_reference.h"
#include "grammar/string_formats.h"

namespace gptoss::grammar {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::uint32_t kDeepestReference = 1000;
constexpr std::uint32_t kDeepestFreeJson = limits::kJsonNestingGenerated;  // scalars remain possible below it

class SchemaCompiler {
  public:
    SchemaCompiler(const Json& root, const SchemaOrigin& origin, Budget& budget)
        : root_(root), references_(root), reader_(origin, budget), builder_(budget) {
        builder_.grammar.start = builder_.add_state();
        end_ = builder_.add_rule_end();
    }

    SchemaGrammar compile() {
        const SchemaPath path("#");
        emit(root_, path, builder_.grammar.start, end_, 0);
        return finish();
    }

    SchemaGrammar free_object() {
        builder_.rule(builder_.grammar.start, free_object_rule(), end_, kDeepestFreeJson);
        return finish();
    }

  private:
    SchemaGrammar finish() {
        const SchemaPath root("#");
        if (builder_.grammar.has_left_recursion())
            reader_.refuse("$ref", root, "refers to itself without anything in between");
        if (!builder_.grammar.trim()) reader_.refuse("", root, "cannot be satisfied by any value");
        return {std::move(builder_.grammar), reader_.take_unenforced()};
    }

    // Runs `work`; a budget that runs out is reported at the place in the schema where it did.
    template <class Work>
    auto within_budget(const std::string& keyword, const SchemaPath& path, Work work) {
        try {
            return work();
        } catch (const BudgetExceeded& error) {
            reader_.refuse(keyword, path, std::string("is too large: ") + error.what());
        }
    }

    // Equal automata are made once: `key` tells them apart.
    template <class Make>
    void emit_dfa(const std::string& key, GrammarState from, GrammarState to, Make make) {
        auto known = dfas_.find(key);
        if (known == dfas_.end()) known = dfas_.emplace(key, builder_.add_dfa(make())).first;
        builder_.dfa(from, known->second, to);
    }

    // JSON that no schema describes.
    void free_value(GrammarState from, GrammarState to) {
        emit_number({}, from, to);
        for (const char* word : {"true", "false", "null"}) builder_.text(from, word, to);
        builder_.string(from, {}, to);
        builder_.rule(from, free_object_rule(), to, kDeepestFreeJson);
        builder_.rule(from, free_array_rule(), to, kDeepestFreeJson);
    }

    GrammarState free_object_rule() {
        if (free_object_) return *free_object_;
        free_object_ = builder_.add_state();
        const SchemaPath path("#");
        emit_object({{}, &anything_}, path, *free_object_, builder_.add_rule_end(), 0);
        return *free_object_;
    }

    GrammarState free_array_rule() {
        if (free_array_) return *free_array_;
        free_array_ = builder_.add_state();
        const SchemaPath path("#");
        emit_array({{}, &anything_, 0, Grammar::kNoLimit}, path, *free_array_, builder_.add_rule_end(), 0);
        return *free_array_;
    }

    // Adds what `schema` describes between two states.
    void emit(const Json& schema, const SchemaPath& path, GrammarState from, GrammarState to, int depth) {
        if (depth > static_cast<int>(limits::kSchemaDepth))
            reader_.refuse("", path,
                           "is nested deeper than " + std::to_string(limits::kSchemaDepth) + " levels");
        if (schema.is_boolean()) {
            if (schema.get<bool>()) within_budget("", path, [&] { free_value(from, to); });
            return;  // false: nothing leads from here to there
        }
        if (!schema.is_object()) reader_.refuse("", path, "is not a schema");
        within_budget("", path, [&] { emit_keywords(schema, path, from, to, depth); });
    }

    void emit_keywords(const Json& schema, const SchemaPath& path, GrammarState from, GrammarState to,
                       int depth) {
        reader_.check_supported(schema, path);
        if (schema.value("nullable", Json(false)) == true) builder_.text(from, "null", to);
        if (schema.contains("$ref")) return emit_reference(schema, path, from, to, depth);
        for (const char* keyword : {"anyOf", "allOf", "oneOf"}) {
            if (!schema.contains(keyword)) continue;
            // Where the schema is not strict, what stands beside the branches says more than they do.
            if (!reader_.is_strict() && reader_.demands_more_than(schema, keyword)) {
                if (std::string_view(keyword) != "oneOf") reader_.give_up(keyword, path, "");
                continue;
            }
            if (std::string_view(keyword) == "allOf") return emit_all_of(schema, path, from, to, depth);
            return emit_branches(schema, keyword, path, from, to, depth);
        }
        const std::vector<std::string> types = reader_.types_of(schema, path);
        if (schema.contains("enum") || schema.contains("const"))
            return emit_values(schema, path, types, from, to);
        if (types.empty()) return free_value(from, to);
        for (const auto& type : types) emit_type(type, schema, path, from, to, depth);
    }

    void emit_type(const std::string& type, const Json& schema, const SchemaPath& path, GrammarState from,
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

    void emit_reference(const Json& schema, const SchemaPath& path, GrammarState from, GrammarState to,
                        int depth) {
        reader_.require_alone(schema, path, "$ref");
        const Json& value = schema["$ref"];
        if (!value.is_string()) reader_.refuse("$ref", path, "should be a string");
        const std::string& target = value.get_ref<const std::string&>();
        if (!target.starts_with('#')) {
            reader_.give_up("$ref", path, "points outside the schema");
            return free_value(from, to);
        }
        auto known = rules_.find(target);
        if (known == rules_.end()) {
            builder_.budget().spend_steps(1 + target.size());
            const Json* described = references_.find(target);
            if (!described) reader_.refuse("$ref", path, "points to " + target + ", where nothing is");
            const GrammarState rule = builder_.add_state();
            known = rules_.emplace(target, rule).first;
            emit(*described, SchemaPath(known->first), rule, builder_.add_rule_end(), depth + 1);
        }
        builder_.rule(from, known->second, to, kDeepestReference);
    }

    void emit_branches(const Json& schema, const std::string& keyword, const SchemaPath& path,
                       GrammarState from, GrammarState to, int depth) {
        reader_.require_alone(schema, path, keyword);
        const Json& branches = schema[keyword];
        if (!branches.is_array() || branches.empty())
            reader_.refuse(keyword, path, "should be a list of schemas");
        if (branches.size() > limits::kSchemaAnyOfBranches)
            reader_.refuse(keyword, path,
                           "has more than " + std::to_string(limits::kSchemaAnyOfBranches) + " branches");
        for (std::size_t i = 0; i < branches.size(); ++i)
            emit(branches[i], SchemaPath(path, keyword, i), from, to, depth + 1);
    }

    void emit_all_of(const Json& schema, const SchemaPath& path, GrammarState from, GrammarState to,
                     int depth) {
        reader_.require_alone(schema, path, "allOf");
        const Json& parts = schema["allOf"];
        if (!parts.is_array() || parts.empty()) reader_.refuse("allOf", path, "should be a list of schemas");
        if (parts.size() != 1) {
            reader_.give_up("allOf", path, "is supported with one schema only");
            return free_value(from, to);
        }
        emit(parts[0], SchemaPath(path, "allOf", std::size_t{0}), from, to, depth + 1);
    }

    void emit_values(const Json& schema, const SchemaPath& path, const std::vector<std::string>& types,
                     GrammarState from, GrammarState to) {
        const std::vector<std::string> texts = reader_.texts_of(schema, path, types);
        if (texts.empty()) return;
        within_budget(schema.contains("enum") ? "enum" : "const", path, [&] {
            const auto last = static_cast<std::uint32_t>(texts.size() - 1);
            builder_.literal(from, builder_.add_literals(texts), 0, last, to);
        });
    }

    void emit_string(const Json& schema, const SchemaPath& path, GrammarState from, GrammarState to) {
        const LengthRange length = reader_.length_of(schema, path);
        bool has_pattern = schema.contains("pattern");
        bool has_format = schema.contains("format");
        if (has_pattern && has_format) {
            reader_.give_up(reader_.is_strict() ? "pattern" : "format", path,
                            "is not supported beside \"format\"");
            has_format = false;
        }
        const std::string keyword = has_pattern ? "pattern" : "format";
        if (!has_pattern && !has_format) return builder_.string(from, length, to);
        if (!schema[keyword].is_string()) reader_.refuse(keyword, path, "should be a string");
        const std::string& value = schema[keyword].get_ref<const std::string&>();
        const auto format = has_format ? format_pattern(value) : std::nullopt;
        if (has_format && !format) {
            reader_.give_up("format", path, "is \"" + value + "\"; supported are " + known_formats());
            return builder_.string(from, length, to);
        }
        try {
            within_budget(keyword, path, [&] {
                emit_pattern(keyword, format.value_or(value), has_format, length, from, to);
            });
        } catch (const UnsupportedPattern& error) {
            reader_.give_up(keyword, path, std::string("cannot be enforced, because ") + error.what());
            builder_.string(from, length, to);
        } catch (const PatternError& error) {
            reader_.refuse(keyword, path, std::string("is no pattern, because ") + error.what());
        }
    }

    void emit_pattern(const std::string& keyword, const std::string& pattern, bool is_whole,
                      LengthRange length, GrammarState from, GrammarState to) {
        Budget& budget = builder_.budget();
        const std::string key =
            keyword + " " + std::to_string(length.least) + " " + std::to_string(length.most) + " " + pattern;
        const auto make = [&](Budget& paid) {
            PatternOptions options;
            options.whole = is_whole;
            CharacterNfa nfa = parse_pattern(pattern, options, paid);
            if (length.is_limited()) nfa = with_length(nfa, length, paid);
            return to_bytes(nfa, Spelling::json_string, paid);
        };
        const GrammarState inside = builder_.add_state();
        emit_dfa(key, inside, to, [&] {
            const bool is_common = is_whole && !length.is_limited();
            return is_common ? common_automata().get(key, budget, make)
                             : std::make_shared<const ByteDfa>(make(budget));
        });
        builder_.byte(from, '"', inside);
    }

    void emit_number(const Json& schema, const SchemaPath& path, bool integers_only, GrammarState from,
                     GrammarState to) {
        emit_number(reader_.range_of(schema, path, integers_only), from, to);
    }

    void emit_number(const NumberRange& range, GrammarState from, GrammarState to) {
        const bool is_common = !range.least && !range.most;
        std::string key = range.integers_only ? "integer" : "number";
        if (!is_common)
            key += std::string(range.least_exclusive ? " x" : " ") + range.least.value_or("") +
                   (range.most_exclusive ? " x" : " ") + range.most.value_or("");
        const auto make = [&](Budget& paid) { return number_automaton(range, paid); };
        emit_dfa(key, from, to, [&] {
            return is_common ? common_automata().get(key, builder_.budget(), make)
                             : std::make_shared<const ByteDfa>(make(builder_.budget()));
        });
    }

    void emit_object(const SchemaReader::ObjectParts& parts, const SchemaPath& path, GrammarState from,
                     GrammarState to, int depth);
    void emit_array(const SchemaReader::ArrayParts& parts, const SchemaPath& path, GrammarState from,
                    GrammarState to, int depth);

    const Json anything_ = true;
    const Json& root_;
    SchemaReferences references_;
    SchemaReader reader_;
    GrammarBuilder builder_;
    GrammarState end_ = 0;
    std::optional<GrammarState> free_object_, free_array_;
    std::map<std::string, GrammarState> rules_;  // by the $ref that leads to them
    std::map<std::string, std::uint32_t> dfas_;
};

void SchemaCompiler::emit_object(const SchemaReader::ObjectParts& parts, const SchemaPath& path,
                                 GrammarState from, GrammarState to, int depth) {
    const auto count = static_cast<std::uint32_t>(parts.properties.size());
    // Of the properties from a place on, the first that may not be left out; `count` = none.
    std::vector<std::uint32_t> next_required(count + std::size_t{1}, count);
    for (std::uint32_t i = count; i-- > 0;)
        next_required[i] = parts.properties[i].required ? i : next_required[i + 1];

    const GrammarState close = builder_.add_state();  // before "}"
    builder_.byte(close, '}', to);
    const GrammarState last = builder_.add_state();  // behind a value after which the object may end
    builder_.blank(last, close);
    const GrammarState opened = builder_.blank(builder_.text(from, "{"));
    if (next_required[0] == count) builder_.connect(opened, close);

    std::vector<std::string> names;      // as they are written, behind the opening quote
    std::vector<GrammarState> name_end;  // behind each name
    for (const SchemaReader::Property& property : parts.properties) {
        names.push_back(compact_json(Json(property.name)).substr(1));
        name_end.push_back(builder_.add_state());
    }
    const std::uint32_t listed = count > 0 ? builder_.add_literals(names, name_end) : 0;

    // key[i]: property i or a later one may stand here; the last one: only what is not listed.
    const GrammarState other_end = builder_.add_state();
    std::vector<GrammarState> key;
    for (std::uint32_t i = 0; i <= count; ++i) {
        key.push_back(builder_.add_state());
        const bool others = parts.additional && next_required[i] == count;
        if (i == count && !others) continue;
        const GrammarState quoted = builder_.text(key[i], "\"");
        if (i < count) builder_.literal(quoted, listed, i, std::min(next_required[i], count - 1));
        if (others && count > 0) builder_.other_key(quoted, listed, other_end);
        if (others && count == 0) builder_.string(key[i], {}, other_end);
    }
    builder_.connect(opened, key[0]);

    const auto emit_value = [&](const Json& schema, const SchemaPath& at, GrammarState behind_name,
                                GrammarState next_key, bool may_end) {
        const GrammarState comma = builder_.add_state();
        emit(schema, at, builder_.blank(builder_.text(behind_name, ":")), comma, depth + 1);
        builder_.blank(builder_.text(comma, ","), next_key);
        if (may_end) builder_.connect(comma, last);
    };
    for (std::uint32_t i = 0; i < count; ++i)
        emit_value(*parts.properties[i].schema, SchemaPath(path, "properties", parts.properties[i].name),
                   name_end[i], key[i + 1], next_required[i + 1] == count);
    if (parts.additional)
        emit_value(*parts.additional, SchemaPath(path, "additionalProperties"), other_end, key[count], true);
}

void SchemaCompiler::emit_array(const SchemaReader::ArrayParts& parts, const SchemaPath& path,
                                GrammarState from, GrammarState to, int depth) {
    const GrammarState close = builder_.add_state();
    builder_.byte(close, ']', to);
    const GrammarState last = builder_.add_state();
    builder_.blank(last, close);
    const GrammarState opened = builder_.blank(builder_.text(from, "["));
    GrammarState item = builder_.add_state();  // not the same: behind a comma an item must follow
    builder_.connect(opened, item);
    if (parts.least == 0) builder_.connect(opened, close);

    const bool unlimited = parts.rest && parts.most == Grammar::kNoLimit;
    const auto fixed =
        static_cast<std::uint32_t>(std::min<std::size_t>(parts.first.size(), limits::kGrammarStates));
    const std::uint32_t places = unlimited    ? std::max(fixed, parts.least) + 1
                                 : parts.rest ? parts.most
                                              : std::min(fixed, parts.most);
    // Items that differ by their place are written out. The rest is one rule, unless it stands at one place.
    const bool rest_is_rule = places > fixed + 1;
    std::optional<GrammarState> rest_rule;
    const auto emit_item = [&](std::uint32_t place, GrammarState begin, GrammarState end) {
        if (place < fixed)
            return emit(*parts.first[place], SchemaPath(path, "prefixItems", std::size_t{place}), begin, end,
                        depth + 1);
        const SchemaPath items(path, "items");
        if (!rest_is_rule) return emit(*parts.rest, items, begin, end, depth + 1);
        if (!rest_rule) {
            rest_rule = builder_.add_state();
            emit(*parts.rest, items, *rest_rule, builder_.add_rule_end(), depth + 1);
        }
        builder_.rule(begin, *rest_rule, end, kDeepestReference);
    };
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

}  // namespace

SchemaGrammar compile_schema(const Json& schema, const SchemaOrigin& origin, Budget& budget) {
    try {
        return SchemaCompiler(schema, origin, budget).compile();
    } catch (const BudgetExceeded& error) {  // others of the request have left nothing
        SchemaReader(origin, budget)
            .refuse("", SchemaPath("#"), std::string("is too large: ") + error.what());
    }
}

Grammar any_json_object() {
    Budget budget;
    const Json anything = true;
    const SchemaOrigin origin{"any object", "", true};
    return SchemaCompiler(anything, origin, budget).free_object().grammar;
}

}  // namespace gptoss::grammar
