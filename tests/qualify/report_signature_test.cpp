#include "qualify/report_signature.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/error.h"
#include "qualify/qualification_report.h"

namespace gptoss::qualify {
namespace {

const std::string kKey = "0x" + std::string(63, '0') + "1";
const std::string kAddress = "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf";  // of that key

nlohmann::ordered_json signed_sample() {
    Report report;
    report.version = "1";
    report.device = "Card";
    report.took_s = 12.345678901234567;
    report.findings = {{"kernels", "experts/mma", Verdict::passed, "as the reference"}};
    report.figures = {{"step of 1 token", "tok/s", 1.0 / 3, 0, true}};
    return sign_report(to_json(report), provenance::chain::PrivateKey(kKey, "KEY"));
}

// What is read from a file: indented, each number read and written again.
nlohmann::ordered_json read_again(const nlohmann::ordered_json& json) {
    return nlohmann::ordered_json::parse(json.dump(2));
}

TEST(ReportSignature, HoldsAfterBeingWrittenAndRead) {
    const SignatureVerdict verdict = check_report_signature(read_again(signed_sample()), "");
    EXPECT_TRUE(verdict.holds) << verdict.why;
    EXPECT_EQ(verdict.why, "signed by " + kAddress);
    EXPECT_TRUE(check_report_signature(signed_sample(), kAddress).holds);
    EXPECT_NO_THROW(report_from_json(signed_sample())) << "a signed report is a report";
}

// Signed by viem's signMessage.
TEST(ReportSignature, AWalletsSignatureHolds) {
    std::ifstream file(GPTOSS_SOURCE_DIR "/tests/fuzz/corpus/fuzz_qualification/signed_report");
    const auto report = nlohmann::ordered_json::parse(file);
    EXPECT_TRUE(check_report_signature(report, kAddress).holds) << check_report_signature(report, "").why;
}

TEST(ReportSignature, WhateverIsChangedIsForged) {
    const auto forged = [](const auto& change) {
        nlohmann::ordered_json json = signed_sample();
        change(json);
        return check_report_signature(json, "").why;
    };
    const nlohmann::ordered_json sample = signed_sample();
    for (const auto& [name, value] : sample.items()) {
        if (name == "signer" || name == "signature") continue;
        EXPECT_TRUE(forged([&](auto& json) { json[name] = "other"; }).starts_with("FORGED")) << name;
        EXPECT_TRUE(forged([&](auto& json) { json.erase(name); }).starts_with("FORGED")) << name;
    }
    EXPECT_TRUE(forged([](auto& json) { json["findings"][0]["verdict"] = "failed"; }).starts_with("FORGED"));
    EXPECT_TRUE(forged([](auto& json) { json["figures"][0]["value"] = 0.4; }).starts_with("FORGED"));
    EXPECT_TRUE(forged([](auto& json) { json["added"] = 1; }).starts_with("FORGED"));
    EXPECT_TRUE(forged([](auto& json) { json["signature"] = "0x12"; }).starts_with("FORGED"));
    EXPECT_TRUE(forged([](auto& json) { json["signer"] = 7; }).starts_with("FORGED"));
    EXPECT_TRUE(forged([](auto& json) { json.erase("signature"); }).starts_with("NOT SIGNED"));
}

TEST(ReportSignature, AnotherSignerIsNamed) {
    const std::string other = "0x" + std::string(39, '0') + "1";
    EXPECT_EQ(check_report_signature(signed_sample(), other).why, "ANOTHER SIGNER: " + kAddress);
    EXPECT_THROW(check_report_signature(signed_sample(), "me"), Error);
}

}  // namespace
}  // namespace gptoss::qualify
