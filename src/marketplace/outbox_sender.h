// Uploads the checkpoints' files to S5, one after the other, until they are there: a thread.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "marketplace/checkpoints.h"

namespace gptoss::marketplace {

// Puts a file there; says what went wrong, or nothing.
using Upload = std::function<std::string(const OutboxFile& file)>;

// Through the bridge that hosts run beside their node: PUT {url}/s5/fs/{path}. The identifier that it answers must
// be ours.
Upload bridge_upload(std::string url);

class OutboxSender {
  public:
    OutboxSender(std::shared_ptr<Checkpoints> checkpoints, Upload upload);
    ~OutboxSender();

  private:
    void run();

    const std::shared_ptr<Checkpoints> checkpoints_;
    const Upload upload_;
    std::mutex mutex_;
    std::condition_variable changed_;
    bool stop_ = false;
    std::jthread thread_;  // last: it uses the others
};

}  // namespace gptoss::marketplace
