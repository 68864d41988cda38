// Random schemas, patterns and Lark grammars, drawn from grammars of their own: each is refused or compiled
// within the budget, and what was compiled can be read from any place to its end. 10,000 of them;
// GPTOSS_RANDOM_GRAMMARS=1000000 asks for more.
#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>
#include <random>

#include "base/error.h"
#include "grammar/custom_grammar.h"
#include "grammar/json_schema.h"
#include "grammar/progress.h"
#include "support/rounds.h"

namespace gptoss::grammar {
namespace {

using Json = nlohmann::ordered_json;

class Draw {
  public:
    explicit Draw(std::uint64_t seed) : random_(seed) {}

    std::size_t below(std::size_t count) { return random_() % count; }
    bool one_in(std::size_t count) { return below(count) == 0; }
    template <class Choice>
    Choice of(std::initializer_list<Choice> choices) {
        return *(choices.begin() + below(choices.size()));
    }
    // Mostly small, now and then a bound or beyond it.
    std::size_t size() {
        if (one_in(2000))
            return of({std::size_t{500}, std::size_t{1000}, std::size_t{10000}, std::size_t{20000}});
        return below(one_in(30) ? 40 : 5);
    }

    std::string pattern(int depth = 0) {
        std::string out = depth == 0 && one_in(2) ? "^" : "";
        for (std::size_t parts = below(4); parts-- > 0;) out += piece(depth);
        if (one_in(5)) out += "|" + piece(depth);
        if (depth == 0 && one_in(2)) out += "$";
        if (one_in(300))
            for (std::size_t i = size() + 1; i-- > 0;) out += of({"*", "{1}", "?", "(", "a"});
        return out;
    }

    std::string piece(int depth) {
        std::string atom =
            one_in(3) && depth < 4
                ? "(" + of<std::string>({"", "?:", "?<n>"}) + pattern(depth + 1) + ")"
                : of<std::string>({"a", "b", ".", "[ab]", "[^a]", "\\d", "\\w", "\\S", "x", "é", "[\\s\\S]",
                                   "\\u{1F600}", "\\\"", "[a-z0-9_]", "\\\\", "\\n", "()"});
        if (one_in(2)) atom += of<std::string>({"*", "+", "?", "*?"});
        if (one_in(4)) atom += "{" + std::to_string(size()) + of<std::string>({"", ",", ",9", ",500"}) + "}";
        return atom;
    }

    Json schema(int depth = 0) {
        if (depth > 5 || one_in(8)) return of<Json>({true, Json::object(), {{"type", "null"}}, false});
        Json out = Json::object();
        switch (below(9)) {
            case 0: {
                out = {{"type", "string"}};
                if (one_in(2)) out["pattern"] = pattern();
                if (one_in(3)) out["minLength"] = size();
                if (one_in(3)) out["maxLength"] = size() * 3;
                break;
            }
            case 1:
                out = {{"type", "string"},
                       {"format", of({"date", "email", "uri", "ipv6", "time", "duration", "uuid", "hostname",
                                      "uri-reference", "json-pointer", "other"})}};
                break;
            case 2:
                out = {{"type", of({"integer", "number"})}};
                for (const char* keyword : {"minimum", "maximum", "exclusiveMinimum", "multipleOf"})
                    if (one_in(3))
                        out[keyword] = of<Json>({0, 1, -5, 0.25, 1e10, -1e-7, 18446744073709551615U, 1e300});
                break;
            case 3:
                out["enum"] = Json::array();
                for (std::size_t i = size(); i-- > 0;)
                    out["enum"].push_back(
                        of<Json>({i, std::string(below(5), 'x') + std::to_string(i), nullptr}));
                break;
            case 4:
                out = {{"type", "array"}, {"items", schema(depth + 1)}};
                if (one_in(3)) out["minItems"] = size();
                if (one_in(3)) out["maxItems"] = size();
                if (one_in(5)) out["prefixItems"] = Json::array({schema(depth + 1), schema(depth + 1)});
                break;
            case 5: {
                const char* keyword = of({"anyOf", "anyOf", "oneOf", "allOf"});
                out[keyword] = Json::array();
                const Json branch = schema(depth + 1);
                for (std::size_t i = size() + 1; i-- > 0;)
                    out[keyword].push_back(one_in(2) || i > 20 ? branch : schema(depth + 1));
                break;
            }
            case 6:
                out["$ref"] = of({"#", "#/$defs/a", "#/$defs/b", "#/%24defs/a", "#/nowhere", "x"});
                break;
            default:
                out["type"] = "object";
                for (std::size_t i = size(), all = i; i-- > 0;) {
                    const std::string name =
                        of<std::string>({"a", "b", "name", "é\"", ""}) + std::to_string(i);
                    out["properties"][name] = all > 20 ? Json{{"type", "integer"}} : schema(depth + 1);
                    if (one_in(2)) out["required"].push_back(name);
                }
                if (one_in(3)) out["additionalProperties"] = schema(depth + 1);
        }
        if (one_in(12)) out[of({"nullable", "uniqueItems", "not", "if", "title", "type"})] = true;
        if (depth == 0) out["$defs"] = {{"a", schema(1)}, {"b", schema(2)}};
        return out;
    }

