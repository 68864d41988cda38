// One line on the terminal that says what is being done, written over again and again, and gone at the end. Nothing
// where stderr is no terminal: logs and pipes get no half lines.
#pragma once

#include <unistd.h>

#include <cstdio>
#include <string>

namespace gptoss::cli {

class ProgressLine {
  public:
    ProgressLine() = default;
    ~ProgressLine() { clear(); }
    ProgressLine(const ProgressLine&) = delete;
    ProgressLine& operator=(const ProgressLine&) = delete;

    void show(const std::string& text) {
        if (!terminal_) return;
        std::fprintf(stderr, "\r\033[K%s", text.c_str());
        std::fflush(stderr);
        shown_ = true;
    }
    void clear() {
        if (shown_) std::fprintf(stderr, "\r\033[K");
        shown_ = false;
    }

  private:
    bool terminal_ = isatty(STDERR_FILENO) != 0;
    bool shown_ = false;
};

}  // namespace gptoss::cli
