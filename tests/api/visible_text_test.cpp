// Stop strings against the obvious reference: search in the whole text.
#include "api/visible_text.h"

#include <gtest/gtest.h>

#include <random>

namespace gptoss::api {
namespace {

TEST(VisibleText, EqualsASearchInTheWholeText) {
    std::mt19937 random(7);
    for (int round = 0; round < 20000; ++round) {
        std::vector<std::string> stop;
        const auto letters = [&](std::size_t most) {
            std::string text;
            for (std::size_t i = random() % most + 1; i > 0; --i)
                text += static_cast<char>('a' + random() % 3);
            return text;
        };
        for (std::size_t i = random() % 3; i > 0; --i) stop.push_back(letters(4));
        const std::string text = letters(30);

        // Reads letter by letter until the text so far ends with a stop string; the longest such one is cut
        // off.
        std::size_t first = std::string::npos;
        for (std::size_t end = 1; end <= text.size() && first == std::string::npos; ++end) {
            for (const std::string& one : stop) {
                if (text.substr(0, end).ends_with(one)) first = std::min(first, end - one.size());
            }
        }

        VisibleText visible(stop, false);
        std::string shown;
        for (std::size_t at = 0; at < text.size();) {
            const std::size_t size = std::min<std::size_t>(random() % 4 + 1, text.size() - at);
            visible.add(text.substr(at, size));
            shown += visible.take().text;
            at += size;
        }
        if (!visible.stopped()) visible.flush();
        shown += visible.take().text;
        ASSERT_EQ(visible.stopped(), first != std::string::npos) << text;
        ASSERT_EQ(shown, text.substr(0, first)) << text;
    }
}

TEST(VisibleText, HoldsBackNoMoreThanItMust) {
    VisibleText visible({"STOP"}, false);
    visible.add("one S");
    EXPECT_EQ(visible.take().text, "one ");
    visible.add("T");
    EXPECT_EQ(visible.take().text, "");
    visible.add("A");
    EXPECT_EQ(visible.take().text, "STA");
}

TEST(VisibleText, LogprobsLeaveWithTheirText) {
    VisibleText visible({"XY"}, true);
    visible.note({1, -1.0F, {}});
    visible.add("aX");
    EXPECT_TRUE(visible.take().logprobs.empty());  // a part of this token's text may still be a stop string's
    visible.note({2, -2.0F, {}});
    visible.forget_noted();
    visible.note({3, -3.0F, {}});
    visible.note({4, -4.0F, {}});  // two tokens, one character
    visible.add("b");
    const VisibleText::Piece piece = visible.take();
    EXPECT_EQ(piece.text, "Xb");
    ASSERT_EQ(piece.logprobs.size(), 3U);
    EXPECT_EQ(piece.logprobs[0].token, 1);
    EXPECT_EQ(piece.logprobs[2].token, 4);
}

}  // namespace
}  // namespace gptoss::api
