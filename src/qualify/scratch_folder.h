// A folder for files between processes, gone with its owner.
#pragma once

#include <filesystem>
#include <string>

namespace gptoss::qualify {

class ScratchFolder {
  public:
    // $TMPDIR/NAME-XXXXXX, readable by its owner alone. Throws Error(file_unreadable).
    explicit ScratchFolder(const std::string& name);
    ~ScratchFolder();
    ScratchFolder(const ScratchFolder&) = delete;
    ScratchFolder& operator=(const ScratchFolder&) = delete;
    const std::filesystem::path& path() const { return path_; }

  private:
    std::filesystem::path path_;
};

}  // namespace gptoss::qualify
