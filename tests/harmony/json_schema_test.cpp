#include "harmony/json_schema.h"

#include <gtest/gtest.h>

#include <set>

#include "base/error.h"
#include "constraint_walk.h"
#include "harmony/constraint.h"
#include "schema_validator.h"
#include "support/rounds.h"

namespace gptoss::harmony {
namespace {

using test::Json;
using test::small_tokenizer;

bool accepts(const JsonGrammar& grammar, std::string_view text) {
    return JsonGrammar::is_complete(grammar.step(grammar.begin(), text));
}

struct SchemaCase {
    const char* schema;
    std::vector<const char*> accepted;
    std::vector<const char*> refused;
};

const SchemaCase kCases[] = {
    {R"({"type":"string"})",
     {R"("")", R"("a é € 😀")", R"("\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00")"},
     {"", "\"", "a", "\"\n\"", R"("\x")", R"("\u12g4")", R"("\ud83d")", R"("\ude00")", R"("\ud83dx")",
      "\"\xC3\"", "\"\xED\xA0\x80\"", R"(""")", R"("a" )"}},
    {R"({"type":"string","minLength":2,"maxLength":3})",
     {R"("ab")", R"("aé€")", R"("\u00e9\ud83d\ude00")", R"("😀😀😀")"},
     {R"("a")", R"("abcd")", R"("\n")"}},
    {R"({"type":"integer"})",
     {"0", "-1", "120", "9999999999999999999"},
     {"-0", "01", "1.0", "1e3", "+1", "--1", "-"}},
    {R"({"type":"number"})",
     {"0", "-0.5", "1.25", "1e9", "1E-09", "-3.0e+1"},
     {".5", "1.", "1e", "01", "0x1"}},
    {R"({"type":"boolean"})", {"true", "false"}, {"True", "null", "tru"}},
    {R"({"type":"null"})", {"null"}, {"nul", "0"}},
    {R"({"type":["integer","null"]})", {"3", "null"}, {"3.5", "true"}},
    {R"({"type":"string","nullable":true})", {"null", R"("a")"}, {"1"}},
    {R"({"type":"integer","minimum":3,"maximum":120})",
     {"3", "9", "10", "99", "100", "120"},
     {"2", "0", "-5", "121", "200", "1000", "03"}},
    {R"({"type":"integer","minimum":-5,"maximum":5})", {"-5", "-1", "0", "5"}, {"-6", "6", "-10", "-0"}},
    {R"({"type":"integer","maximum":-3})", {"-3", "-4", "-30"}, {"-2", "0", "3"}},
    {R"({"type":"integer","minimum":2.5})", {"3", "10"}, {"2", "1"}},
    {R"({"type":"integer","exclusiveMinimum":0})", {"1", "10"}, {"0", "-1"}},
    {R"({"type":"integer","minimum":9007199254740993,"maximum":9007199254740993})",
     {"9007199254740993"},
     {"9007199254740992", "9007199254740994"}},
    {R"({"type":"number","minimum":0,"maximum":1})",
     {"0", "1", "0.5", "1.0", "0.000", "0.999"},
     {"1.01", "-0.5", "-0", "2", "1.0000001"}},
    {R"({"type":"number","exclusiveMinimum":0.25,"maximum":10.5})",
     {"0.2500001", "0.26", "1", "9.999", "10.5", "10.50"},
     {"0.25", "0.250", "0", "10.51", "11"}},
    {R"({"type":"number","minimum":-1.5,"exclusiveMaximum":-0.5})",
     {"-1.5", "-1", "-0.51", "-0.500001"},
     {"-0.5", "-1.51", "0", "-2", "-0.50"}},
    {R"({"type":"number","minimum":0,"exclusiveMinimum":true})", {"0.1", "1"}, {"0", "0.0"}},
    {R"({"type":"number","minimum":1,"exclusiveMinimum":1})", {"1.1"}, {"1", "1.0"}},
    {R"({"enum":["a","b\"c",1,null,{"x":[1,2]}]})",
     {R"("a")", R"("b\"c")", "1", "null", R"({"x":[1,2]})"},
     {R"("c")", "12", "2", R"({"x":[1, 2]})"}},
    {R"({"type":"string","enum":["a",1]})", {R"("a")"}, {"1"}},
    {R"({"const":"only"})", {R"("only")"}, {R"("onl")", "null"}},
    {R"({"type":"array","items":{"type":"integer"}})",
     {"[]", "[1]", "[1,2]", "[1, 2]", "[ ]", "[\n  1,\n  2\n]"},
     {"[1,]", "[,1]", "[1 ,2]", R"(["a"])", "[1", "[  1]"}},
    {R"({"type":"array","items":{"type":"integer"},"minItems":2,"maxItems":3})",
     {"[1,2]", "[1,2,3]"},
     {"[]", "[1]", "[1,2,3,4]"}},
    {R"({"type":"array","maxItems":0})", {"[]"}, {"[1]"}},
    {R"({"type":"array","prefixItems":[{"type":"integer"},{"type":"string"}],"items":false})",
     {"[]", "[1]", R"([1,"a"])"},
     {R"(["a"])", R"([1,"a",2])"}},
    {R"({"type":"array","prefixItems":[{"type":"integer"}],"items":{"type":"string"},"minItems":1})",
     {"[1]", R"([1,"a","b"])"},
     {"[]", "[1,2]"}},
    {R"({"type":"array"})", {"[]", R"([1,"a",{"b":[null]}])"}, {"[", "[1"}},
    {R"({"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"string"}},"required":["a","b"],"additionalProperties":false})",
     {R"({"a":1,"b":"x"})", R"({"a": 1, "b": "x"})", "{\n  \"a\": 1,\n  \"b\": \"x\"\n}"},
     {"{}", R"({"a":1})", R"({"b":"x","a":1})", R"({"a":1,"b":"x","c":2})", R"({"a":1,"b":"x",})",
      R"({"a" :1,"b":"x"})"}},
    {R"({"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"integer"},"c":{"type":"integer"}},"required":["b"]})",
     {R"({"b":1})", R"({"a":1,"b":1})", R"({"b":1,"c":1})", R"({"a":1,"b":1,"c":1})"},
     {"{}", R"({"a":1})", R"({"a":1,"c":1})", R"({"b":1,"d":1})", R"({,"b":1})"}},
    {R"({"type":"object","properties":{"a":{"type":"integer"}}})",
     {"{}", "{ }", R"({"a":1})"},
     {R"({"b":1})", R"({"a":1,"a":2})"}},
    {R"({"type":"object","properties":{"ab":{"type":"integer"}},"required":["ab"],"additionalProperties":{"type":"string"}})",
     {R"({"ab":1})", R"({"ab":1,"a":"x"})", R"({"ab":1,"abc":"x","":"y"})", R"({"ab":1,"x\ny":"z","é":"w"})"},
     {R"({"ab":1,"ab":"x"})", R"({"ab":1,"a\u0062":"x"})", R"({"ab":1,"c":2})", R"({"a":"x","ab":1})"}},
    {R"({"type":"object"})", {"{}", R"({"any":{"thing":[1,true]}})"}, {"[]", R"({"a"})", R"({1:2})"}},
    {R"({"type":"object","additionalProperties":false})", {"{}"}, {R"({"a":1})"}},
    {R"({"type":"object","required":["x"]})", {R"({"x":1})"}, {"{}", R"({"y":1})"}},
    {R"({"anyOf":[{"type":"object","properties":{"k":{"const":"a"},"x":{"type":"integer"}},"required":["k","x"]},
                  {"type":"object","properties":{"k":{"const":"b"},"y":{"type":"string"}},"required":["k","y"]},{"type":"null"}]})",
     {R"({"k":"a","x":1})", R"({"k":"b","y":"s"})", "null"},
     {R"({"k":"a","y":"s"})", R"({"k":"b","x":1})", R"({"k":"c"})"}},
    {R"({"$defs":{"node":{"type":"object","properties":{"v":{"type":"integer"},"next":{"anyOf":[{"$ref":"#/$defs/node"},{"type":"null"}]}},"required":["v","next"]}},"$ref":"#/$defs/node"})",
     {R"({"v":1,"next":null})", R"({"v":1,"next":{"v":2,"next":{"v":3,"next":null}}})"},
     {R"({"v":1})", R"({"v":1,"next":{}})"}},
    {R"({"type":"object","properties":{"child":{"$ref":"#"}}})",
     {"{}", R"({"child":{"child":{}}})"},
     {R"({"child":1})"}},
    {R"({"allOf":[{"type":"integer"}],"description":"d","title":"t"})", {"1"}, {"\"a\""}},
    {R"({"properties":{"a":{"type":"integer"}},"required":["a"]})", {R"({"a":1})"}, {"1", "{}"}},
    {R"({"minimum":5})", {"5", "6.5"}, {"4"}},
    {R"({"x-order":1,"title":"free"})", {"1", "{}", "[]", "\"a\"", "null", "true"}, {"", "nul"}},
    {R"({"type":"string","pattern":"^[a-z]{2,4}-\\d+$"})",
     {R"("ab-1")", R"("abcd-999")"},
     {R"("a-1")", R"("abcde-1")", R"("ab-")", R"("ab-1x")"}},
    {R"({"type":"string","pattern":"b"})", {R"("b")", R"("abc")", R"("\"b\\")"}, {R"("")", R"("ac")"}},
    {R"({"type":"string","pattern":"^\"\\\\\\n$"})", {R"("\"\\\n")"}, {R"("x")"}},
    {R"({"type":"string","pattern":"^[^a]*$"})", {R"("")", R"("é😀\n\u0001")"}, {R"("a")"}},
    {R"({"type":"string","pattern":"^a*$","minLength":2,"maxLength":3})",
     {R"("aa")", R"("aaa")"},
     {R"("a")", R"("aaaa")"}},
    {R"({"type":"string","format":"date"})",
     {R"("2024-02-29")", R"("2023-12-31")", R"("2000-02-29")"},
     {R"("2023-02-29")", R"("1900-02-29")", R"("2023-04-31")", R"("2023-13-01")", R"("23-01-01")"}},
    {R"({"type":"string","format":"date-time"})",
     {R"("2024-02-29T23:59:59Z")", R"("2024-01-01T00:00:00.123+02:00")"},
     {R"("2024-01-01 00:00:00Z")", R"("2024-01-01T24:00:00Z")", R"("2024-01-01T00:00:00")"}},
    {R"({"type":"string","format":"time"})", {R"("12:34:56Z")"}, {R"("12:34")", R"("12:60:00Z")"}},
    {R"({"type":"string","format":"duration"})",
     {R"("P1D")", R"("P1Y2M3DT4H5M6S")", R"("PT5M")", R"("P2W")"},
     {R"("P")", R"("PT")", R"("P1S")", R"("1D")"}},
    {R"({"type":"string","format":"uuid"})",
     {R"("123e4567-e89b-12d3-a456-426614174000")"},
     {R"("123e4567e89b12d3a456426614174000")"}},
    {R"({"type":"string","format":"ipv4"})",
     {R"("0.0.0.0")", R"("255.1.20.199")"},
     {R"("256.1.1.1")", R"("1.1.1")", R"("01.1.1.1")"}},
    {R"({"type":"string","format":"ipv6"})",
     {R"("::")", R"("::1")", R"("2001:db8::ff00:42:8329")", R"("1:2:3:4:5:6:7:8")", R"("1::")"},
     {R"(":")", R"("1:2:3:4:5:6:7")", R"("1::2::3")", R"("12345::")", R"("1:2:3:4:5:6:7:8:9")"}},
    {R"({"type":"string","format":"email"})",
     {R"("a.b+c@example.co.uk")"},
     {R"("a@b")", R"("@b.de")", R"("a b@c.de")"}},
    {R"({"type":"string","format":"hostname"})",
     {R"("example.com")", R"("a-b")"},
     {R"("-a.com")", R"("a..b")"}},
    {R"({"type":"string","format":"uri"})",
     {R"("https://example.com/a/b?x=1#y")", R"("http://a:8080")"},
     {R"("example.com")", R"("http://a b")", R"("http://a/%zz")"}},
    {R"({"type":"integer","format":"int32"})", {"1"}, {"\"1\""}},
};

TEST(JsonSchema, AcceptsAndRefuses) {
    for (const SchemaCase& schema : kCases) {
        const JsonGrammar grammar = compile_schema(Json::parse(schema.schema), "the test");
        for (const char* text : schema.accepted)
            EXPECT_TRUE(accepts(grammar, text)) << schema.schema << "\n" << text;
        for (const char* text : schema.refused)
            EXPECT_FALSE(accepts(grammar, text)) << schema.schema << "\n" << text;
    }
}

// What is said to be valid here is so for the reference as well (which knows no formats).
TEST(JsonSchema, AgreesWithTheReference) {
    for (const SchemaCase& schema : kCases) {
        if (std::string_view(schema.schema).find("\"format\"") != std::string_view::npos ||
            std::string_view(schema.schema).find("nullable") != std::string_view::npos ||
            std::string_view(schema.schema).find("true}") != std::string_view::npos)
            continue;
        const Json parsed = Json::parse(schema.schema);
        for (const char* text : schema.accepted)
            EXPECT_TRUE(test::is_valid(parsed, Json::parse(text), parsed)) << schema.schema << "\n" << text;
    }
}

TEST(JsonSchema, NamesWhatItDoesNotSupport) {
    const std::tuple<const char*, const char*, const char*> cases[] = {
        {R"({"oneOf":[]})", "oneOf", "#"},
        {R"({"type":"object","properties":{"a":{"not":{}}}})", "not", "#/properties/a"},
        {R"({"type":"array","items":{"type":"integer","multipleOf":2}})", "multipleOf", "#/items"},
        {R"({"type":"array","uniqueItems":true})", "uniqueItems", "#"},
        {R"({"type":"object","patternProperties":{}})", "patternProperties", "#"},
        {R"({"if":{}})", "if", "#"},
        {R"({"anyOf":[{"type":"integer"},{"contains":{}}]})", "contains", "#/anyOf/1"},
        {R"({"anyOf":[{}],"type":"object"})", "anyOf", "#"},
        {R"({"$ref":"#/$defs/a","type":"object","$defs":{"a":true}})", "$ref", "#"},
        {R"({"$ref":"#/$defs/b"})", "$ref", "#"},
        {R"({"$ref":"http://example.com/schema"})", "$ref", "#"},
        {R"({"$defs":{"a":{"$ref":"#/$defs/a"}},"$ref":"#/$defs/a"})", "$ref", "#"},
        {R"({"allOf":[{},{}]})", "allOf", "#"},
        {R"({"type":"tuple"})", "type", "#"},
        {R"({"enum":["a"],"minLength":1})", "enum", "#"},
        {R"-({"type":"string","pattern":"(?=a)"})-", "pattern", "#"},
        {R"({"type":"string","pattern":"a\\bc"})", "pattern", "#"},
        {R"({"type":"string","pattern":"("})", "pattern", "#"},
        {R"({"type":"string","pattern":"(a{1,1000}){1,1000}"})", "pattern", "#"},
        {R"({"type":"string","pattern":"a","format":"date"})", "pattern", "#"},
        {R"({"type":"string","format":"iri"})", "format", "#"},
        {R"({"type":"string","minLength":-1})", "minLength", "#"},
        {R"({"type":"array","maxItems":5000})", "maxItems", "#"},
        {R"({"type":"array","items":[{}]})", "items", "#"},
        {R"({"type":"object","required":["a"],"additionalProperties":false})", "required", "#"},
        {R"({"type":"integer","minimum":5,"maximum":4})", "", "#"},
        {R"({"enum":[]})", "", "#"},
        {"false", "", "#"},
        {"7", "", "#"},
    };
    for (const auto& [schema, keyword, path] : cases) {
        try {
            compile_schema(Json::parse(schema), "the test");
            ADD_FAILURE() << schema << " was accepted";
        } catch (const Error& error) {
            EXPECT_EQ(error.code(), ErrorCode::request_invalid);
            EXPECT_EQ(error.facts(), (Error::Facts{{"keyword", keyword}, {"path", path}})) << schema << "\n"
                                                                                           << error.what();
            EXPECT_NE(std::string(error.what()).find(keyword), std::string::npos);
        }
    }
}

TEST(JsonSchema, SurvivesHostileSchemas) {
    std::string deep = "{\"type\":\"integer\"}";
    for (int i = 0; i < 300; ++i) deep = "{\"type\":\"array\",\"items\":" + deep + "}";
    EXPECT_THROW(compile_schema(Json::parse(deep), "the test"), Error);
    Json names = {{"type", "object"}, {"additionalProperties", true}};
    names["properties"][std::string(30000, 'x')] = true;
    EXPECT_THROW(compile_schema(names, "the test"), Error);
    EXPECT_THROW(compile_schema({{"const", std::string(30000, 'x')}}, "the test"), Error);
    EXPECT_THROW(compile_schema({{"type", "string"}, {"pattern", std::string(300, '(')}}, "the test"), Error);
}

TEST(AnyJsonObject, IsAnyObject) {
    const JsonGrammar grammar = any_json_object();
    for (const char* text : {"{}", R"({"a":[1,{"b":null}],"c":"d"})", "{\n\t\"a\": {}\n}"})
        EXPECT_TRUE(accepts(grammar, text)) << text;
    for (const char* text : {"", "[]", "1", R"({"a":1}})", R"({"a":1,})", " {}"})
        EXPECT_FALSE(accepts(grammar, text)) << text;
    // Nested without end, it still leaves scalars to close with.
    std::string deep = "{\"a\":";
    for (int i = 0; i < 500; ++i) deep += "[";
    EXPECT_TRUE(grammar.step(grammar.begin(), deep).empty());
}

std::string refused_at(const ConstraintOptions& options, std::string_view text) {
    static ConstraintFactory factory(small_tokenizer());
    const auto constraint = factory.make(options);
    return test::refused_rest(*constraint, small_tokenizer().encode_with_special(text));
}

TEST(JsonConstraint, GovernsTheFinalChannelAndLeavesReasoningFree) {
    ConstraintOptions options;
    options.final_format = FinalFormat::json_schema;
    options.final_schema =
        Json::parse(R"({"type":"object","properties":{"answer":{"type":"integer"}},"required":["answer"]})");
    const std::string begin =
        "<|channel|>analysis<|message|>No {JSON here<|end|><|start|>assistant<|channel|>final";
    EXPECT_EQ(refused_at(options, begin + "<|message|>{\"answer\": 4}<|return|>"), "");
    EXPECT_EQ(refused_at(options, begin + " <|constrain|>json<|message|>{\"answer\":12}<|return|>"), "");
    EXPECT_EQ(refused_at(options, begin + "<|message|>{\"answer\": 4<|return|>"), "<|return|>");
    EXPECT_EQ(refused_at(options, begin + "<|message|>The answer is 4"), "The answer is 4");
    EXPECT_EQ(refused_at(options, begin + "<|message|>{\"answer\": 4} world"), " world");
}

TEST(JsonConstraint, JsonObjectIsAnyObject) {
    ConstraintOptions options;
    options.final_format = FinalFormat::json_object;
    EXPECT_EQ(refused_at(options, "<|channel|>final<|message|>{\"location\": [true, \"Paris\"]}<|return|>"),
              "");
    EXPECT_EQ(refused_at(options, "<|channel|>final<|message|>[]<|return|>"), "[]<|return|>");
}

TEST(JsonConstraint, GovernsArguments) {
    ConstraintOptions options;
    const Json schema = Json::parse(
        R"({"type":"object","properties":{"location":{"type":"string"}},"required":["location"],"additionalProperties":false})");
    options.tools = {{"strict", "", schema, true}, {"loose", "", schema, false}, {"bare", "", nullptr, true}};
    const auto call = [](const std::string& name, const std::string& arguments) {
        return " to=functions." + name + "<|channel|>commentary <|constrain|>json<|message|>" + arguments +
               "<|call|>";
    };
    EXPECT_EQ(refused_at(options, call("strict", "{\"location\":\"Paris\"}")), "");
    EXPECT_NE(refused_at(options, call("strict", "{}")), "");
    EXPECT_NE(refused_at(options, call("strict", "{\"get\":1}")), "");
    EXPECT_EQ(refused_at(options, call("loose", "{\"get\":1}")), "") << "any object";
    EXPECT_NE(refused_at(options, call("loose", "{\"get\":1}]")), "");
    EXPECT_EQ(refused_at(options, call("bare", "{}")), "");
    EXPECT_NE(refused_at(options, call("bare", "{\"get\":1}")), "");
    // A schema outside the subset matters only when it is promised to be kept.
    options.tools = {{"loose", "", Json::parse(R"({"oneOf":[]})"), false}};
    EXPECT_EQ(refused_at(options, call("loose", "{}")), "");
    options.tools[0].strict = true;
    EXPECT_THROW(refused_at(options, ""), Error);
}

// Leads random texts through every schema: each mask is what trying every token gives, each text that may end
// is valid.
TEST(JsonConstraint, MasksAreThoseOfTheReferenceAndTextsAreValid) {
    std::mt19937 random(2);
    const Tokenizer& tokenizer = small_tokenizer();
    ConstraintFactory factory(tokenizer);
    const TokenId end = tokenizer.special().return_;
    int valid_texts = 0;
    for (const SchemaCase& schema : kCases) {
        const Json parsed = Json::parse(schema.schema);
        const JsonGrammar grammar = compile_schema(parsed, "the test");
        ConstraintOptions options;
        options.final_format = FinalFormat::json_schema;
        options.final_schema = parsed;
        for (int round = 0; round < test::rounds(12); ++round) {
            const auto constraint = factory.make(options);
            ASSERT_EQ(
                test::refused_rest(*constraint, tokenizer.encode_with_special("<|channel|>final<|message|>")),
                "");
            JsonGrammar::Progress progress = grammar.begin();
            std::string text;
            for (int i = 0; i < 60; ++i) {
                std::vector<TokenId> expected;
                for (TokenId token = 0; token < tokenizer.vocabulary_size(); ++token)
                    if (!tokenizer.is_special(token) &&
                        !grammar.step(progress, tokenizer.bytes(token)).empty())
                        expected.push_back(token);
                const bool complete = JsonGrammar::is_complete(progress);
                if (complete) expected.push_back(end);
                std::vector<TokenId> allowed = test::allowed_tokens(*constraint);
                std::sort(expected.begin(), expected.end());
                ASSERT_EQ(allowed, expected) << schema.schema << "\n" << text;
                ASSERT_FALSE(allowed.empty()) << schema.schema << "\n" << text;
                if (complete && (random() % 3 == 0 || allowed.size() == 1)) {
                    const Json value = Json::parse(text, nullptr, false);
                    ASSERT_FALSE(value.is_discarded()) << text;
                    const bool by_reference =
                        std::string_view(schema.schema).find("format") != std::string_view::npos ||
                        std::string_view(schema.schema).find("nullable") != std::string_view::npos ||
                        std::string_view(schema.schema).find("true}") != std::string_view::npos ||
                        test::is_valid(parsed, value, parsed);
                    ASSERT_TRUE(by_reference) << schema.schema << "\n" << text;
                    ++valid_texts;
                    break;
                }
                // Rather structure and quotes than the many letters.
                std::vector<TokenId> closing;
                for (const TokenId token : allowed)
                    if (token != end &&
                        tokenizer.bytes(token).find_first_of("\"}],:") != std::string_view::npos)
                        closing.push_back(token);
                const auto& from = closing.empty() || random() % 3 == 0 ? allowed : closing;
                const TokenId token = from[random() % from.size()];
                if (token == end) continue;
                text += tokenizer.bytes(token);
                progress = grammar.step(progress, tokenizer.bytes(token));
                constraint->accept(token);
            }
        }
    }
    EXPECT_GT(valid_texts, test::rounds(200));
}

}  // namespace
}  // namespace gptoss::harmony
