#include "acceptance/report.h"

#include <gtest/gtest.h>

namespace gptoss::acceptance {
namespace {

const Report kReport{"http://x",
                     "m",
                     {{"good", Verdict::passed, "4 < 5 & \"so\"", 1},
                      {"bad", Verdict::failed, "\x1b[2J<|end|>", 2},
                      {"absent", Verdict::skipped, "not offered", 0}}};

TEST(Report, KeepsWhatWasSkippedApart) {
    const auto json = kReport.to_json();
    EXPECT_EQ(json["passed"], false);
    ASSERT_EQ(json["checks"].size(), 2U);
    EXPECT_EQ(json["checks"][1]["passed"], false);
    EXPECT_EQ(json["skipped"][0]["reason"], "not offered");
}

TEST(Report, EscapesWhatServersSay) {
    const std::string xml = kReport.to_junit(), table = kReport.table(false);
    EXPECT_NE(xml.find("&lt;|end|&gt;"), std::string::npos);
    EXPECT_NE(xml.find("failures=\"1\" skipped=\"1\""), std::string::npos);
    EXPECT_EQ(xml.find('\x1b'), std::string::npos);
    EXPECT_EQ(table.find('\x1b'), std::string::npos);
    EXPECT_NE(table.find("1 passed, 1 failed, 1 skipped"), std::string::npos);
}

}  // namespace
}  // namespace gptoss::acceptance
