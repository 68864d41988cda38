#include "qualify/known_speeds.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace gptoss::qualify {
namespace {

Report report_of(const std::string& device, double tokens_per_second) {
    Report report;
    report.device = device;
    report.figures = {{"step of 1 token at 1024", "tok/s", tokens_per_second, 0, true},
                      {"step of 3 x 1 token", "tok/s", 5, 0, true}};
    return report;
}

const Finding* about(const Report& report, std::string_view name) {
    const auto found = std::ranges::find(report.findings, name, &Finding::name);
    return found == report.findings.end() ? nullptr : &*found;
}

TEST(KnownSpeeds, ACardOfThatNameIsHeldToThem) {
    Report report = report_of("NVIDIA H200", 695);
    compare_with_known_cards(model::gpt_oss_120b(), report);
    EXPECT_NEAR(report.figures[0].bound, 625, 1);
    EXPECT_EQ(report.figures[1].bound, 0) << "nothing is known of it";
    ASSERT_NE(about(report, "beside H200 (measured)"), nullptr);
    EXPECT_EQ(about(report, "beside H200 (measured)")->detail, "1 token at 1024: 1.00 times 695 tok/s");
}

TEST(KnownSpeeds, APredictionIsMarkedAndIsNoBound) {
    Report report = report_of("NVIDIA RTX PRO 6000 Blackwell Server Edition", 300);
    compare_with_known_cards(model::gpt_oss_120b(), report);
    EXPECT_EQ(report.figures[0].bound, 0);
    ASSERT_NE(about(report, "beside RTX PRO 6000 (predicted)"), nullptr);
    EXPECT_NE(about(report, "beside RTX PRO 6000 (predicted)")->detail.find("1.16 times 259"),
              std::string::npos);
    EXPECT_NE(about(report, "beside H200 (measured)")->detail.find("0.43 times 695"), std::string::npos);
    EXPECT_TRUE(report.fit_to_serve()) << "a slow card computes right";
}

TEST(KnownSpeeds, OfAnotherModelNothingIsKnown) {
    model::Hyperparameters shape = model::gpt_oss_20b();
    shape.layers = 6;
    Report report = report_of("NVIDIA H200", 5000);
    compare_with_known_cards(shape, report);
    ASSERT_EQ(report.findings.size(), 1U);
    EXPECT_EQ(report.findings[0].verdict, Verdict::skipped);
    EXPECT_EQ(report.figures[0].bound, 0);
}

}  // namespace
}  // namespace gptoss::qualify
