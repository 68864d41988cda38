// Ten thousand random token sequences: the parser never fails, never breaks the shape of its events, and
// loses no text.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "harmony/utf8.h"
#include "support/small_vocabulary.h"
#include "transcript.h"

namespace gptoss::harmony {
namespace {

using test::small_tokenizer;

std::vector<TokenId> random_tokens(std::mt19937& random) {
    const SpecialTokens& special = small_tokenizer().special();
    const std::vector<TokenId> markers{special.start,   special.end,        special.message,
                                       special.channel, special.constrain,  special.return_,
                                       special.call,    special.end_of_text};
    const std::vector<std::string> words{
        "assistant",  "analysis", "commentary", "final", " to=functions.get_weather",
        " to=search", "json",     " ",          "user",  "Hello world",
        "{\"a\":1}",  "\n"};
    const auto below = [&](std::size_t bound) { return random() % bound; };
    std::vector<TokenId> tokens;
    for (std::size_t i = below(40); i > 0; --i) {
        const auto kind = below(10);
        if (kind < 4) {
            tokens.push_back(markers[below(markers.size())]);
        } else if (kind < 8) {
            small_tokenizer().encode_append(words[below(words.size())], tokens);
        } else {
            tokens.push_back(static_cast<TokenId>(
                below(static_cast<std::size_t>(small_tokenizer().vocabulary_size()) + 3)));
        }
    }
    return tokens;
}

std::string lossy(std::string_view bytes) {
    Utf8Assembler assembler;
    std::string out;
    assembler.push(bytes, out);
    assembler.flush(out);
    return out;
}

// Runs of ordinary tokens directly after a <|message|> that stands in a header or begins a message: content
// beyond doubt. (After a <|message|> inside content the run goes on; its text is content as well.)
std::vector<std::string> certain_texts(const std::vector<TokenId>& tokens) {
    std::vector<std::string> texts;
    bool inside = false;
    std::string run;
    const auto end_run = [&] {
        if (!run.empty()) texts.push_back(std::exchange(run, {}));
    };
    for (const TokenId token : tokens) {
        if (token < small_tokenizer().vocabulary_size() && !small_tokenizer().is_special(token)) {
            if (inside) run += small_tokenizer().bytes(token);
            continue;
        }
        end_run();
        inside = token == small_tokenizer().special().message;
    }
    end_run();
    return texts;
}

// Only where the run is cut out of a longer text can its first and last bytes be part of another character.
bool is_text(const std::string& bytes) {
    return lossy(bytes) == bytes;
}

void expect_sound(const std::vector<Event>& events) {
    std::int32_t open_call = -1, last_call = -1;
    for (const Event& event : events) {
        switch (event.kind) {
            case EventKind::call_begin:
                ASSERT_EQ(open_call, -1);
                ASSERT_EQ(event.call_index, last_call + 1);
                open_call = last_call = event.call_index;
                break;
            case EventKind::call_arguments:
            case EventKind::call_end:
                ASSERT_NE(open_call, -1);
                ASSERT_EQ(event.call_index, open_call);
                if (event.kind == EventKind::call_end) open_call = -1;
                break;
            default:
                ASSERT_EQ(open_call, -1);
                break;
        }
    }
}

TEST(Torture, TenThousandRandomSequences) {
    std::mt19937 random(20240805);
    for (int round = 0; round < 10000; ++round) {
        const std::vector<TokenId> tokens = random_tokens(random);
        StreamParser parser(small_tokenizer(), {{"get_weather", "search"}});
        std::string said;
        std::vector<Event> events;
        const auto sink = [&](const Event& event) {
            ASSERT_EQ(lossy(event.text), event.text) << "round " << round;
            ASSERT_TRUE(event.kind != EventKind::call_begin || event.name == "get_weather" ||
                        event.name == "search");
            said += event.text;
            events.push_back({event.kind, {}, {}, event.call_index});
        };
        for (const TokenId token : tokens) parser.push(token, sink);
        parser.finish(sink);
        expect_sound(events);
        ASSERT_LE(parser.reasoning_tokens(), static_cast<std::int32_t>(tokens.size()));
        for (const std::string& text : certain_texts(tokens)) {
            if (!is_text(text)) continue;
            ASSERT_NE(said.find(text), std::string::npos) << "round " << round << ": " << text;
        }
    }
}

TEST(Torture, TextWithoutMarkupComesOutAsItIs) {
    std::mt19937 random(7);
    for (int round = 0; round < 2000; ++round) {
        std::vector<TokenId> tokens;
        std::string bytes;
        for (std::size_t i = 1 + random() % 100; i > 0; --i) {
            tokens.push_back(static_cast<TokenId>(random() % 290));
            bytes += small_tokenizer().bytes(tokens.back());
        }
        if (bytes.find_first_not_of(" \t\n\r\f\v") == std::string::npos ||
            bytes.find("to=") != std::string::npos)
            continue;
        ASSERT_EQ(test::transcribe(small_tokenizer(), tokens).everything, lossy(bytes)) << "round " << round;
    }
}

}  // namespace
}  // namespace gptoss::harmony
