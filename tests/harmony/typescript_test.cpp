#include "harmony/typescript.h"

#include <gtest/gtest.h>

#include "harmony/render.h"

namespace gptoss::harmony {
namespace {

using Json = nlohmann::ordered_json;

std::string type_of(const char* schema) {
    return typescript_type(Json::parse(schema));
}

// The lines of one property `p`.
std::string property(const std::string& schema, bool required = false) {
    const std::string text = type_of(("{\"type\":\"object\",\"properties\":{\"p\":" + schema + "}" +
                                      (required ? ",\"required\":[\"p\"]" : "") + "}")
                                         .c_str());
    EXPECT_TRUE(text.starts_with("{\n") && text.ends_with("}")) << text;
    return text.substr(2, text.size() - 3);
}

TEST(Typescript, PlainTypes) {
    EXPECT_EQ(type_of(R"({"type":"string"})"), "string");
    EXPECT_EQ(type_of(R"({"type":"number"})"), "number");
    EXPECT_EQ(type_of(R"({"type":"integer"})"), "number");
    EXPECT_EQ(type_of(R"({"type":"boolean"})"), "boolean");
    EXPECT_EQ(type_of(R"({"type":"array","items":{"type":"integer"}})"), "number[]");
    EXPECT_EQ(type_of(R"({"type":"array"})"), "Array<any>");
    EXPECT_EQ(type_of(R"({"type":"array","items":{"type":"string","enum":["a","b"]}})"), "\"a\" | \"b\"[]");
    EXPECT_EQ(type_of(R"({"type":["integer","null"]})"), "number | null");
    EXPECT_EQ(type_of(R"({"type":["string","object"]})"), "string | object");
}

TEST(Typescript, WhatIsNotKnownIsAny) {
    for (const char* schema :
         {"{}", "null", "true", "[]", R"({"type":"null"})", R"({"type":"file"})", R"({"type":[]})",
          R"({"type":7})", R"({"const":1})", R"({"enum":["a"]})", R"({"anyOf":[{"type":"string"}]})",
          R"({"allOf":[{"type":"string"}]})", R"({"$ref":"#/$defs/a"})"})
        EXPECT_EQ(type_of(schema), "any") << schema;
}

TEST(Typescript, Enums) {
    EXPECT_EQ(type_of(R"({"type":"string","enum":["a","b"]})"), "\"a\" | \"b\"");
    EXPECT_EQ(type_of(R"({"type":"string","enum":["a",1,null]})"), "\"a\"");
    EXPECT_EQ(type_of(R"({"type":"string","enum":[1]})"), "string");
    EXPECT_EQ(type_of(R"({"type":"number","enum":[1,2]})"), "number");
}

TEST(Typescript, Properties) {
    EXPECT_EQ(property(R"({"type":"string"})"), "p?: string,\n");
    EXPECT_EQ(property(R"({"type":"string"})", true), "p: string,\n");
    EXPECT_EQ(property(R"({"type":"string","nullable":true})"), "p?: string | null,\n");
    EXPECT_EQ(property(R"({"type":["string","null"],"nullable":true})"), "p?: string | null,\n");
    EXPECT_EQ(property(R"({"type":"string","enum":["nullify"],"nullable":true})"), "p?: \"nullify\",\n");
}

TEST(Typescript, Comments) {
    EXPECT_EQ(property(R"({"type":"string","description":"D","title":"T","examples":["x",3,"y"]})"),
              "// T\n//\n// D\n// Examples:\n// - \"x\"\n// - \"y\"\np?: string,\n");
    EXPECT_EQ(property(R"({"type":"string","examples":[]})"), "p?: string,\n");
    EXPECT_EQ(property(R"({"type":"string","examples":[1]})"), "// Examples:\np?: string,\n");
    // An embedded newline is not commented again.
    EXPECT_EQ(property(R"({"type":"string","description":"one\ntwo"})"), "// one\ntwo\np?: string,\n");
}

TEST(Typescript, Defaults) {
    EXPECT_EQ(property(R"({"type":"string","default":"a \" b"})"), "p?: string, // default: \"a \" b\"\n");
    EXPECT_EQ(property(R"({"type":"string","enum":["a"],"default":"a"})"), "p?: \"a\", // default: a\n");
    EXPECT_EQ(property(R"({"type":"string","enum":[],"default":"a"})"), "p?: string, // default: \"a\"\n");
    EXPECT_EQ(property(R"({"type":"number","default":-1})"), "p?: number, // default: -1\n");
    EXPECT_EQ(property(R"({"type":"boolean","default":false})"), "p?: boolean, // default: false\n");
    EXPECT_EQ(property(R"({"default":null})"), "p?: any, // default: null\n");
    EXPECT_EQ(property(R"({"default":{"b":[1, "x"],"a":{}}})"),
              "p?: any, // default: {\"b\":[1,\"x\"],\"a\":{}}\n");
}

TEST(Typescript, OneOfProperty) {
    EXPECT_EQ(property(R"({"description":"D","default":20,"oneOf":[{"type":"string","description":"first"},
                          {"type":"number","description":"second","default":3},{"type":"boolean","nullable":true}]})"),
              "// D\n// default: 20\np?:\n | string\n | number // second default: 3\n | boolean | null\n,\n");
    // The first variant repeats the property's description: it is shown nowhere.
    EXPECT_EQ(
        property(
            R"({"description":"D","oneOf":[{"type":"string","description":"D"},{"type":"number","description":"D"}]})",
            true),
        "p:\n | string\n | number\n,\n");
    EXPECT_EQ(property(R"({"oneOf":[{"type":"string","enum":["x"],"default":"x","description":"V"}]})"),
              "p?:\n | \"x\" // V default: x\n,\n");
    EXPECT_EQ(property(R"({"oneOf":[]})"), "p?:\n,\n");
    // Not an array: the description is still withheld, and so is the default.
    EXPECT_EQ(property(R"({"type":"string","oneOf":7,"description":"D","default":"x"})"), "p?: string,\n");
}

TEST(Typescript, OneOfOutsideAnObject) {
    EXPECT_EQ(
        type_of(
            R"({"oneOf":[{"type":"string","enum":["x"],"default":"x","description":"V"},{"type":"number","default":1}]})"),
        "\n | \"x\" // V default: \"x\"\n | number // default: 1");
    EXPECT_EQ(type_of(R"({"type":"array","items":{"oneOf":[{"type":"string"},{"type":"number"}]}})"),
              "\n | string\n | number[]");
}

TEST(Typescript, NestedObjects) {
    EXPECT_EQ(property(R"({"type":"object","description":"a filter","properties":
                          {"field":{"type":"string","description":"the field"}},"required":["field"]})",
                       true),
              "// a filter\np:     // a filter\n{\n    // the field\n    field: string,\n    },\n");
    EXPECT_EQ(
        property(
            R"({"type":"array","items":{"type":"object","properties":{"a":{"type":"object","properties":{"b":{"type":"string"}}}}}})"),
        "p?: {\n    a?: {\n        b?: string,\n        },\n    }[],\n");
    EXPECT_EQ(property(R"({"oneOf":[{"type":"object","properties":{"a":{"type":"string"}}}]})"),
              "p?:\n | {\n   a?: string,\n   }\n,\n");
    EXPECT_EQ(type_of(R"({"type":"object"})"), "{\n}");
}

