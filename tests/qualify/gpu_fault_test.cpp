// Faults in real kernels of a GPU, on the golden model: each caught, named and never chosen, and no right kernel
// banned with it.
#include <gtest/gtest.h>
#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>

#include "backend/cuda/cuda_backend.h"
#include "backend/devices/devices.h"
#include "base/error.h"
#include "gguf/file.h"
#include "qualify/kernel_stage.h"
#include "qualify/planted_faults.h"
#include "qualify/probe_computer.h"
#include "qualify/probe_worker.h"
#include "support/temporary_folder.h"

namespace gptoss::qualify {
namespace {

using test::GpuFault;
using Faults = std::map<std::string, GpuFault>;

const std::string kGolden = GPTOSS_SOURCE_DIR "/tests/data/oracle/small-00001-of-00003.gguf";

// Computes in this process, where the faults are planted. The float32 reference takes most of the time and is the same
// in every case.
class FaultyCardRunner final : public ProbeRunner {
  public:
    explicit FaultyCardRunner(bool slices_alone)
        : slices_alone_(slices_alone),
          file_(gguf::File::open(kGolden)),
          weights_(model::find_weights(file_)) {}

    ProbeReply run(const ProbeRequest& request) override {
        // What is timed and what is served last: kernels are the same as in the slices.
        const bool as_the_reference = request.exact || (slices_alone_ && request.layers.empty());
        try {
            if (as_the_reference) return reference(request);
            if (!computer_) computer_.emplace(weights_);
            return computer_->compute(request);
        } catch (const Error& error) {
            return {{}, {}, error.what()};
        }
    }

    void start_anew() override { computer_.reset(); }

  private:
    static ProbeReply reference(const ProbeRequest& request) {
        static std::map<std::string, ProbeOutcome> all;
        ProbeRequest missing;
        missing.model = request.model;
        missing.device = "cpu";
        missing.exact = true;
        missing.layers = request.layers;
        missing.passes = 1;
        const auto key = [&](const Probe& probe) {
            return fmt::format("{} {} {} {}", request.layers.first, request.layers.end, probe.name(),
                               probe.input);
        };
        for (const Probe& probe : request.probes)
            if (!all.contains(key(probe))) missing.probes.push_back(probe);
        if (!missing.probes.empty()) {
            const ProbeReply computed = compute_probes(missing);
            for (std::size_t i = 0; i < missing.probes.size(); ++i)
                all[key(missing.probes[i])] = computed.outcomes[i];
        }
        ProbeReply reply;
        for (const Probe& probe : request.probes) reply.outcomes.push_back(all.at(key(probe)));
        return reply;
    }

