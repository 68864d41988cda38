// Names are the client's, whatever they look like: a call comes back under exactly the name that was offered.
#include <gtest/gtest.h>

#include "harmony/constraint.h"
#include "harmony/render.h"
#include "support/constraint_walk.h"
#include "support/small_vocabulary.h"
#include "transcript.h"

namespace gptoss::harmony {
namespace {

using test::small_tokenizer;
using test::tokens_of;
using test::transcribe;

// Each list is offered together: names that contain each other, that look like a namespace, a channel, a
// role, a content type, or a built-in tool.
const std::vector<std::vector<std::string>> kOffered{
    {"functions.get_weather"},
    {"functions.get_weather", "get_weather"},
    {"get_weather", "functions.get_weather", "functions.functions.get_weather"},
    {"functions", "functions.", "functions.functions", "functions..", "functions.functions."},
    {"functions:get", "functions/get", "functions-get", "functionsget", "functions_"},
    {"browser.search", "browser.open", "python", "functions.python", "functions.browser.search"},
    {"assistant", "user", "all", "tool", "system", "developer", "functions.assistant"},
    {"analysis", "commentary", "final", "comment", "functions.final"},
    {"json", "code", "get", "getjson", "get_weather", "get_weatherjson", "functions.json"},
    {".", "..", "-", "/", ":", "a.b.c", "a/b:c", "1", "_", "to", "container.exec"},
};

// The two places in which a recipient may stand, with and without a content type.
std::vector<std::string> headers_of(const std::string& name) {
    std::vector<std::string> headers;
    for (const char* type : {"", " json", "<|constrain|>json", " <|constrain|>json"}) {
        headers.push_back(" to=functions." + name + "<|channel|>commentary" + type + "<|message|>");
        headers.push_back("<|channel|>commentary to=functions." + name + type + "<|message|>");
    }
    return headers;
}

std::vector<Tool> tools_of(const std::vector<std::string>& names) {
    std::vector<Tool> tools;
    for (const auto& name : names) tools.push_back({name, "", nullptr, false});
    return tools;
}

TEST(ToolNames, ACallIsReadUnderTheOfferedName) {
    for (const auto& offered : kOffered) {
        for (const auto& name : offered) {
            for (const auto& header : headers_of(name)) {
                EXPECT_EQ(transcribe(small_tokenizer(), tokens_of(header + "{}<|call|>"), offered).line,
                          "[call " + name + " 0]{}[/call][end]")
                    << header;
            }
        }
    }
}

// What follows from it for the next turn: the canonical header is worth imitating.
TEST(ToolNames, ACanonicalCallIsKeptAsSampled) {
    for (const auto& offered : kOffered) {
        for (const auto& name : offered) {
            StreamParser parser(small_tokenizer(), {offered});
            const auto nothing = [](const Event&) {};
            for (const TokenId token : tokens_of(headers_of(name).back() + "{}<|call|>"))
                parser.push(token, nothing);
            ASSERT_EQ(parser.sampled_calls().size(), 1U);
            EXPECT_FALSE(parser.sampled_calls()[0].empty()) << name;
        }
    }
}

TEST(ToolNames, TheMasksLetANamedFunctionAloneBeCalled) {
    ConstraintFactory factory(small_tokenizer());
    for (const auto& offered : kOffered) {
        for (const auto& name : offered) {
            ConstraintOptions options;
            options.tools = tools_of(offered);
            options.tool_use = ToolUse::named;
            options.named_function = name;
            for (const auto& called : offered) {
                for (const auto& header : headers_of(called)) {
                    const auto constraint = factory.make(options);
                    const auto rest = test::refused_rest(*constraint, tokens_of(header + "{}<|call|>"));
                    EXPECT_EQ(rest.empty(), called == name) << name << " named, " << header;
                }
            }
        }
    }
}

// Without masks a model may leave out the namespace, or say it once too often.
TEST(ToolNames, ALooseRecipientMeansTheNearestName) {
    struct Case {
        std::vector<std::string> offered;
        std::string recipient, called;
    };
    const std::vector<Case> cases{
        {{"functions.f"}, "functions.f", "functions.f"},
        {{"functions.f", "f"}, "functions.f", "f"},
        {{"f"}, "functions.functions.f", "f"},
        {{"f"}, "f", "f"},
        {{"functions"}, "functions", "functions"},
        {{"browser.search"}, "browser.search", "browser.search"},
        {{"python"}, "python", "python"},
    };
    for (const auto& each : cases) {
        const auto tokens = tokens_of("<|channel|>commentary to=" + each.recipient + "<|message|>{}<|call|>");
        EXPECT_EQ(transcribe(small_tokenizer(), tokens, each.offered).line,
                  "[call " + each.called + " 0]{}[/call][end]")
            << each.recipient;
    }
}

}  // namespace
}  // namespace gptoss::harmony
