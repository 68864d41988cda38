// The monitor over a stand-in for NVML: what a card tells, and what its troubles do to the node.
#include "node/gpu_monitor.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <fstream>
#include <thread>

#include "base/error.h"
#include "node/application/metrics.h"
#include "node/application/node_state.h"
#include "node/memory_ceiling.h"
#include "support/temporary_folder.h"

namespace gptoss::node {
namespace {

using namespace std::chrono_literals;

constexpr std::int64_t kMiB = 1 << 20;

class GpuMonitorTest : public testing::Test {
  protected:
    GpuMonitorTest() { setenv("FAKE_NVML_STATE", (folder_.path() / "state").c_str(), 1); }

    // Replaced as a whole, so that a monitor never reads half a file.
    void tell(const std::string& state) const {
        std::ofstream(folder_.path() / "next") << state;
        std::filesystem::rename(folder_.path() / "next", folder_.path() / "state");
    }
    static GpuMonitorOptions options() { return {GPTOSS_FAKE_NVML, "0000:17:00.0", 0}; }

  private:
    test::TemporaryFolder folder_;
};

double value(const GpuStatus& status, std::string_view name) {
    const double* found = status.find(name);
    return found == nullptr ? -1 : *found;
}

TEST_F(GpuMonitorTest, TellsWhatTheCardTells) {
    tell(
        "used_mib 70000 total_mib 97887 utilization 93 temperature 61 milliwatts 412000 sm_mhz 1980 "
        "memory_mhz 2619 "
        "corrected 2 uncorrected 0 remap_failed 0 throttle_bits 5 millijoules 1000000");
    GpuMonitor monitor(options());
    tell(
        "used_mib 70000 total_mib 97887 utilization 93 temperature 61 milliwatts 412000 sm_mhz 1980 "
        "memory_mhz 2619 "
        "corrected 2 uncorrected 0 remap_failed 0 throttle_bits 5 millijoules 3500000");
    const GpuStatus status = monitor.read();
    EXPECT_EQ(status.name, "Fake RTX");
    EXPECT_EQ(status.driver, "580.00");
    EXPECT_EQ(value(status, "memory_used_bytes"), 70000.0 * kMiB);
    EXPECT_EQ(value(status, "memory_total_bytes"), 97887.0 * kMiB);
    EXPECT_EQ(value(status, "utilization_percent"), 93);
    EXPECT_EQ(value(status, "temperature_celsius"), 61);
    EXPECT_EQ(value(status, "power_watts"), 412);
    EXPECT_EQ(value(status, "sm_clock_mhz"), 1980);
    EXPECT_EQ(value(status, "memory_clock_mhz"), 2619);
    EXPECT_EQ(value(status, "corrected_ecc_errors"), 2);
    EXPECT_EQ(value(status, "energy_joules"), 2500);  // since the monitor began
    EXPECT_EQ(status.throttling,
              std::vector<std::string>{"power cap"});  // an idle card (bit 1) is no trouble
    EXPECT_EQ(status.failure, "");
    EXPECT_EQ(status.obstacle, "");

    Metrics metrics;
    const std::string text = metrics.to_text(nullptr, &status);
    EXPECT_NE(text.find("\ngptoss_gpu_temperature_celsius 61\n"), std::string::npos) << text;
    EXPECT_NE(text.find("\ngptoss_gpu_healthy 1\n"), std::string::npos);
    EXPECT_EQ(status.to_json()["power_watts"], 412);
}

TEST_F(GpuMonitorTest, LeavesOutWhatTheCardDoesNotKnow) {
    tell("used_mib 1");
    const GpuStatus status = GpuMonitor(options()).read();
    EXPECT_EQ(status.find("temperature_celsius"), nullptr);
    EXPECT_EQ(status.find("corrected_ecc_errors"), nullptr);
    EXPECT_NE(status.find("memory_used_bytes"), nullptr);
    EXPECT_EQ(status.failure, "");
}

TEST_F(GpuMonitorTest, AFatalXidIsAFailureForGood) {
    tell("used_mib 1");
    GpuMonitor monitor(options());
    EXPECT_EQ(monitor.read().failure, "");
    tell("used_mib 1 xid 31");  // a program's fault
    EXPECT_EQ(monitor.read().failure, "");
    tell("used_mib 1 xid 79");
    EXPECT_NE(monitor.read().failure.find("Xid 79"), std::string::npos);
    tell("used_mib 1");
    const GpuStatus later = monitor.read();
    EXPECT_NE(later.failure.find("Xid 79"), std::string::npos);
    EXPECT_EQ(later.xids, (std::vector<unsigned long long>{31, 79}));
    EXPECT_EQ(value(later, "xid_errors"), 2);
}

TEST_F(GpuMonitorTest, ALostCardAndAnUnmappableRowAreFailures) {
    tell("used_mib 1");
    GpuMonitor lost(options());
    tell("result 15");
    EXPECT_EQ(lost.read().failure, "GPU is lost (15)");
    tell("used_mib 1 remap_failed 1");
    EXPECT_NE(GpuMonitor(options()).read().failure, "");
}

TEST_F(GpuMonitorTest, NamesALibraryOrACardThatIsNotThere) {
    GpuMonitorOptions wrong = options();
    wrong.bus_id = "0000:18:00.0";
    EXPECT_THROW(GpuMonitor{wrong}, Error);
    wrong.library = "/nowhere/libnvidia-ml.so";
    EXPECT_THROW(GpuMonitor{wrong}, Error);
    wrong.library = "libm.so.6";  // a library, but another one
    EXPECT_THROW(GpuMonitor{wrong}, Error);
}

TEST_F(GpuMonitorTest, MemoryAboveTheCeilingRefusesNewWorkUntilItFalls) {
    tell("used_mib 94000");
    GpuMonitorOptions with_ceiling = options();
    with_ceiling.ceiling_bytes = 95000 * kMiB;
    GpuMonitor monitor(with_ceiling);
    NodeState state;
    state.set_gpu(monitor.read());
    EXPECT_NO_THROW(state.require_usable_gpu());
    tell("used_mib 95001");
    state.set_gpu(monitor.read());
    try {
        state.require_usable_gpu();
        FAIL() << "work was taken";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::queue_full);
        EXPECT_NE(std::string(error.what()).find("VRAM_CEILING_MB"), std::string::npos) << error.what();
    }
    tell("used_mib 94000");
    state.set_gpu(monitor.read());
    EXPECT_NO_THROW(state.require_usable_gpu());
}

TEST_F(GpuMonitorTest, WatchesOnAThreadOfItsOwnAndStopsAtOnce) {
    tell("used_mib 1");
    std::atomic<int> readings = 0;
    std::atomic<bool> failed = false;
    {
        GpuMonitor monitor(options());
        monitor.start(1ms, [&](const GpuStatus& status) {
            ++readings;
            if (!status.failure.empty()) failed = true;
        });
        while (readings < 3) std::this_thread::sleep_for(1ms);
        tell("used_mib 1 xid 48");
        while (!failed) std::this_thread::sleep_for(1ms);
        monitor.start(1h,
                      [&](const GpuStatus&) {});  // replaces the other; gone within the test, not the hour
    }
    const int last = readings;
    std::this_thread::sleep_for(5ms);
    EXPECT_EQ(readings, last);
}

TEST(MemoryCeiling, IsSetByTheSettingOrByTheCard) {
    Settings settings;
    EXPECT_EQ(memory_ceiling_bytes(settings, 97887 * kMiB), 95000 * kMiB);  // RTX PRO 6000
    EXPECT_EQ(memory_ceiling_bytes(settings, 81559 * kMiB), 0);             // H100
    EXPECT_EQ(memory_ceiling_bytes(settings, 143771 * kMiB), 0);            // H200
    settings.vram_ceiling_mb = 80000;
    EXPECT_EQ(memory_ceiling_bytes(settings, 81559 * kMiB), 80000 * kMiB);
    settings.vram_ceiling_mb = 0;
    EXPECT_EQ(memory_ceiling_bytes(settings, 97887 * kMiB), 0);
}

}  // namespace
}  // namespace gptoss::node
