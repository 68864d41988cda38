// Forms of replies as texts: whatever can be asked for is read back as it was, and gives the same masks.
#include "api/reply_form.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace gptoss::api {
namespace {

ReplyForm rich_form() {
    ReplyForm form;
    form.stop = {"END", "\n\n", "\"quoted\" ä"};
    form.constrained = true;
    harmony::Tool weather{
        "weather", "Tells it.",
        Json::parse(
            R"({"type":"object","properties":{"b":{"type":"string"},"a":{"type":"number","minimum":0.1}}})"),
        true};
    harmony::Tool nothing{"nothing", ""};
    harmony::Tool any_text{"any_text", "Takes text."};
    any_text.custom = true;
    harmony::Tool grammar = any_text;
    grammar.name = "grammar";
    grammar.grammar = {harmony::ToolGrammar::Syntax::lark, "start: \"a\"+"};
    harmony::Tool pattern = grammar;
    pattern.name = "pattern";
    pattern.grammar->syntax = harmony::ToolGrammar::Syntax::regex;
    form.rules.tools = {weather, nothing, any_text, grammar, pattern};
    form.rules.tool_use = harmony::ToolUse::named;
    form.rules.named_function = "weather";
    form.rules.parallel_calls = true;
    form.rules.max_reasoning_tokens = 77;
    form.rules.final_format = harmony::FinalFormat::json_schema;
    form.rules.final_schema = Json::parse(R"({"type":"array","items":{"enum":[1e300,-0.5,"x",null]}})");
    form.rules.final_strict = false;
    return form;
}

TEST(ReplyForm, IsReadBackAsItWas) {
    ReplyForm object;
    object.constrained = true;
    object.rules.tool_use = harmony::ToolUse::none;
    object.rules.final_format = harmony::FinalFormat::json_object;
    ReplyForm raw;
    raw.harmony = false;
    raw.stop = {"."};
    for (const ReplyForm& form : {ReplyForm{}, rich_form(), object, raw}) {
        const std::string text = form_text(form);
        EXPECT_EQ(form_text(read_form(text)), text);
        EXPECT_EQ(read_form(text).constrained, form.constrained);
        EXPECT_EQ(read_form(text).harmony, form.harmony);
        EXPECT_EQ(read_form(text).stop, form.stop);
    }
    const ReplyForm read = read_form(form_text(rich_form()));
    EXPECT_EQ(read.rules.tools.size(), 5U);
    EXPECT_EQ(read.rules.tools[0].parameters.dump(), rich_form().rules.tools[0].parameters.dump());
    EXPECT_TRUE(read.rules.tools[3].custom);
    EXPECT_EQ(read.rules.tools[3].grammar->definition, "start: \"a\"+");
    EXPECT_EQ(read.rules.tools[4].grammar->syntax, harmony::ToolGrammar::Syntax::regex);
    EXPECT_EQ(read.rules.named_function, "weather");
    EXPECT_TRUE(read.rules.parallel_calls);
    EXPECT_EQ(read.rules.max_reasoning_tokens, 77);
    EXPECT_FALSE(read.rules.final_strict);
}

TEST(ReplyForm, DiffersWithWhateverWasAskedFor) {
    const auto changed = [](auto change) {
        ReplyForm form = rich_form();
        change(form);
        return form_text(form);
    };
    const std::string texts[] = {
        form_text(rich_form()),
        changed([](ReplyForm& f) { f.stop.pop_back(); }),
        changed([](ReplyForm& f) { f.constrained = false; }),
        changed([](ReplyForm& f) { f.rules.tools[0].strict = false; }),
        changed([](ReplyForm& f) { f.rules.tools[3].grammar->definition += "\n"; }),
        changed([](ReplyForm& f) { f.rules.tool_use = harmony::ToolUse::required; }),
        changed([](ReplyForm& f) { f.rules.parallel_calls = false; }),
        changed([](ReplyForm& f) { f.rules.max_reasoning_tokens = 78; }),
        changed([](ReplyForm& f) { f.rules.max_reasoning_tokens.reset(); }),
        changed([](ReplyForm& f) { f.rules.final_strict = true; }),
        changed([](ReplyForm& f) { f.rules.final_schema["items"]["enum"].push_back(1); }),
    };
    for (std::size_t i = 0; i < std::size(texts); ++i)
        for (std::size_t j = 0; j < i; ++j) EXPECT_NE(texts[i], texts[j]) << i << " and " << j;
    EXPECT_NE(tools_text(read_form(texts[0])), tools_text(read_form(texts[3])));
    EXPECT_EQ(tools_text(ReplyForm{}), "");
}

TEST(ReplyForm, IsRefusedByTheFieldThatIsWrong) {
    const std::pair<const char*, const char*> cases[] = {
        {R"({})", "reply"},
        {R"({"reply":"spoken","stop":[]})", "reply"},
        {R"({"reply":"raw"})", "stop"},
        {R"({"reply":"raw","stop":[1]})", "stop"},
        {R"({"reply":"harmony","stop":[],"tools":[{}]})", "name"},
        {R"({"reply":"harmony","stop":[],"tools":[],"rules":{"tool_use":"auto","output":"prose"}})",
         "output"},
        {R"({"reply":"harmony","stop":[],"tools":[],"rules":{"tool_use":"auto","output":"text","max_reasoning_tokens":-1}})",
         "max_reasoning_tokens"},
    };
    for (const auto& [text, field] : cases) {
        try {
            read_form(text);
            FAIL() << text;
        } catch (const Error& error) {
            EXPECT_EQ(error.code(), ErrorCode::request_invalid) << text;
            EXPECT_NE(std::string(error.what()).find(field), std::string::npos) << error.what();
        }
    }
}

}  // namespace
}  // namespace gptoss::api
