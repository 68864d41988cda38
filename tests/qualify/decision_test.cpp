#include <gtest/gtest.h>

#include <fstream>

#include "backend/devices/devices.h"
#include "base/error.h"
#include "node/demo_model.h"
#include "node/kernel_decision.h"
#include "node/model_placement.h"
#include "qualify/qualify.h"
#include "support/temporary_folder.h"

namespace gptoss::node {
namespace {

KernelDecision decision_for_card(const std::string& card) {
    return {{card, "580", "1", "abc"}, {{"experts/mma"}, {{"dense/wgmma", 1, 8}}}, true, "", 0};
}

// The demo model on the CPU; decisions are kept in `folder`.
Settings demo_on_cpu(const test::TemporaryFolder& folder) {
    Settings settings;
    settings.device = DeviceChoice::cpu;
    settings.gpu_layers = 0;
    settings.max_context_length = 1024;
    settings.qualification_path = (folder.path() / "qualification.json").string();
    return settings;
}

Device cpu_device() {
    Device device;
    device.name = "cpu";
    device.needs = [](const model::Weights& weights, const model::PlanRequest& request) {
        return backend::device_needs("cpu", weights, request);
    };
    return device;
}

TEST(KernelDecision, IsFoundForItsOwnSubjectAlone) {
    const test::TemporaryFolder folder;
    const auto path = folder.path() / "state" / "qualification.json";
    EXPECT_FALSE(find_decision(path, decision_for_card("A").subject));
    save_decision(path, decision_for_card("A"));
    save_decision(path, decision_for_card("B"));
    const auto found = find_decision(path, decision_for_card("A").subject);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->kernels, decision_for_card("A").kernels);
    DecisionSubject other_driver = decision_for_card("A").subject;
    other_driver.driver = "581";
    EXPECT_FALSE(find_decision(path, other_driver));
}

TEST(KernelDecision, ALaterOneReplacesTheEarlier) {
    const test::TemporaryFolder folder;
    const auto path = folder.path() / "qualification.json";
    save_decision(path, decision_for_card("A"));
    KernelDecision unfit = decision_for_card("A");
    unfit.fit_to_serve = false;
    unfit.reason = "no right kernel";
    save_decision(path, unfit);
    const auto found = find_decision(path, unfit.subject);
    ASSERT_TRUE(found);
    EXPECT_FALSE(found->fit_to_serve);
    EXPECT_EQ(found->reason, "no right kernel");
}

// A kernel that was banned must not come back because somebody edited the file.
TEST(KernelDecision, AnEditedFileIsRefused) {
    const test::TemporaryFolder folder;
    const auto path = folder.path() / "qualification.json";
    save_decision(path, decision_for_card("A"));
    std::ifstream file(path);
    std::string text(std::istreambuf_iterator<char>(file), {});
    text.replace(text.find("experts/mma"), 11, "experts/mmb");
    std::ofstream(path) << text;
    EXPECT_THROW(find_decision(path, decision_for_card("A").subject), Error);
    std::ofstream(path) << "not JSON";
    EXPECT_THROW(find_decision(path, decision_for_card("A").subject), Error);
}

// Fifteen seconds had been enough to be asked no more.
TEST(KernelDecision, OneOfTooFewMinutesIsMadeAgainWhenMoreAreGiven) {
    const test::TemporaryFolder folder;
    Settings settings = demo_on_cpu(folder);
    ModelSource source(settings);  // the demo model
    qualify::QualifyOptions options;
    options.model = find_demo_model().string();
    options.decision_path = settings.qualification_path;
    KernelDecision decision{decision_subject("cpu", "", *source.file()), {}, true, "", 0};
    const auto is_known = [&](double short_minutes, double minutes) {
        decision.short_minutes = short_minutes;
        options.minutes = minutes;
        save_decision(options.decision_path, decision);
        return qualify::earlier_decision(options).has_value();
    };
    EXPECT_TRUE(is_known(0, 10)) << "nothing was left out";
    EXPECT_TRUE(is_known(0, 0));
    EXPECT_FALSE(is_known(0.25, 10));
    EXPECT_FALSE(is_known(0.25, 0)) << "as long as it takes";
    EXPECT_TRUE(is_known(10, 10));
    EXPECT_TRUE(is_known(10, 5));
}

TEST(KernelDecision, AnUnfitDeviceComputesNothing) {
    const test::TemporaryFolder folder;
    Settings settings = demo_on_cpu(folder);
    ModelSource source(settings);  // the demo model
    Device device = cpu_device();
    EXPECT_NO_THROW(place_model(settings, {device}, source)) << "nothing is decided yet";
    KernelDecision decision{
        decision_subject("cpu", "", *source.file()), {}, false, "layers 0 to 1: wrong", 0};
    save_decision(settings.qualification_path, decision);
    try {
        place_model(settings, {device}, source);
        FAIL() << "an unfit device was taken";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::device_failed);
        EXPECT_NE(std::string(error.what()).find("layers 0 to 1: wrong"), std::string::npos);
    }
    settings.qualification_path = "off";
    EXPECT_NO_THROW(place_model(settings, {device}, source));
}

// A node and a replay of receipts alike: what is made of a placement keeps to the decision.
TEST(KernelDecision, GoesIntoEveryBackendOfThePlacement) {
    const test::TemporaryFolder folder;
    Settings settings = demo_on_cpu(folder);
    ModelSource source(settings);  // the demo model
    backend::KernelChoice given;
    Device device = cpu_device();
    device.make = [&](const model::Weights&, const backend::BackendOptions& options,
                      const backend::LoadProgress&) {
        given = options.kernels;
        return nullptr;
    };
    KernelDecision decision = decision_for_card("");
    decision.subject = decision_subject("cpu", "", *source.file());
    save_decision(settings.qualification_path, decision);
    place_model(settings, {device}, source).make(source, {}, {});
    EXPECT_EQ(given, decision.kernels);
}

}  // namespace
}  // namespace gptoss::node
