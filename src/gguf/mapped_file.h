// A file mapped read-only into memory. Should the file be cut short while it is read, the reader gets zeros
// and the file says so.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>

#include "gguf/bus_errors.h"
#include "gguf/file_stamp.h"

namespace gptoss::gguf {

class MappedFile {
  public:
    // Throws Error(file_not_found) or Error(file_unreadable).
    explicit MappedFile(const std::filesystem::path& path);
    ~MappedFile();
    MappedFile(MappedFile&& other) noexcept;
    MappedFile& operator=(MappedFile&& other) noexcept;
    MappedFile(const MappedFile&) = delete;
    MappedFile& operator=(const MappedFile&) = delete;

    std::span<const std::byte> bytes() const { return bytes_; }

    // Throws Error(file_unreadable) when bytes could not be read since, Error(hash_mismatch) when the file of
    // that name is no longer as it was when it was mapped. What was read until now is then not to be trusted.
    void require_unchanged() const;

  private:
    std::filesystem::path path_;
    FileStamp stamp_;
    std::span<const std::byte> bytes_;
    WatchedRange watched_;
};

}  // namespace gptoss::gguf
