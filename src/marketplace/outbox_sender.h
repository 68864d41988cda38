// Uploads the outbox's files to S5, one after the other, until they are there: a thread.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "marketplace/outbox.h"

namespace gptoss::marketplace {

// Puts a file there, as long as `keep_going`; says what went wrong, or nothing. One at a time.
using Upload = std::function<std::string(const OutboxFile& file, const std::function<bool()>& keep_going)>;

class OutboxSender {
  public:
    OutboxSender(std::shared_ptr<Outbox> outbox, Upload upload);
    ~OutboxSender();

  private:
    void run();

    const std::shared_ptr<Outbox> outbox_;
    const Upload upload_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::atomic<bool> stop_ = false;
    std::jthread thread_;  // last: it uses the others
};

}  // namespace gptoss::marketplace
