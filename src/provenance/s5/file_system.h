// The files of an identity: home/… and archive/…, in directories that s5.js reads and writes too. The root is
// encrypted, what lies below is not: whoever learns a directory's public key can read it.
//
// Writing a file uploads it, then every directory that is new, then the one that holds it, and signs a registry
// entry for each. Nothing is lost when it breaks off: the last step is what makes the file appear.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "provenance/s5/blob_identifier.h"
#include "provenance/s5/directory.h"
#include "provenance/s5/identity.h"
#include "provenance/s5/registry_entry.h"
#include "provenance/s5/sealing.h"

namespace gptoss::provenance::s5 {

// Where blobs and registry entries are: a portal, or a test's memory. What it throws passes through.
class Network {
  public:
    virtual ~Network() = default;
    virtual void upload(ByteView blob) = 0;                          // returns once it is stored
    virtual std::optional<Bytes> download(const Bytes32& hash) = 0;  // nothing when nobody has it
    virtual std::optional<RegistryEntry> find_entry(const Bytes32& public_key) = 0;
    // False when a newer revision is there already.
    virtual bool set_entry(const RegistryEntry& entry) = 0;
};

struct FileSystemOptions {
    std::function<std::uint64_t()> now_s;              // since the epoch; the system's clock when empty
    std::function<Nonce()> next_nonce = random_nonce;  // for the root
};

class FileSystem {
  public:
    // `identity` and `network` must outlive it. One thread at a time.
    FileSystem(const Identity& identity, Network& network, FileSystemOptions options = {});

    // Makes home and archive where they are not. Everything else needs them.
    void initialise();

    // Paths are "home/…" or "archive/…". A file that is there is replaced; missing directories are made. Throws
    // Error(setting_invalid) for another path, Error(file_unsupported) for a sharded directory,
    // Error(file_corrupt) for a directory whose bytes are not its hash's or no directory,
    // Error(network_failed) when another writer keeps getting ahead, and what the network throws.
    BlobIdentifier put(std::string_view path, ByteView content, std::string media_type);
    // False when there is none.
    bool remove(std::string_view path);
    std::optional<FileLink> find(std::string_view path);
    // Nothing when there is none, or nobody has its bytes. Checked against its hash.
    std::optional<Bytes> get(std::string_view path);

  private:
    struct Place;  // a directory: its keys
    struct Loaded;
    using Change = std::function<bool(Directory&)>;  // false: leave it as it is

    Place root() const;
    Place child(const Place& parent, std::string_view name) const;
    std::optional<Loaded> load(const Place& place);
    bool change(const Place& place, const Change& edit);
    DirectoryLink make_directory(const Place& parent, std::string_view name);
    // The directory that holds the path's last name; nothing when there is none and none is to be made.
    std::optional<Place> parent_of(const std::vector<std::string>& segments, bool make);

    Network& network_;
    FileSystemOptions options_;
    Bytes32 root_write_key_;
};

}  // namespace gptoss::provenance::s5