TEST(Typescript, ADeepSchemaIsCutOff) {
    constexpr int kLevels = 10000;
    std::string schema;
    for (int i = 0; i < kLevels; ++i) schema += R"({"type":"array","items":)";
    schema += R"({"type":"string"})" + std::string(kLevels, '}');
    const std::string type = type_of(schema.c_str());
    EXPECT_TRUE(type.starts_with("any[]"));
}

// The conversation with which the library tests itself (test-data/test_render_functions_with_parameters.txt).
TEST(RenderTools, TheLibrarysOwnCase) {
    const auto locations =
        R"({"type":"object","properties":{"locations":{"type":"array","items":{"type":"string"},
        "description":"List of city and state, e.g. [\"San Francisco, CA\", \"New York, NY\"]"},
        "format":{"type":"string","enum":["celsius","fahrenheit"],"default":"celsius"}},"required":["locations"]})";
    const auto everything = R"({"description":"params object","type":"object","properties":{
        "string":{"type":"string","title":"STRING","description":"A string","examples":["hello","world"]},
        "string_nullable":{"type":"string","nullable":true,"description":"A nullable string","default":"the default"},
        "string_enum":{"type":"string","enum":["a","b","c"]},
        "oneof_string_or_number":{"oneOf":[{"type":"string","default":"default_string_in_oneof"},
            {"type":"number","description":"numbers can happen too"}],"description":"a oneof","default":20}}})";
    EXPECT_EQ(
        render_tools({{"get_location", "Gets the location of the user.", nullptr},
                      {"get_multiple_weathers", "Gets the current weather in the provided list of locations.",
                       Json::parse(locations)},
                      {"kitchensink", "A function with various complex schemas.", Json::parse(everything)}}),
        R"(## functions

namespace functions {

// Gets the location of the user.
type get_location = () => any;

// Gets the current weather in the provided list of locations.
type get_multiple_weathers = (_: {
// List of city and state, e.g. ["San Francisco, CA", "New York, NY"]
locations: string[],
format?: "celsius" | "fahrenheit", // default: celsius
}) => any;

// A function with various complex schemas.
type kitchensink = (_: // params object
{
// STRING
//
// A string
// Examples:
// - "hello"
// - "world"
string?: string,
// A nullable string
string_nullable?: string | null, // default: "the default"
string_enum?: "a" | "b" | "c",
// a oneof
// default: 20
oneof_string_or_number?:
 | string // default: "default_string_in_oneof"
 | number // numbers can happen too
,
}) => any;

} // namespace functions)");
}

TEST(RenderTools, DescriptionsLineByLine) {
    EXPECT_EQ(render_tools({{"a", "one\r\n\ntwo\n", Json::parse(R"({"type":"object","properties":{}})")},
                            {"b", "", Json::object()}}),
              "## functions\n\nnamespace functions {\n\n// one\n// \n// two\ntype a = (_: {\n}) => any;\n\n"
              "type b = (_: any) => any;\n\n} // namespace functions");
}

}  // namespace
}  // namespace gptoss::harmony
