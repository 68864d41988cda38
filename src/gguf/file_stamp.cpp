#include "gguf/file_stamp.h"

#include <fcntl.h>
#include <linux/fsverity.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <array>

#include "gguf/descriptor.h"

namespace gptoss::gguf {
namespace {

std::int64_t nanoseconds(const timespec& time) {
    return time.tv_sec * std::int64_t{1'000'000'000} + time.tv_nsec;
}

std::string measured_verity(int descriptor) {
    constexpr std::size_t kDigestBytesMax = 64;  // SHA-512
    alignas(fsverity_digest) std::array<unsigned char, sizeof(fsverity_digest) + kDigestBytesMax> memory{};
    auto* digest = reinterpret_cast<fsverity_digest*>(memory.data());
    digest->digest_size = kDigestBytesMax;
    if (::ioctl(descriptor, FS_IOC_MEASURE_VERITY, digest) != 0) return "";  // not enabled, or not known here
    std::string text = digest->digest_algorithm == FS_VERITY_HASH_ALG_SHA256 ? "sha256:" : "sha512:";
    constexpr char kDigits[] = "0123456789abcdef";
    for (std::size_t i = 0; i < digest->digest_size && i < kDigestBytesMax; ++i) {
        const unsigned char byte = memory[sizeof(fsverity_digest) + i];
        text += kDigits[byte >> 4];
        text += kDigits[byte & 15];
    }
    return text;
}

}  // namespace

FileStamp stamp_of(int descriptor) {
    struct stat status {};
    if (::fstat(descriptor, &status) != 0) return {};
    return {static_cast<std::uint64_t>(status.st_size), nanoseconds(status.st_mtim),
            nanoseconds(status.st_ctim), status.st_ino, measured_verity(descriptor)};
}

std::optional<FileStamp> stamp_of(const std::filesystem::path& path) {
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (file.number() < 0) return std::nullopt;
    return stamp_of(file.number());
}

std::optional<std::string> content_change(const FileStamp& before, const FileStamp& now) {
    if (before.size_bytes != now.size_bytes) return "has another size";
    if (!before.verity.empty()) {
        if (now.verity == before.verity) return std::nullopt;
        return now.verity.empty() ? "has lost its fs-verity digest" : "has another fs-verity digest";
    }
    if (before.modified_ns != now.modified_ns) return "was modified since";
    if (before.inode != now.inode) return "was replaced since";
    if (before.changed_ns != now.changed_ns)
        return "was written to since, or its name or permissions changed";
    return std::nullopt;
}

}  // namespace gptoss::gguf
