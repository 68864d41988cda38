// A directory as s5.js 0.9 stores it ("DirV1"): the names in it with what they point to.
//
//   5f 5d ‖ CBOR ["S5.pro", header, {name: directory}, {name: file}], the fields of an entry under integer keys
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "provenance/s5/byte_view.h"

namespace gptoss::provenance::s5 {

// Fields this version does not know, by key, as they were read: written back unchanged.
using OtherFields = std::vector<std::pair<std::uint64_t, Bytes>>;

struct DirectoryLink {
    enum class Kind : std::uint8_t { fixed = 0x1e, registry = 0xed };
    Kind kind = Kind::registry;
    Bytes32 target{};  // the BLAKE3 hash of its bytes, or the public key whose registry entry has that hash
    std::optional<std::uint64_t> time_s, time_ns;  // since the epoch; the part below a second
    OtherFields others;
};

// Where else a file's bytes are to be had: 0 = here they are, 1 = a URL, otherwise a hash of another kind.
struct BlobLocation {
    std::uint64_t kind = 0;
    Bytes value;  // of a URL its text
};

struct FileLink {
    Bytes32 hash{};
    std::uint64_t size_bytes = 0;
    // Stored as an integer of 64 bits, as JavaScript's BigInt is; else in as many bits as it needs, and from 2^32
    // on as a double.
    bool size_has_64_bits = false;
    std::optional<std::string> media_type;
    std::optional<std::uint64_t> time_s, time_ns;
    std::optional<std::vector<BlobLocation>> locations;
    std::optional<Bytes> extra;      // key 22 as CBOR: a map of further fields, or a hash type
    std::vector<FileLink> previous;  // the version before this one; at most one
    OtherFields others;
};

// Entries with names, in the order in which they came.
template <typename Entry>
struct NamedEntries {
    std::vector<std::pair<std::string, Entry>> all;

    const Entry* find(std::string_view name) const {
        const auto found = std::ranges::find(all, name, &std::pair<std::string, Entry>::first);
        return found == all.end() ? nullptr : &found->second;
    }
    void set(std::string_view name, Entry entry) {
        const auto found = std::ranges::find(all, name, &std::pair<std::string, Entry>::first);
        if (found == all.end())
            all.emplace_back(name, std::move(entry));
        else
            found->second = std::move(entry);
    }
    bool remove(std::string_view name) {
        return std::erase_if(all, [&](const auto& each) { return each.first == name; }) > 0;
    }
};

struct Directory {
    Bytes header{0xa0};  // as CBOR; an empty map but in sharded directories
    NamedEntries<DirectoryLink> directories;
    NamedEntries<FileLink> files;

    // Its entries are elsewhere, in a tree of blobs: this version reads what is here and must not write it.
    bool is_sharded() const { return header != Bytes{0xa0}; }
    // The bytes that s5.js would write: names in its order (name_order.h).
    Bytes serialized() const;
};

// Nothing for bytes of another form. With or without the two bytes before the CBOR, names in any order.
std::optional<Directory> read_directory(ByteView bytes);

}  // namespace gptoss::provenance::s5