    bool slices_alone_;
    gguf::File file_;
    model::Weights weights_;
    std::optional<ProbeComputer> computer_;
};

KernelStageResult qualify_by(ProbeRunner& runner) {
    const gguf::File file = gguf::File::open(kGolden);
    const model::Weights weights = model::find_weights(file);
    KernelStageOptions options;
    options.model = kGolden;
    options.device = "cuda";
    options.kernels = backend::kernel_names("cuda", weights);
    options.shape = weights.hyperparameters;
    options.slices_of_each_kernel = 1;
    KernelStageResult result = qualify_kernels(options, runner, [](const std::string&) {});
    for (const Finding& each : result.findings)
        std::printf("  %s %s: %s\n", std::string(to_text(each.verdict)).c_str(), each.name.c_str(),
                    each.detail.c_str());
    std::fflush(stdout);
    return result;
}

KernelStageResult qualify_with(const Faults& faults, bool slices_alone = true) {
    FaultyCardRunner runner(slices_alone);
    test::plant(faults);
    KernelStageResult result = qualify_by(runner);
    test::plant({});
    return result;
}

struct Planted {
    std::string kernel;
    GpuFault fault;
    std::string words;  // in the finding
};

class GpuQualify : public testing::Test {
  protected:
    void SetUp() override {
        std::string reason;
        if (!backend::cuda_available(&reason)) GTEST_SKIP() << "no usable GPU here: " << reason;
    }
};

void expect_caught(const Planted& planted, const KernelStageResult& result) {
    EXPECT_TRUE(result.choice.bans(planted.kernel)) << planted.kernel;
    const auto found = std::ranges::find(result.findings, planted.kernel, &Finding::name);
    ASSERT_NE(found, result.findings.end());
    EXPECT_EQ(found->verdict, Verdict::avoided);
    EXPECT_NE(found->detail.find(planted.words), std::string::npos) << found->detail;
}

void expect_fit(const KernelStageResult& result) {
    for (const Finding& each : result.findings) EXPECT_NE(each.verdict, Verdict::failed) << each.detail;
}

const std::vector<Planted> kPlanted = {{"experts/streamed", GpuFault::wrong_lane, "from the reference"},
                                       {"dense/wgmma_cluster", GpuFault::race, ""},
                                       {"experts/wgmma", GpuFault::wrong_at_129_tokens, "129 tokens"},
                                       {"attention/wgmma", GpuFault::wrong_when_deep, " at 6"},
                                       {"pass/decode", GpuFault::wrong_when_deep, " at 6"},
                                       {"dense/wgmma", GpuFault::rare_not_a_number, ""},
                                       {"experts/streamed_small", GpuFault::stale_workspace, ""}};

// The child of ACrashEndsItsProcessAlone: this very program.
constexpr const char* kFolder = "GPTOSS_TEST_PROBE_FOLDER";

TEST(GpuProbeChild, ComputesWithAKernelThatCrashes) {
    const char* folder = std::getenv(kFolder);
    if (folder == nullptr) GTEST_SKIP() << "it is a child";
    test::plant({{"experts/mma", GpuFault::illegal_address}});
    answer_probe_requests(folder);
}

TEST_F(GpuQualify, ACrashEndsItsProcessAlone) {
    const test::TemporaryFolder folder;
    const auto program = folder.path() / "program";
    std::ofstream(program) << fmt::format("#!/bin/sh\n{}=$2 exec {} --gtest_filter='GpuProbeChild.*'\n",
                                          kFolder, std::filesystem::read_symlink("/proc/self/exe").string());
    std::filesystem::permissions(program, std::filesystem::perms::owner_all);
    ChildProbeRunner runner(program, 60);
    const KernelStageResult result = qualify_by(runner);
    expect_caught({"experts/mma", GpuFault::illegal_address, "illegal memory access"}, result);
    EXPECT_EQ(result.choice.banned.size(), 1U);
    expect_fit(result);
}

// It is the program's own choice: all that is tried beside it looks wrong at first.
TEST_F(GpuQualify, AWrongKernelIsNamedAlone) {
    const Planted& planted = kPlanted.front();
    const KernelStageResult result = qualify_with({{planted.kernel, planted.fault}});
    expect_caught(planted, result);
    EXPECT_EQ(result.choice.banned.size(), 1U);
    expect_fit(result);
}

TEST_F(GpuQualify, SeveralAtOnceAreNamedOneByOne) {
    Faults faults;
    for (const Planted& planted : kPlanted) faults[planted.kernel] = planted.fault;
    const KernelStageResult result = qualify_with(faults);
    for (const Planted& planted : kPlanted) expect_caught(planted, result);
    EXPECT_EQ(result.choice.banned.size(), faults.size());
    expect_fit(result);
}

// Right in every step by itself; only the steps after it see it.
TEST_F(GpuQualify, KeysThatDecodeLeavesWrongAreFoundWhereTheyAreReadAgain) {
    const Planted planted{"pass/decode", GpuFault::wrong_keys, " at a time"};
    const KernelStageResult result = qualify_with({{planted.kernel, planted.fault}});
    expect_caught(planted, result);
    EXPECT_EQ(result.choice.banned.size(), 1U);
    expect_fit(result);
}

TEST_F(GpuQualify, WithoutOneNothingIsBanned) {
    const KernelStageResult result = qualify_with({});
    EXPECT_TRUE(result.choice.banned.empty());
    expect_fit(result);
}

TEST_F(GpuQualify, ASlowKernelIsNotChosen) {
    const KernelStageResult result = qualify_with({{"experts/wgmma", GpuFault::slow}}, false);
    EXPECT_TRUE(result.choice.banned.empty());
    EXPECT_EQ(result.choice.preferred_kernel("experts", 2048), "mma");
    expect_fit(result);
}

}  // namespace
}  // namespace gptoss::qualify