    std::string lark(int depth = 0) {
        std::string out;
        for (std::size_t parts = 1 + below(3); parts-- > 0;) {
            out += one_in(3) && depth < 3
                       ? "(" + lark(depth + 1) + ")"
                       : of<std::string>({"\"a\"", "\"ab\"i", "/[a-c]+/", "a", "b", "c", "T", "U", "INT",
                                          "\"x\"..\"z\"", "/" + piece(3) + "/"});
            out += of<std::string>({"", "", "?", "*", "+", "~2", "~1..3"}) + " ";
        }
        return one_in(3) ? out + "| " + lark(depth + 1) : out;
    }

    std::string lark_grammar() {
        std::string out = "start: " + lark() + "\na: " + lark() + "\nb: " + lark() +
                          "\nc: \"c\"\nT: \"t\" U?\nU: \"u\"+\n"
                          "%import common.INT\n";
        if (one_in(4)) out += "%ignore \" \"\n";
        if (one_in(20)) out[below(out.size())] = of({'(', '"', '\n', '~', '|', '/'});
        return out;
    }

  private:
    std::mt19937_64 random_;
};

// From every place something may follow, or the text is complete.
void walk(const Grammar& grammar, Draw& draw) {
    Progress progress = begin(grammar);
    ASSERT_FALSE(progress.is_dead());
    for (int i = 0; i < 24; ++i) {
        ASSERT_LE(progress.places.size(), limits::kLiveStates);
        std::vector<Progress> ways;
        const auto try_byte = [&](char byte) {
            Progress next = step(grammar, progress, static_cast<std::uint8_t>(byte));
            if (!next.is_dead()) ways.push_back(std::move(next));
        };
        constexpr std::string_view kLikely = "\"{}[],: abcxn0123eE.-+truefalsu\\\n@/TP";
        const std::size_t first = draw.below(kLikely.size());
        for (std::size_t k = 0; k < kLikely.size() && ways.size() < 2; ++k)
            try_byte(kLikely[(first + k) % kLikely.size()]);
        for (int byte = 0; byte < 256 && ways.empty(); ++byte) try_byte(static_cast<char>(byte));
        if (ways.empty()) {
            ASSERT_TRUE(progress.complete);
            return;
        }
        progress = std::move(ways[draw.below(ways.size())]);
    }
}

double thread_seconds() {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

TEST(RandomGrammars, AreRefusedOrCompiledWithinTheBudget) {
    const char* asked = std::getenv("GPTOSS_RANDOM_GRAMMARS");
    const long rounds = asked ? std::atol(asked) : test::rounds(10000);
    int compiled = 0, refused = 0;
    double slowest_s = 0;
    for (long round = 0; round < rounds; ++round) {
        Draw draw(static_cast<std::uint64_t>(round));
        const std::string text = round % 4 == 0 ? draw.lark_grammar() : round % 4 == 1 ? draw.pattern() : "";
        const auto schema = round % 4 > 1 ? draw.schema() : nlohmann::ordered_json();
        const double begin_s = thread_seconds();  // drawing is the test's own work
        Budget budget;
        std::optional<Grammar> grammar;
        try {
            if (round % 4 == 0)
                grammar = compile_lark(text, {"the test", ""}, budget);
            else if (round % 4 == 1)
                grammar = compile_regex(text, {"the test", ""}, budget);
            else
                grammar = compile_schema(schema, {"the test", "", round % 4 == 2}, budget).grammar;
            ++compiled;
        } catch (const Error& error) {
            ASSERT_EQ(error.code(), ErrorCode::request_invalid) << round;
            ++refused;
        }
        const double took_s = thread_seconds() - begin_s;
        slowest_s = std::max(slowest_s, took_s);
        ASSERT_LT(took_s, 2.0) << round << ": what a request may cost";
        if (grammar) walk(*grammar, draw);
        ASSERT_FALSE(HasFatalFailure()) << round;
    }
    RecordProperty("slowest_ms", static_cast<int>(1000 * slowest_s));
    if (asked) std::printf("%d compiled, %d refused, slowest %.3f s\n", compiled, refused, slowest_s);
    EXPECT_GT(compiled, rounds / 4);
    EXPECT_GT(refused, rounds / 50);
}

}  // namespace
}  // namespace gptoss::grammar
