// Sessions that other threads have woken. The engine wakes every stream at every step: the first of them to be noted
// asks for one task on the I/O threads, which takes all that came until it runs.
#pragma once

#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace gptoss::http {

class Session;

class WakeList {
  public:
    using Sessions = std::vector<std::shared_ptr<Session>>;

    // Any thread. True when nobody has been asked to take() since the last time.
    bool add(std::shared_ptr<Session> session) {
        const std::lock_guard lock(mutex_);
        woken_.push_back(std::move(session));
        return woken_.size() == 1;
    }
    Sessions take() {
        const std::lock_guard lock(mutex_);
        return std::exchange(woken_, {});
    }

  private:
    std::mutex mutex_;
    Sessions woken_;
};

}  // namespace gptoss::http
