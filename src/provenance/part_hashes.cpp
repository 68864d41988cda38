#include "provenance/part_hashes.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <exception>
#include <semaphore>
#include <thread>

#include "base/error.h"
#include "provenance/sha256.h"

namespace gptoss::provenance {
namespace {

// Large enough that the system call is free beside the hash, small enough to stay in the caches.
constexpr std::size_t kChunkBytes = 1 << 20;

class ReadOnlyFile {
  public:
    explicit ReadOnlyFile(const std::filesystem::path& path)
        : path_(path), number_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
        if (number_ < 0) fail(errno);
        ::posix_fadvise(number_, 0, 0, POSIX_FADV_SEQUENTIAL);  // doubles the kernel's read-ahead
    }
    ~ReadOnlyFile() { ::close(number_); }
    ReadOnlyFile(const ReadOnlyFile&) = delete;
    ReadOnlyFile& operator=(const ReadOnlyFile&) = delete;

    gguf::FileStamp stamp() const { return gguf::stamp_of(number_); }

    std::size_t read(std::span<std::byte> into) {
        ssize_t count = 0;
        do count = ::read(number_, into.data(), into.size());
        while (count < 0 && errno == EINTR);
        if (count < 0) fail(errno);
        return static_cast<std::size_t>(count);
    }

  private:
    [[noreturn]] void fail(int error) const {
        throw Error(error == ENOENT ? ErrorCode::file_not_found : ErrorCode::file_unreadable,
                    path_.string() + ": " + std::strerror(error),
                    "Check the path, the permissions and the disk.", {{"part", path_.filename().string()}});
    }
    std::filesystem::path path_;
    int number_;
};

// A file read by a thread of its own, some chunks ahead: copying out of the page cache takes a fifth of the
// time that hashing does, and a part's hash is what a first start waits for.
class ReadAhead {
  public:
    explicit ReadAhead(const std::filesystem::path& path) : file_(path), thread_([this] { run(); }) {}
    ~ReadAhead() {
        stopping_ = true;
        free_.release();  // it may wait for room
    }
    ReadAhead(const ReadAhead&) = delete;
    ReadAhead& operator=(const ReadAhead&) = delete;

    gguf::FileStamp stamp() const { return file_.stamp(); }

    // The next bytes, valid until the next call; none at the end, which is not asked beyond.
    std::span<const std::byte> next() {
        if (taken_ > 0) free_.release();
        filled_.acquire();
        const Chunk& chunk = chunks_[taken_++ % kChunks];
        if (chunk.size == 0 && error_) std::rethrow_exception(error_);
        return std::span(chunk.bytes).first(chunk.size);
    }

  private:
    static constexpr std::size_t kChunks = 4;
    struct Chunk {
        std::vector<std::byte> bytes = std::vector<std::byte>(kChunkBytes);
        std::size_t size = 0;
    };

    void run() {
        for (std::size_t i = 0;; ++i) {
            free_.acquire();
            if (stopping_) return;
            Chunk& chunk = chunks_[i % kChunks];
            try {
                chunk.size = file_.read(chunk.bytes);
            } catch (...) {
                error_ = std::current_exception();
                chunk.size = 0;
            }
            const bool last = chunk.size == 0;  // read before the chunk is handed over
            filled_.release();
            if (last) return;
        }
    }

    ReadOnlyFile file_;
    std::array<Chunk, kChunks> chunks_;
    std::counting_semaphore<> free_{kChunks}, filled_{0};
    std::size_t taken_ = 0;
    std::exception_ptr error_;  // written before the last chunk is handed over
    std::atomic<bool> stopping_{false};
    std::jthread thread_;  // last: it uses all of the above
};

// A byte written behind the reader's back would stand under the old content's hash.
void require_same(const gguf::FileStamp& before, const gguf::FileStamp& after,
                  const std::filesystem::path& path) {
    if (const auto change = gguf::content_change(before, after))
        throw Error(ErrorCode::hash_mismatch,
                    path.string() + ": " + *change + ": it changed while it was hashed",
                    "Leave the file alone and run it again.", {{"part", path.filename().string()}});
}

}  // namespace

std::vector<PartHash> hash_parts(std::span<const std::filesystem::path> paths, const HashProgress& progress) {
    std::vector<PartHash> parts(paths.size());
    std::uint64_t total_bytes = 0;
    for (const auto& path : paths) {
        std::error_code error;
        const auto size = std::filesystem::file_size(path, error);
        if (!error) total_bytes += size;  // an unreadable part is reported by its own thread
    }
    std::atomic<std::uint64_t> done_bytes{0};
    std::atomic<bool> stop{false};
    const auto hash_one = [&](std::size_t index) {
        ReadAhead file(paths[index]);
        const gguf::FileStamp before = file.stamp();
        Sha256 hash;
        std::uint64_t size = 0;
        while (!stop) {
            const std::span<const std::byte> chunk = file.next();
            if (chunk.empty()) {
                require_same(before, file.stamp(), paths[index]);
                parts[index] = {paths[index], size, to_hex(hash.finish()), before};
                return;
            }
            hash.update(chunk);
            size += chunk.size();
            if (progress && !progress(done_bytes += chunk.size(), total_bytes)) stop = true;
        }
    };

    std::vector<std::exception_ptr> errors(paths.size());
    {
        std::vector<std::jthread> threads;
        for (std::size_t index = 0; index < paths.size(); ++index)
            threads.emplace_back([&, index] {
                try {
                    hash_one(index);
                } catch (...) {
                    errors[index] = std::current_exception();
                    stop = true;
                }
            });
    }
    for (const auto& error : errors)
        if (error) std::rethrow_exception(error);
    if (stop) throw Error(ErrorCode::cancelled, "hashing was stopped");
    return parts;
}

std::string composite_hash(std::span<const PartHash> parts) {
    if (parts.size() == 1) return parts[0].sha256;
    std::string joined;
    for (const PartHash& part : parts) joined += part.sha256;
    return to_hex(sha256(std::as_bytes(std::span(joined))));
}

}  // namespace gptoss::provenance
