#include "provenance/background_check.h"

#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "base/error.h"

namespace gptoss::provenance {
namespace {

// For this thread and those it starts. Refused by some containers, and then it runs at the usual priority.
void become_idle() {
    const sched_param none{};
    (void)::sched_setscheduler(0, SCHED_IDLE, &none);
    // <linux/ioprio.h> is not everywhere; the numbers are the kernel's interface.
    constexpr int kOneProcess = 1, kIdleClass = 3, kClassShift = 13;
    (void)::syscall(SYS_ioprio_set, kOneProcess, 0, kIdleClass << kClassShift);
}

}  // namespace

BackgroundCheck::BackgroundCheck(std::vector<std::filesystem::path> parts, Manifest believed, Report report)
    : parts_(std::move(parts)),
      believed_(std::move(believed)),
      report_(std::move(report)),
      thread_([this] { run(); }) {}

std::string BackgroundCheck::mismatch() const {
    const std::lock_guard lock(mutex_);
    return mismatch_;
}

void BackgroundCheck::run() {
    become_idle();
    try {
        const auto hashes = hash_parts(parts_, [this](std::uint64_t, std::uint64_t) { return !stop_; });
        for (std::size_t i = 0; i < hashes.size(); ++i) {
            const ManifestPart& recorded = believed_.parts[i];
            if (hashes[i].sha256 == recorded.sha256) continue;
            if (hashes[i].stamp.inode != recorded.stamp.inode) {
                finish(true,
                       recorded.file + " was replaced since the start: what is served is the earlier file");
                return;
            }
            finish(false, recorded.file + " has the SHA-256 " + hashes[i].sha256 + ", its manifest says " +
                              recorded.sha256);
            return;
        }
        finish(true, "hashed again: every part is what its manifest says");
    } catch (const Error& error) {
        if (!stop_) finish(true, std::string("could not be hashed again: ") + error.what());
    }
}

void BackgroundCheck::finish(bool trusted, const std::string& line) {
    if (!trusted) {
        const std::lock_guard lock(mutex_);
        mismatch_ = line;
        std::error_code ignored;  // a read-only folder: then the next start checks again
        std::filesystem::remove(manifest_path(parts_[0]), ignored);
    }
    {
        const std::lock_guard lock(mutex_);
        outcome_ = line;
    }
    if (report_) report_(trusted, line);
}

std::string BackgroundCheck::outcome() const {
    const std::lock_guard lock(mutex_);
    return outcome_;
}

bool needs_background_check(const Manifest& believed) {
    return std::ranges::any_of(believed.parts,
                               [](const ManifestPart& part) { return part.stamp.verity.empty(); });
}

}  // namespace gptoss::provenance
