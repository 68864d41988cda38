#include "gguf/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/error.h"
#include "gguf/descriptor.h"

namespace gptoss::gguf {
namespace {

[[noreturn]] void refuse(const std::filesystem::path& path, int error) {
    const bool absent = error == ENOENT || error == ENOTDIR;
    throw Error(absent ? ErrorCode::file_not_found : ErrorCode::file_unreadable,
                path.string() + ": " + std::strerror(error),
                absent ? "Check the path (MODEL_PATH); `gpt-oss-node download` fetches the published models."
                       : "Check the file's permissions and the disk.",
                {{"path", path.string()}});
}

}  // namespace

MappedFile::MappedFile(const std::filesystem::path& path) : path_(path) {
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (file.number() < 0) refuse(path, errno);
    struct stat status {};
    if (::fstat(file.number(), &status) != 0) refuse(path, errno);
    if (!S_ISREG(status.st_mode)) refuse(path, S_ISDIR(status.st_mode) ? EISDIR : EINVAL);
    stamp_ = stamp_of(file.number());
    const auto size = static_cast<std::size_t>(stamp_.size_bytes);
    if (size == 0) return;  // an empty mapping is not allowed; the reader reports the empty file
    void* address = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, file.number(), 0);
    if (address == MAP_FAILED) refuse(path, errno);
    bytes_ = {static_cast<const std::byte*>(address), size};
    watched_ = WatchedRange(bytes_);
}

void MappedFile::require_unchanged() const {
    const std::string name = path_.filename().string();
    if (watched_.lost())
        throw Error(ErrorCode::file_unreadable,
                    name + ": was cut short while it was read, or the disk failed",
                    "Leave the files of a model alone while it is loaded; check the disk.",
                    {{"part", name}, {"path", path_.string()}});
    const auto now = stamp_of(path_);
    const auto change = now ? content_change(stamp_, *now) : std::optional<std::string>("is no longer there");
    if (change)
        throw Error(ErrorCode::hash_mismatch, name + ": " + *change + ": the file changed while it was read",
                    "Leave the files of a model alone while it is loaded, then try again.",
                    {{"part", name}, {"path", path_.string()}});
}

MappedFile::~MappedFile() {
    watched_ = {};  // before another mapping may lie there
    if (!bytes_.empty()) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : path_(std::move(other.path_)),
      stamp_(std::move(other.stamp_)),
      bytes_(std::exchange(other.bytes_, {})),
      watched_(std::move(other.watched_)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
    std::swap(path_, other.path_);
    std::swap(stamp_, other.stamp_);
    std::swap(bytes_, other.bytes_);
    std::swap(watched_, other.watched_);
    return *this;
}

}  // namespace gptoss::gguf
