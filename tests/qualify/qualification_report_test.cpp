#include "qualify/qualification_report.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace gptoss::qualify {
namespace {

Report sample() {
    Report report;
    report.version = "1";
    report.device = "Card <&>";
    report.model = "model.gguf";
    report.findings = {{"kernels", "experts/mma", Verdict::passed, "as the reference"},
                       {"load", "memory flat", Verdict::skipped, ""}};
    report.figures = {{"step of 1 token", "tok/s", 600, 500, true}, {"first token", "ms", 80, 100, false}};
    report.kernels = {{"dense/wgmma"}, {{"experts/mma", 1, 8}}};
    return report;
}

TEST(Report, SurvivesItsJson) {
    const Report report = sample();
    const nlohmann::ordered_json json = to_json(report);
    EXPECT_EQ(to_json(report_from_json(nlohmann::json::parse(json.dump()))), json);
}

TEST(Report, IsFitOnlyWhenNothingFailedAndSomethingWasAsked) {
    Report report = sample();
    EXPECT_TRUE(report.fit_to_serve());
    report.findings[0].verdict = Verdict::avoided;
    EXPECT_TRUE(report.fit_to_serve()) << "another kernel does its work";
    report.findings[0].verdict = Verdict::failed;
    EXPECT_FALSE(report.fit_to_serve());
    EXPECT_FALSE(Report{}.fit_to_serve());
}

TEST(Report, ThePageHoldsNoMarkupOfNames) {
    const std::string page = to_html(sample());
    EXPECT_NE(page.find("Card &lt;&amp;&gt;"), std::string::npos);
    EXPECT_EQ(page.find("Card <"), std::string::npos);
    EXPECT_EQ(page.find("<script"), std::string::npos);
}

TEST(Report, ComparisonNamesWhatChanged) {
    Report after = sample();
    after.findings[0].verdict = Verdict::failed;
    after.figures[0].value = 500;
    after.figures[1].value = 81;
    const std::string text = compare(sample(), after);
    EXPECT_NE(text.find("changed   kernels, experts/mma: passed -> failed"), std::string::npos) << text;
    EXPECT_NE(text.find("worse     step of 1 token: 600 -> 500 tok/s (-16.7 %)"), std::string::npos) << text;
    EXPECT_EQ(text.find("first token"), std::string::npos) << "moved by less than 2 %";
}

TEST(Report, RefusesWhatIsNoReport) {
    EXPECT_THROW(report_from_json(nlohmann::json::parse("[1]")), Error);
    EXPECT_THROW(report_from_json(nlohmann::json::parse("{\"version\": 3}")), Error);
    nlohmann::json json = nlohmann::json::parse(to_json(sample()).dump());
    json["findings"][0]["verdict"] = "excellent";
    EXPECT_THROW(report_from_json(json), Error);
}

}  // namespace
}  // namespace gptoss::qualify
