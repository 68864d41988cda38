#include "gguf/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/error.h"

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

class Descriptor {
  public:
    explicit Descriptor(int number) : number_(number) {}
    ~Descriptor() {
        if (number_ >= 0) ::close(number_);
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    int number() const { return number_; }

  private:
    int number_;
};

}  // namespace

MappedFile::MappedFile(const std::filesystem::path& path) {
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (file.number() < 0) refuse(path, errno);
    struct stat status {};
    if (::fstat(file.number(), &status) != 0) refuse(path, errno);
    if (!S_ISREG(status.st_mode)) refuse(path, S_ISDIR(status.st_mode) ? EISDIR : EINVAL);
    const auto size = static_cast<std::size_t>(status.st_size);
    if (size == 0) return;  // an empty mapping is not allowed; the reader reports the empty file
    void* address = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, file.number(), 0);
    if (address == MAP_FAILED) refuse(path, errno);
    bytes_ = {static_cast<const std::byte*>(address), size};
}

MappedFile::~MappedFile() {
    if (!bytes_.empty()) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

MappedFile::MappedFile(MappedFile&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
    std::swap(bytes_, other.bytes_);
    return *this;
}

}  // namespace gptoss::gguf
