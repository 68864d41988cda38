#include "provenance/partial_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <vector>

#include "base/check.h"
#include "base/error.h"
#include "provenance/whole_file.h"

namespace gptoss::provenance {
namespace {

// What an earlier run said its bytes are of; empty fields when there is no such file or it cannot be read.
struct SavedState {
    std::string url, sha256, entity_tag;
    std::uint64_t size_bytes = 0;
};

SavedState load_state(const std::filesystem::path& path) {
    std::ifstream file(path);
    const auto json = nlohmann::json::parse(file, nullptr, false);
    if (!json.is_object()) return {};
    try {
        return {json.value("url", ""), json.value("sha256", ""), json.value("entity_tag", ""),
                json.value("size_bytes", std::uint64_t{0})};
    } catch (const nlohmann::json::exception&) {
        return {};
    }
}

}  // namespace

PartialFile::PartialFile(std::filesystem::path final_path, const RemoteFile& remote)
    : final_path_(std::move(final_path)),
      remote_(remote),
      descriptor_(::open(data_path().c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644)) {
    if (descriptor_.number() < 0 && errno != ELOOP) fail(errno);
    // Written through, a link would put the model's bytes into whatever it points to.
    struct stat status {};
    if (descriptor_.number() < 0 || ::fstat(descriptor_.number(), &status) != 0 || !S_ISREG(status.st_mode) ||
        status.st_nlink != 1)
        throw Error(ErrorCode::file_unreadable,
                    data_path().string() + ": is a link or no ordinary file, and is not written to",
                    "Remove it and run the same command again.", {{"path", data_path().string()}});
    if (::flock(descriptor_.number(), LOCK_EX | LOCK_NB) != 0)
        throw Error(ErrorCode::file_unreadable, data_path().string() + ": another download is writing it",
                    "Wait for it, or stop it.", {{"path", data_path().string()}});
    const SavedState saved = load_state(state_path());
    const off_t size = ::lseek(descriptor_.number(), 0, SEEK_END);
    if (size <= 0 || saved.sha256 != remote_.sha256 || (remote_.sha256.empty() && saved.url != remote_.url) ||
        saved.size_bytes != remote_.size_bytes || static_cast<std::uint64_t>(size) > remote_.size_bytes) {
        restart();
        return;
    }
    entity_tag_ = saved.entity_tag;
    std::vector<std::byte> chunk(1 << 20);
    for (ssize_t count = 0; (count = ::pread(descriptor_.number(), chunk.data(), chunk.size(),
                                             static_cast<off_t>(size_bytes_))) != 0;) {
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) fail(errno);
        running_hash_.update(std::span(chunk).first(static_cast<std::size_t>(count)));
        size_bytes_ += static_cast<std::uint64_t>(count);
    }
}

void PartialFile::set_entity_tag(const std::string& tag) {
    if (tag == entity_tag_) return;
    entity_tag_ = tag;
    save_state();
}

void PartialFile::append(std::span<const std::byte> bytes) {
    running_hash_.update(bytes);
    while (!bytes.empty()) {
        const ssize_t count =
            ::pwrite(descriptor_.number(), bytes.data(), bytes.size(), static_cast<off_t>(size_bytes_));
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) fail(errno);
        size_bytes_ += static_cast<std::uint64_t>(count);
        bytes = bytes.subspan(static_cast<std::size_t>(count));
    }
}

void PartialFile::restart() {
    if (::ftruncate(descriptor_.number(), 0) != 0) fail(errno);
    size_bytes_ = 0;
    running_hash_ = Sha256();
    hash_taken_ = false;
    entity_tag_.clear();
    save_state();
}

std::string PartialFile::hash() {
    check(!hash_taken_, "a running hash is taken once");
    hash_taken_ = true;
    return to_hex(running_hash_.finish());
}

void PartialFile::publish() {
    if (::fsync(descriptor_.number()) != 0)
        fail(errno);  // a name must not outlive a crash that its bytes did not
    std::filesystem::rename(data_path(), final_path_);
    std::filesystem::remove(state_path());
}

void PartialFile::save_state() const {
    write_whole_file(state_path(), nlohmann::json{{"url", remote_.url},
                                                  {"sha256", remote_.sha256},
                                                  {"size_bytes", remote_.size_bytes},
                                                  {"entity_tag", entity_tag_}}
                                       .dump());
}

void PartialFile::fail(int error) const {
    throw Error(error == ENOSPC || error == EDQUOT ? ErrorCode::disk_full : ErrorCode::file_unreadable,
                data_path().string() + ": " + std::strerror(error),
                "Check the disk and the folder's permissions.", {{"path", data_path().string()}});
}

std::filesystem::path PartialFile::data_path() const {
    return final_path_.string() + ".part";
}
std::filesystem::path PartialFile::state_path() const {
    return final_path_.string() + ".part.json";
}

}  // namespace gptoss::provenance
