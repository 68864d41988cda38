#include "qualify/child_process.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <thread>

#include "base/error.h"

extern char** environ;

namespace gptoss::qualify {

ChildProcess::ChildProcess(const std::vector<std::string>& arguments, const std::filesystem::path& log,
                           int standard_input)
    : log_(log) {
    std::vector<std::string> copies = arguments;
    std::vector<char*> pointers;
    for (std::string& each : copies) pointers.push_back(each.data());
    pointers.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    if (standard_input < 0)
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    else
        posix_spawn_file_actions_adddup2(&actions, standard_input, 0);
    posix_spawn_file_actions_addopen(&actions, 1, log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    posix_spawn_file_actions_adddup2(&actions, 1, 2);
    const int failed = posix_spawn(&id_, copies[0].c_str(), &actions, nullptr, pointers.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    if (failed != 0) {
        ended_ = true;
        throw Error(ErrorCode::file_not_found, copies[0] + " cannot be started");
    }
}

ChildProcess::~ChildProcess() {
    stop(1);
}

bool ChildProcess::reap(bool block) {
    if (!ended_ && waitpid(id_, &status_, block ? 0 : WNOHANG) == id_) ended_ = true;
    return ended_;
}

bool ChildProcess::running() {
    return !reap(false);
}

std::string ChildProcess::last_line() const {
    std::ifstream file(log_);
    std::string line, last;
    while (std::getline(file, line))
        if (!line.empty()) last = line;
    return last.empty() ? last : ": " + last.substr(0, 300);
}

std::string ChildProcess::wait(double most_s) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(most_s);
    while (!reap(false)) {
        if (std::chrono::steady_clock::now() > end) {
            kill(id_, SIGKILL);
            reap(true);
            return "took longer than " + std::to_string(static_cast<int>(most_s)) + " s";
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    if (WIFSIGNALED(status_)) return "ended by signal " + std::to_string(WTERMSIG(status_)) + last_line();
    if (WEXITSTATUS(status_) != 0) return "exit status " + std::to_string(WEXITSTATUS(status_)) + last_line();
    return {};
}

void ChildProcess::stop(double patience_s) {
    if (ended_ || reap(false)) return;
    kill(id_, SIGTERM);
    if (wait(patience_s).starts_with("took")) return;
}

}  // namespace gptoss::qualify
