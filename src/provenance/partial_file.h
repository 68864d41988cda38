// The bytes of a download that is under way, on disk: NAME.part, and NAME.part.json, which says what they are
// of.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

#include "gguf/descriptor.h"
#include "gguf/file_stamp.h"
#include "provenance/repository.h"
#include "provenance/sha256.h"

namespace gptoss::provenance {

class PartialFile {
  public:
    // Opens what an earlier run left, when it is of the same file (the same published hash, from whichever
    // mirror; without one, the same URL); otherwise starts from nothing. Holds a lock so that two downloads
    // cannot write one file. Throws Error(file_unreadable), also when NAME.part is a link to something else.
    PartialFile(std::filesystem::path final_path, const RemoteFile& remote);

    std::uint64_t size_bytes() const { return size_bytes_; }
    const std::string& entity_tag() const { return entity_tag_; }
    void set_entity_tag(const std::string& tag);

    void append(std::span<const std::byte> bytes);  // throws Error(disk_full) or Error(file_unreadable)
    void restart();                                 // from nothing

    // Flushes to the disk, hashes and renames into place. With an expected hash that differs, nothing is
    // renamed and the result says so; the caller restarts or gives up.
    std::string hash();
    void publish();
    gguf::FileStamp stamp() const { return gguf::stamp_of(descriptor_.number()); }

  private:
    [[noreturn]] void fail(int error) const;
    void save_state() const;
    std::filesystem::path data_path() const;
    std::filesystem::path state_path() const;

    std::filesystem::path final_path_;
    RemoteFile remote_;
    std::string entity_tag_;
    gguf::Descriptor descriptor_;
    std::uint64_t size_bytes_ = 0;
    Sha256 running_hash_;
    bool hash_taken_ = false;
};

}  // namespace gptoss::provenance
