#include "provenance/whole_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/error.h"
#include "gguf/descriptor.h"

namespace gptoss::provenance {
namespace {

[[noreturn]] void fail(const std::filesystem::path& path) {
    const int error = errno;
    throw Error(error == ENOSPC || error == EDQUOT ? ErrorCode::disk_full : ErrorCode::file_unreadable,
                path.string() + ": cannot be written: " + std::strerror(error),
                "Check the disk and the folder's permissions.", {{"path", path.string()}});
}

}  // namespace

void write_whole_file(const std::filesystem::path& path, std::string_view text) {
    const std::filesystem::path temporary = path.string() + ".tmp";
    if (::unlink(temporary.c_str()) != 0 && errno != ENOENT) fail(temporary);
    {
        const gguf::Descriptor file(
            ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644));
        if (file.number() < 0) fail(temporary);
        while (!text.empty()) {
            const ssize_t count = ::write(file.number(), text.data(), text.size());
            if (count < 0 && errno == EINTR) continue;
            if (count < 0) fail(temporary);
            text.remove_prefix(static_cast<std::size_t>(count));
        }
        if (::fsync(file.number()) != 0) fail(temporary);
    }
    if (std::rename(temporary.c_str(), path.c_str()) != 0) fail(path);
}

}  // namespace gptoss::provenance
