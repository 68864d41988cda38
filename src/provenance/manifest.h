// The manifest beside a model: what it is, where it came from, and the hashes of its parts. It saves hashing
// again at every start, and is believed only while every part is as the kernel knew it then: its size, its
// modification time, its change time (which no program can set back) and its inode, or its fs-verity digest.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "provenance/part_hashes.h"

namespace gptoss::provenance {

struct ManifestPart {
    std::string file;  // name only: the manifest lies in the same folder
    std::uint64_t size_bytes = 0;
    std::string sha256;
    gguf::FileStamp stamp;
};

struct Manifest {
    std::vector<ManifestPart> parts;
    std::string composite;
    std::string repository;  // "ggml-org/gpt-oss-120b-GGUF"; empty when not known
    std::string revision;    // the commit the parts were downloaded at; empty when not known
    std::string obtained;    // "downloaded 2026-11-22T10:00:00Z", "hashed 2026-…"
};

// PREFIX.manifest.json for PREFIX-00001-of-0000N.gguf, NAME.manifest.json for NAME.gguf.
std::filesystem::path manifest_path(const std::filesystem::path& model);

// From hashes and their stamps. Throws Error(hash_mismatch) for a part that has changed since.
Manifest make_manifest(std::span<const PartHash> parts, std::string repository, std::string revision,
                       std::string obtained);

// Throws Error(file_corrupt), naming `path`, for text that is no manifest, names parts outside its folder, or
// whose composite hash is not that of its parts' hashes.
Manifest parse_manifest(std::string_view text, const std::filesystem::path& path);

// Nothing when there is none. Throws Error(file_corrupt) for one that cannot be read.
std::optional<Manifest> load_manifest(const std::filesystem::path& path);
void save_manifest(const std::filesystem::path& path, const Manifest& manifest);  // whole or not at all

// The name of the first part that is no longer as stamped, and in what; nothing when all are. Manifests of
// before change times were kept are never believed.
std::optional<std::string> first_change(const Manifest& manifest, const std::filesystem::path& folder);

// Why the manifest's hashes do not stand for these parts: their number, their names, or first_change().
// Nothing when they do. `parts` are those to be used, in order, at least one.
std::optional<std::string> why_not_believed(const Manifest& manifest,
                                            std::span<const std::filesystem::path> parts);

}  // namespace gptoss::provenance
