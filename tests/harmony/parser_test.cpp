#include "harmony/parser.h"

#include <gtest/gtest.h>

#include "support/small_vocabulary.h"
#include "transcript.h"

namespace gptoss::harmony {
namespace {

using test::small_tokenizer;
using test::tokens_of;
using test::transcribe;

struct ReadingCase {
    const char* name;
    const char* sampled;  // what follows <|start|>assistant, markers spelled out
    const char* expected;
};

class Reading : public ::testing::TestWithParam<ReadingCase> {};

TEST_P(Reading, IsAsExpected) {
    EXPECT_EQ(transcribe(small_tokenizer(), tokens_of(GetParam().sampled)).line, GetParam().expected);
}

// Spelling byte by byte must read the same as any other tokenisation.
TEST_P(Reading, DoesNotDependOnTokenBorders) {
    std::vector<TokenId> bytes;
    for (const TokenId token : tokens_of(GetParam().sampled)) {
        if (small_tokenizer().is_special(token)) {
            bytes.push_back(token);
            continue;
        }
        for (const char byte : small_tokenizer().bytes(token))
            bytes.push_back(static_cast<unsigned char>(byte));
    }
    EXPECT_EQ(transcribe(small_tokenizer(), bytes).line, GetParam().expected);
}

const ReadingCase kWellFormed[] = {
    {"ReasoningThenAnswer",
     "<|channel|>analysis<|message|>Easy.<|end|><|start|>assistant<|channel|>final<|message|>The answer is "
     "4<|return|>",
     "[reasoning]Easy.[end][content]The answer is 4[end]"},
    {"CallWithRecipientInRoleSection",
     " to=functions.get_weather<|channel|>commentary "
     "<|constrain|>json<|message|>{\"location\":\"Paris\"}<|call|>",
     "[call get_weather 0]{\"location\":\"Paris\"}[/call][end]"},
    {"CallWithRecipientInChannelSection",
     "<|channel|>commentary to=functions.get_weather <|constrain|>json<|message|>{}<|call|>",
     "[call get_weather 0]{}[/call][end]"},
    {"CallWithPlainContentType", "<|channel|>analysis to=functions.get_weather code<|message|>{}<|call|>",
     "[call get_weather 0]{}[/call][end]"},
    {"PreambleThenCall",
     "<|channel|>commentary<|message|>I look.<|end|><|start|>assistant "
     "to=functions.search<|channel|>commentary "
     "<|constrain|>json<|message|>{}<|call|>",
     "[preamble]I look.[end][call search 0]{}[/call][end]"},
    {"TwoCalls",
     "<|channel|>commentary to=functions.get_weather "
     "<|constrain|>json<|message|>{\"a\":1}<|call|><|start|>assistant"
     "<|channel|>commentary to=functions.search <|constrain|>json<|message|>{\"b\":2}<|call|>",
     "[call get_weather 0]{\"a\":1}[/call][end][call search 1]{\"b\":2}[/call][end]"},
    {"EmptyFinal", "<|channel|>final<|message|><|return|>", "[end]"},
    {"RawCodeAsArguments", "<|channel|>commentary to=functions.search code<|message|>print(1)]<|call|>",
     "[call search 0]print(1)][/call][end]"},
};
INSTANTIATE_TEST_SUITE_P(WellFormed, Reading, ::testing::ValuesIn(kWellFormed),
                         [](const auto& parameter) { return parameter.param.name; });

// Every shape seen in the wild (issues of harmony, vLLM, llama.cpp, Ollama, TensorRT-LLM and others).
const ReadingCase kMalformed[] = {
    {"NoBlankBeforeConstrainInChannelSection",
     "<|channel|>commentary to=functions.get_weather<|constrain|>json<|message|>{}<|call|>",
     "[call get_weather 0]{}[/call][end]"},
    {"NoBlankBeforeConstrainInRoleSection",
     " to=functions.get_weather<|channel|>commentary<|constrain|>json<|message|>{}<|end|>",
     "[call get_weather 0]{}[/call][end]"},
    {"LoneConstrainOnFinalIsNoRecipient", "<|channel|>final <|constrain|>json<|message|>{\"a\":1}<|return|>",
     "[content]{\"a\":1}[end]"},
    {"LoneConstrainWithoutChannel", "<|constrain|>json<|message|>{}<|return|>", "[content]{}[end]"},
    {"ConstrainOfUnknownType", "<|channel|>final <|constrain|>response<|message|>Hello<|return|>",
     "[content]Hello[end]"},
    {"PlainTypeOnFinal", "<|channel|>final json<|message|>{}<|return|>", "[content]{}[end]"},
    {"BareName", "<|channel|>commentary to=get_weather <|constrain|>json<|message|>{}<|call|>",
     "[call get_weather 0]{}[/call][end]"},
    {"BareNameInRoleSection", " to=get_weather<|channel|>commentary<|message|>{}<|call|>",
     "[call get_weather 0]{}[/call][end]"},
    {"BareNameWithoutTo", "<|channel|>commentary get_weather<|message|>{}<|call|>",
     "[call get_weather 0]{}[/call][end]"},
    {"NamespacedNameWithoutTo",
     "<|channel|>commentary functions.get_weather <|constrain|>json<|message|>{}<|call|>",
     "[call get_weather 0]{}[/call][end]"},
    {"BareNameNotOffered", "<|channel|>commentary to=launch <|constrain|>json<|message|>{}<|call|>",
     "[content]{}[end]"},
    {"FunctionNotOffered",
     " to=functions.launch<|channel|>commentary <|constrain|>json<|message|>{\"a\":1}<|call|>",
     "[content]{\"a\":1}[end]"},
    {"BuiltInNotOffered", "<|channel|>analysis to=browser.search code<|message|>{}<|call|>",
     "[content]{}[end]"},
    {"DoubledNamespace", "<|channel|>commentary to=functions.functions.search<|message|>{}<|call|>",
     "[call search 0]{}[/call][end]"},
    {"TypeGluedToName", "<|channel|>commentary to=functions.get_weatherjson<|message|>{}<|call|>",
     "[call get_weather 0]{}[/call][end]"},
    {"NamePollutedByChannelMarker",
     " to=functions.get_weather<|channel|>commentary<|channel|>commentary<|message|>{}<|call|>",
     "[call get_weather 0]{}[/call][end]"},
    {"BlankAfterTo", "<|channel|>commentary to= functions.search<|message|>{}<|call|>",
     "[call search 0]{}[/call][end]"},
    {"RecipientGluedToRole", "to=functions.search<|channel|>commentary<|message|>{}<|call|>",
     "[call search 0]{}[/call][end]"},
    {"RecipientGluedToChannel", "<|channel|>commentaryto=functions.search<|message|>{}<|call|>",
     "[call search 0]{}[/call][end]"},
    {"RecipientAssistant", "<|channel|>commentary to=assistant<|message|>Hello<|end|>",
     "[preamble]Hello[end]"},
    {"CallOnAnalysis", "<|channel|>analysis to=functions.search<|message|>{}<|call|>",
     "[call search 0]{}[/call][end]"},
    {"CallOnFinal", "<|channel|>final to=functions.search<|message|>{}<|call|>",
     "[call search 0]{}[/call][end]"},
    {"CallOnShortenedChannel", "<|channel|>comment to=functions.search<|message|>{}<|call|>",
     "[call search 0]{}[/call][end]"},
    {"CallOnUnknownChannel", "<|channel|>tool to=functions.search<|message|>{}<|call|>",
     "[call search 0]{}[/call][end]"},
    {"CallEndedByReturn", "<|channel|>commentary to=functions.search<|message|>{}<|return|>",
     "[call search 0]{}[/call][end]"},
    {"UnknownChannel", "<|channel|>thoughts<|message|>Hello<|end|>", "[content]Hello[end]"},
    {"EmptyChannel", "<|channel|><|message|>Hello<|end|>", "[content]Hello[end]"},
    {"NoChannel", "<|message|>Hello<|end|>", "[content]Hello[end]"},
    {"DashesBeforeChannel",
     "<|channel|>\xE2\x80\x93\xE2\x80\x93"
     "commentary<|message|>Hello<|end|>",
     "[preamble]Hello[end]"},
    {"JunkAfterChannelIsNotLost", "<|channel|>commentary 2?<|message|>Hello<|end|>",
     "[preamble]2? Hello[end]"},
    {"JunkBesideACallIsNotItsArguments", "<|channel|>commentary 2? to=functions.search<|message|>{}<|call|>",
     "[content]2? [call search 0]{}[/call][end]"},
    {"SecondRecipientNotOffered",
     "<|channel|>commentary to=functions.search to=functions.web-browsing "
     "<|constrain|>json<|message|>{}<|call|>",
     "[call search 0]{}[/call][end]"},
    {"DoubledChannel", "<|channel|>analysis<|channel|>final<|message|>Hello<|return|>",
     "[content]Hello[end]"},
    {"ChannelWithoutMarker", "analysis<|message|>Hello<|end|>", "[reasoning]Hello[end]"},
    {"DoubledRole", "assistant<|channel|>final<|message|>Hello<|return|>", "[content]Hello[end]"},
    {"DoubledRoleAndEmptyChannel", "<|end|><|start|>assistantassistant<|channel|><|message|>Hello<|return|>",
     "[content]Hello[end]"},
    {"StartAgain", "<|start|>assistant<|channel|>final<|message|>Hello<|return|>", "[content]Hello[end]"},
    {"NoMarkup", "The answer is 4<|return|>", "[content]The answer is 4[end]"},
    {"NoMarkupNoEnd", "The answer is 4", "[content]The answer is 4"},
    {"NoMarkupBeginningLikeAHeader", "final answer is 4<|return|>", "[content]final answer is 4[end]"},
    {"NoMarkupBeginningWithTheRole", "assistant is 4<|return|>", "[content]assistant is 4[end]"},
    {"NoMarkupWithAToolName", "search is 4<|return|>", "[content]search is 4[end]"},
    {"NoMessageMarkerOnAnalysis", "<|channel|>analysis I must refuse<|end|>",
     "[reasoning]I must refuse[end]"},
    {"NoMessageMarkerOnCommentary", "<|channel|>commentary Hello<|end|>", "[preamble]Hello[end]"},
    {"NoMessageMarkerOnCall",
     "<|channel|>commentary to=functions.get_weather <|constrain|>json{\"location\":\"Paris\"}<|call|>",
     "[call get_weather 0]{\"location\":\"Paris\"}[/call][end]"},
    {"NoMessageMarkerOnCallWithoutType", " to=functions.search<|channel|>commentary {\"a\":1}<|call|>",
     "[call search 0]{\"a\":1}[/call][end]"},
    {"NoMessageMarkerOnCallHeaderAlone",
     " to=functions.search<|channel|>commentary <|constrain|>json<|call|>", "[call search 0][/call][end]"},
    {"EndThenReturn", "<|channel|>final<|message|>Hello<|end|><|return|>", "[content]Hello[end]"},
    {"ReturnThenNewMessage",
     "<|channel|>analysis<|message|>Easy<|return|><|start|>assistant<|channel|>final<|message|>Hello",
     "[reasoning]Easy[end][content]Hello"},
    {"StartMissing",
     "<|channel|>analysis<|message|>Easy<|end|>assistant<|channel|>final<|message|>Hello<|return|>",
     "[reasoning]Easy[end][content]Hello[end]"},
    {"StartAndRoleMissing",
     "<|channel|>analysis<|message|>Easy<|end|><|channel|>final<|message|>Hello<|return|>",
     "[reasoning]Easy[end][content]Hello[end]"},
    {"TextAfterEnd", "<|channel|>analysis<|message|>Easy<|end|>Hello world<|return|>",
     "[reasoning]Easy[end][content]Hello world[end]"},
    {"EndMissing",
     "<|channel|>analysis<|message|>Easy<|start|>assistant<|channel|>final<|message|>Hello<|return|>",
     "[reasoning]Easy[end][content]Hello[end]"},
    {"EndAndStartMissing", "<|channel|>analysis<|message|>Easy<|channel|>final<|message|>Hello<|return|>",
     "[reasoning]Easy[end][content]Hello[end]"},
    {"TextBeforeChannel", "Hello<|channel|>final<|message|> world<|return|>",
     "[content]Hello[end][content] world[end]"},
    {"MarkersInsideContent",
     "<|channel|>final<|message|>Hello<|message|><|constrain|><|reserved_1|> world<|return|>",
     "[content]Hello world[end]"},
    {"EndOfTextEndsAMessage", "<|channel|>final<|message|>Hello<|endoftext|>", "[content]Hello[end]"},
    {"AnotherRole", "<|channel|>final<|message|>Hello<|end|><|start|>user<|message|>The<|end|>",
     "[content]Hello[end][content]The[end]"},
    {"InventedToolResult",
     " to=functions.search<|channel|>commentary<|message|>{}<|call|><|start|>functions.search to=assistant"
     "<|channel|>commentary<|message|>true<|end|>",
     "[call search 0]{}[/call][end][content]true[end]"},
    {"InventedToolResultWithoutRecipient",
     "<|start|>functions.search<|channel|>commentary<|message|>true<|end|>", "[content]true[end]"},
    {"AlienAuthor", "<|start|>Hello world<|end|>", "[content]Hello world[end]"},
    {"OnlyMarkers", "<|end|><|start|><|end|><|message|><|channel|><|return|>", "[end][end]"},
    {"MarkupSpelledInLettersIsText", "<|channel|>final<|message|><|reserved_1|><|star", "[content]<|star"},
};
INSTANTIATE_TEST_SUITE_P(Malformed, Reading, ::testing::ValuesIn(kMalformed),
                         [](const auto& parameter) { return parameter.param.name; });

const ReadingCase kCutShort[] = {
    {"NothingAtAll", "", ""},
    {"InTheChannel", "<|channel|>anal", ""},
    {"InACallHeader", "<|channel|>commentary to=functions.get_weath", ""},
    {"AfterACallHeader", "<|channel|>commentary to=functions.get_weather <|constrain|>json", ""},
    {"InArgumentsHasNoEnd", "<|channel|>commentary to=functions.search<|message|>{\"a",
     "[call search 0]{\"a"},
    {"InReasoning", "<|channel|>analysis<|message|>Ea", "[reasoning]Ea"},
    {"InHeldBackText", "final", "[content]final"},
};
INSTANTIATE_TEST_SUITE_P(CutShort, Reading, ::testing::ValuesIn(kCutShort),
                         [](const auto& parameter) { return parameter.param.name; });

TEST(StreamParser, HoldsBackIncompleteCharacters) {
    std::vector<std::string> pieces;
    StreamParser parser(small_tokenizer(), {});
    const auto sink = [&](const Event& event) { pieces.emplace_back(event.text); };
    for (const TokenId token : tokens_of("<|channel|>final<|message|>")) parser.push(token, sink);
    parser.push(small_tokenizer().encode(" \xF0\x9F")[0], sink);
    EXPECT_EQ(pieces, std::vector<std::string>{" "});
    parser.push(0x92, sink);
    EXPECT_EQ(pieces.size(), 1u);
    parser.push(0x96, sink);
    EXPECT_EQ(pieces, (std::vector<std::string>{" ", "\xF0\x9F\x92\x96"}));
}

TEST(StreamParser, ReplacesInvalidBytesAndDoesNotLeakThemIntoTheNextMessage) {
    const TokenId broken = small_tokenizer().encode(" \xF0\x9F")[0];
    std::vector<TokenId> tokens = tokens_of("<|channel|>final<|message|>");
    tokens.insert(tokens.end(), {broken, broken});
    for (const TokenId token : tokens_of("<|end|><|start|>assistant<|channel|>final<|message|>Hello"))
        tokens.push_back(token);
    EXPECT_EQ(transcribe(small_tokenizer(), tokens).line,
              "[content] \xEF\xBF\xBD \xEF\xBF\xBD[end][content]Hello");
}

TEST(StreamParser, FlushesIncompleteCharactersAtTheEnd) {
    std::vector<TokenId> tokens = tokens_of("<|message|>");
    tokens.insert(tokens.end(), {small_tokenizer().encode(" \xF0\x9F")[0]});
    EXPECT_EQ(transcribe(small_tokenizer(), tokens).line, "[content] \xEF\xBF\xBD");
}

TEST(StreamParser, TakesIdsOutsideTheVocabulary) {
    std::vector<TokenId> tokens = tokens_of("<|message|>Hello");
    tokens.insert(tokens.end(), {-1, 1 << 30, small_tokenizer().vocabulary_size()});
    EXPECT_EQ(transcribe(small_tokenizer(), tokens).line,
              "[content]Hello\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
}

TEST(StreamParser, StreamsAnAnswerWithoutMarkupAtOnce) {
    StreamParser parser(small_tokenizer(), {});
    std::string text;
    parser.push(small_tokenizer().encode("Hello")[0], [&](const Event& event) { text += event.text; });
    EXPECT_EQ(text, "Hello");
}

TEST(StreamParser, StopsHoldingBackAHeaderThatNeverEnds) {
    StreamParser parser(small_tokenizer(), {});
    std::string text;
    const auto sink = [&](const Event& event) { text += event.text; };
    parser.push(small_tokenizer().special().channel, sink);
    for (const TokenId token : tokens_of("analysis " + std::string(300, 'x'))) parser.push(token, sink);
    EXPECT_EQ(text, std::string(300, 'x'));
}

TEST(StreamParser, CountsReasoningWithItsHeaderAndEnd) {
    StreamParser parser(small_tokenizer(), {});
    const auto ignore = [](const Event&) {};
    const auto push = [&](std::string_view text) {
        for (const TokenId token : tokens_of(text)) parser.push(token, ignore);
    };
    push("<|channel|>analysis<|message|>");
    EXPECT_EQ(parser.reasoning_tokens(), 3);
    push("Hello world");
    EXPECT_EQ(parser.reasoning_tokens(), 5);
    push("<|end|>");
    EXPECT_EQ(parser.reasoning_tokens(), 6);
    push("<|start|>assistant<|channel|>final<|message|>Hello<|return|>");
    EXPECT_EQ(parser.reasoning_tokens(), 6);
}

TEST(StreamParser, KeepsTheTokensOfACallThatIsWorthImitating) {
    const std::string tidy =
        "<|channel|>commentary to=functions.get_weather <|constrain|>json<|message|>{}<|call|>";
    const std::string guessed = "<|channel|>comment to=get_weather<|message|>{}<|call|>";
    const std::string spelled = tidy + "<|start|>assistant" + guessed + "<|start|>assistant" + tidy;
    StreamParser parser(small_tokenizer(), {{"get_weather"}});
    for (const TokenId token : tokens_of(spelled)) parser.push(token, [](const Event&) {});
    const auto calls = parser.sampled_calls();
    ASSERT_EQ(calls.size(), 3u);
    EXPECT_EQ(calls[0], tokens_of("<|start|>assistant" + tidy));
    EXPECT_TRUE(calls[1].empty());
    EXPECT_EQ(calls[2], tokens_of("<|start|>assistant" + tidy));
}

TEST(StreamParser, DoesNotKeepTheTokensOfACallThatWasCutShort) {
    StreamParser parser(small_tokenizer(), {{"search"}});
    const auto ignore = [](const Event&) {};
    for (const TokenId token :
         tokens_of("<|channel|>commentary to=functions.search <|constrain|>json<|message|>{\"a"))
        parser.push(token, ignore);
    parser.finish(ignore);
    ASSERT_EQ(parser.sampled_calls().size(), 1u);
    EXPECT_TRUE(parser.sampled_calls()[0].empty());
}

}  // namespace
}  // namespace gptoss::harmony
