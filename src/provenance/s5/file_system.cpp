#include "provenance/s5/file_system.h"

#include <ctime>
#include <utility>
#include <vector>

#include "base/error.h"
#include "provenance/s5/blake3.h"
#include "provenance/s5/encrypted_blob.h"

namespace gptoss::provenance::s5 {
namespace {

constexpr int kAttempts = 5;  // against another writer of the same directory
constexpr std::string_view kHome = "home", kArchive = "archive";

std::vector<std::string> segments_of(std::string_view path) {
    std::vector<std::string> segments;
    for (std::string_view rest = path; !rest.empty();) {
        const std::size_t end = std::min(rest.find('/'), rest.size());
        if (end > 0) segments.emplace_back(rest.substr(0, end));
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    if (segments.size() < 2 || (segments[0] != kHome && segments[0] != kArchive))
        throw Error(ErrorCode::setting_invalid, "\"" + std::string(path) + "\" is no path of a file on S5",
                    "Paths begin with home/ or archive/.", {{"path", std::string(path)}});
    return segments;
}

}  // namespace

struct FileSystem::Place {
    Bytes32 write_key{};
    std::optional<Bytes32> encryption_key;  // of the root alone
};

struct FileSystem::Loaded {
    Directory directory;
    std::uint64_t revision = 0;
};

FileSystem::FileSystem(const Identity& identity, Network& network, FileSystemOptions options)
    : network_(network), options_(std::move(options)), root_write_key_(root_write_key(identity)) {
    if (!options_.now_s) options_.now_s = [] { return static_cast<std::uint64_t>(std::time(nullptr)); };
}

FileSystem::Place FileSystem::root() const {
    return {root_write_key_, root_encryption_key(root_write_key_)};
}

FileSystem::Place FileSystem::child(const Place& parent, std::string_view name) const {
    return {child_write_key(parent.write_key, name), std::nullopt};
}

// Nothing when the directory was never written.
std::optional<FileSystem::Loaded> FileSystem::load(const Place& place) {
    const KeyPair key(place.write_key);
    const auto entry = network_.find_entry(key.public_key());
    if (!entry) return std::nullopt;
    const auto damaged = [](const char* what) {
        throw Error(ErrorCode::file_corrupt, std::string("an S5 directory cannot be read: ") + what,
                    "Another program may have written it, or the portal has lost it.");
    };
    if (entry->data.size() != 33 || entry->data[0] != kBlake3Type)
        damaged("its registry entry is no BLAKE3 hash");
    const Bytes32 hash = bytes32_of(ByteView(entry->data).subspan(1));
    auto bytes = network_.download(hash);
    if (!bytes) damaged("nobody has its bytes");
    if (blake3(*bytes) != hash) damaged("its bytes are not its hash's");
    if (place.encryption_key) bytes = decrypt_mutable(*bytes, *place.encryption_key);
    auto directory = bytes ? read_directory(*bytes) : std::nullopt;
    if (!directory) damaged(bytes ? "its bytes are no directory" : "it is not encrypted with our key");
    return Loaded{*std::move(directory), entry->revision};
}

// Reads, edits and writes, again when another writer was faster. False when the edit left it as it was.
bool FileSystem::change(const Place& place, const Change& edit) {
    const KeyPair key(place.write_key);
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
        Loaded loaded = load(place).value_or(Loaded{});
        if (loaded.directory.is_sharded())
            throw Error(ErrorCode::file_unsupported,
                        "an S5 directory is sharded (more than 1,000 entries by s5.js)",
                        "This node does not write into it: use another directory.");
        if (!edit(loaded.directory)) return false;
        Bytes bytes = loaded.directory.serialized();
        if (place.encryption_key)
            bytes = encrypt_mutable(bytes, *place.encryption_key, options_.next_nonce());
        network_.upload(bytes);
        if (network_.set_entry(sign_entry(key, identify_blob(bytes).typed_hash(), loaded.revision + 1)))
            return true;
    }
    throw Error(ErrorCode::network_failed, "another writer of the same S5 directory is always faster",
                "Is another node running with the same seed phrase?");
}

// An empty directory that no name points to yet.
DirectoryLink FileSystem::make_directory(const Place& parent, std::string_view name) {
    const KeyPair key(child(parent, name).write_key);
    const Bytes empty = Directory{}.serialized();
    network_.upload(empty);
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
        const auto there = network_.find_entry(key.public_key());
        const std::uint64_t revision = there ? there->revision + 1 : 1;
        if (!network_.set_entry(sign_entry(key, identify_blob(empty).typed_hash(), revision))) continue;
        DirectoryLink link;
        link.target = key.public_key();
        link.time_s = options_.now_s();
        return link;
    }
    throw Error(ErrorCode::network_failed, "another writer of the same S5 directory is always faster",
                "Is another node running with the same seed phrase?");
}

void FileSystem::initialise() {
    const Place place = root();
    change(place, [&](Directory& directory) {
        bool changed = false;
        for (const std::string_view name : {kHome, kArchive})
            if (directory.directories.find(name) == nullptr) {
                directory.directories.set(name, make_directory(place, name));
                changed = true;
            }
        return changed;
    });
}

std::optional<FileSystem::Place> FileSystem::parent_of(const std::vector<std::string>& segments, bool make) {
    Place place = root();
    for (std::size_t i = 0; i + 1 < segments.size(); ++i) {
        const auto loaded = load(place);
        if (!loaded || loaded->directory.directories.find(segments[i]) == nullptr) {
            if (!make) return std::nullopt;
            change(place, [&](Directory& directory) {
                if (directory.directories.find(segments[i]) != nullptr) return false;
                directory.directories.set(segments[i], make_directory(place, segments[i]));
                return true;
            });
        }
        place = child(place, segments[i]);
    }
    return place;
}

BlobIdentifier FileSystem::put(std::string_view path, ByteView content, std::string media_type) {
    const std::vector<std::string> segments = segments_of(path);
    const BlobIdentifier identifier = identify_blob(content);
    network_.upload(content);
    FileLink file;
    file.hash = identifier.hash;
    file.size_bytes = identifier.size_bytes;
    file.media_type = std::move(media_type);
    file.time_s = options_.now_s();
    change(*parent_of(segments, true), [&](Directory& directory) {
        directory.files.set(segments.back(), file);
        return true;
    });
    return identifier;
}

bool FileSystem::remove(std::string_view path) {
    const std::vector<std::string> segments = segments_of(path);
    const auto place = parent_of(segments, false);
    return place &&
           change(*place, [&](Directory& directory) { return directory.files.remove(segments.back()); });
}

std::optional<FileLink> FileSystem::find(std::string_view path) {
    const std::vector<std::string> segments = segments_of(path);
    const auto place = parent_of(segments, false);
    const auto loaded = place ? load(*place) : std::nullopt;
    const FileLink* file = loaded ? loaded->directory.files.find(segments.back()) : nullptr;
    return file ? std::optional(*file) : std::nullopt;
}

std::optional<Bytes> FileSystem::get(std::string_view path) {
    const auto file = find(path);
    auto bytes = file ? network_.download(file->hash) : std::nullopt;
    if (bytes && blake3(*bytes) != file->hash)
        throw Error(ErrorCode::hash_mismatch,
                    std::string(path) + ": the bytes on S5 are not those of its hash",
                    "The portal or something on the way alters them.", {{"path", std::string(path)}});
    return bytes;
}

}  // namespace gptoss::provenance::s5
