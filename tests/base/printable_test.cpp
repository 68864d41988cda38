#include "base/printable.h"

#include <gtest/gtest.h>

namespace gptoss {
namespace {

TEST(Printable, LeavesOrdinaryTextsAsTheyAre) {
    for (const char* text :
         {"", "a plain line", "file.gguf: 3\t4", "Grüße, 世界 \xf0\x9f\x98\x80", "no UTF-8: \xff\x90"})
        EXPECT_EQ(printable(text), text);
    EXPECT_EQ(printable("wrong\n  do this"), "wrong\n  do this");
}

TEST(Printable, ShowsWhatATerminalWouldObey) {
    EXPECT_EQ(printable("x\x1b[2Jy"), "x\\x1b[2Jy");
    EXPECT_EQ(printable(std::string_view("\0\r\x7f", 3)), "\\x00\\x0d\\x7f");
    EXPECT_EQ(printable("\xc2\x9b"
                        "2J"),
              "\\x9b"
              "2J");
}

TEST(Printable, NoTextPassesForAnotherLineOfTheLog) {
    EXPECT_EQ(printable("no\n2026-11-30T00:00:00.000 info paid"), "no\n  2026-11-30T00:00:00.000 info paid");
    EXPECT_EQ(printable("end\n"), "end\n");
}

}  // namespace
}  // namespace gptoss
