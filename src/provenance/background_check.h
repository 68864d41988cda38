// Hashes a model again while it is served, after a start that believed its manifest. A manifest is believed
// by what the kernel keeps (file_stamp.h); whoever can set the clock or write below the filesystem can get
// around that, but not around the hash. Runs at idle priority: it takes what nobody else wants.
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "provenance/manifest.h"

namespace gptoss::provenance {

class BackgroundCheck {
  public:
    // Told once, from the check's thread, in a line for people; `trusted` false: bytes differ.
    using Report = std::function<void(bool trusted, const std::string& line)>;

    // `parts` as `believed` lists them, in order. When they differ the manifest is removed, so that the next
    // start hashes before it serves.
    BackgroundCheck(std::vector<std::filesystem::path> parts, Manifest believed, Report report);
    ~BackgroundCheck() { stop_ = true; }
    BackgroundCheck(const BackgroundCheck&) = delete;
    BackgroundCheck& operator=(const BackgroundCheck&) = delete;

    // Which part has other bytes than its recorded hash; empty while none is known to. Any thread.
    std::string mismatch() const;
    // What it came to, in a line for people; empty while it goes on. Any thread.
    std::string outcome() const;

  private:
    void run();
    void finish(bool trusted, const std::string& line);

    std::vector<std::filesystem::path> parts_;
    Manifest believed_;
    Report report_;
    mutable std::mutex mutex_;
    std::string mismatch_, outcome_;
    std::atomic<bool> stop_ = false;
    std::jthread thread_;  // last: it uses the others
};

// False when fs-verity vouches for every part: then there is nothing that a hash could find.
bool needs_background_check(const Manifest& believed);

}  // namespace gptoss::provenance
