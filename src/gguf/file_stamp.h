// What the kernel keeps about a file's content, cheap to ask for: whether a file is still the one that was
// hashed or mapped. A program may set a file's size and modification time as it likes, but not its change
// time. fs-verity is stronger: the content cannot change at all, and the kernel knows its digest.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace gptoss::gguf {

struct FileStamp {
    std::uint64_t size_bytes = 0;
    std::int64_t modified_ns = 0;  // mtime, since the epoch
    std::int64_t changed_ns = 0;   // ctime: the last write, rename, link or change of permissions
    std::uint64_t inode = 0;
    std::string verity;  // "sha256:<hex>", measured by fs-verity; empty where the file has none

    bool operator==(const FileStamp&) const = default;
};

FileStamp stamp_of(int descriptor);
std::optional<FileStamp> stamp_of(const std::filesystem::path& path);  // nothing when it cannot be opened

// How `now` differs from `before` in what stands for the content, in words ("has another size"); nothing when
// it does not. Equal fs-verity digests settle it.
std::optional<std::string> content_change(const FileStamp& before, const FileStamp& now);

}  // namespace gptoss::gguf
