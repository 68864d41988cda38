// Another program, started and waited for.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

namespace gptoss::qualify {

class ChildProcess {
  public:
    // arguments[0] is the program's path. Standard output and error go to `log`; standard input is this descriptor, or
    // empty. Throws Error(file_not_found) when it cannot be started.
    ChildProcess(const std::vector<std::string>& arguments, const std::filesystem::path& log,
                 int standard_input = -1);
    ~ChildProcess();  // ends it if it still runs
    ChildProcess(const ChildProcess&) = delete;
    ChildProcess& operator=(const ChildProcess&) = delete;

    // Empty when it ended with status 0 within so many seconds. Else what happened, with the log's last line:
    // "ended by signal 11", "exit status 1: ...", "took longer than 600 s" (it is ended then).
    std::string wait(double most_s);
    bool running();
    // SIGTERM, then after `patience_s` SIGKILL.
    void stop(double patience_s = 10);
    pid_t id() const { return id_; }

  private:
    bool reap(bool block);
    std::string last_line() const;

    std::filesystem::path log_;
    pid_t id_ = -1;
    bool ended_ = false;
    int status_ = 0;
};

}  // namespace gptoss::qualify
