// A node of this very program, started for the questions that only a whole node answers.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "qualify/child_process.h"
#include "qualify/scratch_folder.h"

namespace gptoss::qualify {

class ChildNode {
  public:
    // `flags` of `serve` besides host and port. Settings of the environment hold as for `serve`; .env is not
    // read.
    ChildNode(const std::filesystem::path& program, const std::vector<std::string>& flags);

    // Waits until /ready says 200. Empty = it does; else why not.
    std::string wait_until_ready(double most_s);

    const std::string& url() const { return url_; }
    // Empty while it runs; else how it ended.
    std::string ending();
    // Resident bytes of the process; 0 = not known.
    std::int64_t resident_bytes() const;
    void stop() { process_.stop(); }

  private:
    ScratchFolder folder_;
    std::string url_;
    ChildProcess process_;
};

}  // namespace gptoss::qualify
