#include "provenance/manifest.h"

#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "base/error.h"
#include "gguf/split_name.h"
#include "provenance/sha256.h"
#include "provenance/whole_file.h"

namespace gptoss::provenance {
namespace {

ManifestPart read_part(const nlohmann::json& json) {
    ManifestPart part{json.at("file"), json.at("size_bytes"), json.at("sha256"), {}};
    part.stamp = {part.size_bytes, json.at("modified_ns"), json.value("changed_ns", std::int64_t{0}),
                  json.at("inode"), json.value("fs_verity", "")};
    // A name with a folder in it could point the check at files that are not the model's.
    if (part.file.find('/') != std::string::npos || normalise_hash(part.sha256) != part.sha256)
        throw Error(ErrorCode::file_corrupt, "the part " + part.file + " has an impossible name or hash");
    return part;
}

}  // namespace

std::filesystem::path manifest_path(const std::filesystem::path& model) {
    const auto split = gguf::parse_split_name(model);
    std::filesystem::path path = split ? split->prefix : model;
    if (!split && path.extension() == ".gguf") path.replace_extension();
    path += ".manifest.json";
    return path;
}

Manifest make_manifest(std::span<const PartHash> parts, std::string repository, std::string revision,
                       std::string obtained) {
    Manifest manifest;
    for (const PartHash& part : parts) {
        const auto now = gguf::stamp_of(part.path);
        if (!now || gguf::content_change(part.stamp, *now))
            throw Error(ErrorCode::hash_mismatch, part.path.string() + ": changed since it was hashed",
                        "Run it again.", {{"part", part.path.filename().string()}});
        manifest.parts.push_back({part.path.filename().string(), part.size_bytes, part.sha256, part.stamp});
    }
    manifest.composite = composite_hash(parts);
    manifest.repository = std::move(repository);
    manifest.revision = std::move(revision);
    manifest.obtained = std::move(obtained);
    return manifest;
}

Manifest parse_manifest(std::string_view text, const std::filesystem::path& path) {
    try {
        const auto json = nlohmann::json::parse(text);
        Manifest manifest;
        std::vector<PartHash> hashes;
        for (const auto& part : json.at("parts")) {
            manifest.parts.push_back(read_part(part));
            const ManifestPart& read = manifest.parts.back();
            if (read.file.find('/') != std::string::npos)
                throw std::runtime_error(read.file + " is not in the manifest's folder");
            hashes.push_back({read.file, read.size_bytes, read.sha256});
        }
        manifest.composite = json.at("composite_sha256");
        // A part's hash put in by hand must not pass under the old composite, nor the other way round.
        if (hashes.empty() || composite_hash(hashes) != manifest.composite)
            throw std::runtime_error("the composite hash is not that of the parts");
        manifest.repository = json.value("repository", "");
        manifest.revision = json.value("revision", "");
        manifest.obtained = json.value("obtained", "");
        return manifest;
    } catch (const std::exception& error) {
        throw Error(ErrorCode::file_corrupt, path.string() + ": not a manifest: " + error.what(),
                    "Delete it; the next `gpt-oss-node verify --write-manifest` makes it anew.",
                    {{"path", path.string()}});
    }
}

std::optional<Manifest> load_manifest(const std::filesystem::path& path) {
    std::ifstream file(path);
    if (!file) return std::nullopt;
    const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    return parse_manifest(text, path);
}

void save_manifest(const std::filesystem::path& path, const Manifest& manifest) {
    nlohmann::ordered_json json = {{"composite_sha256", manifest.composite},
                                   {"repository", manifest.repository},
                                   {"revision", manifest.revision},
                                   {"obtained", manifest.obtained},
                                   {"parts", nlohmann::ordered_json::array()}};
    for (const ManifestPart& part : manifest.parts) {
        nlohmann::ordered_json entry = {{"file", part.file},
                                        {"size_bytes", part.size_bytes},
                                        {"sha256", part.sha256},
                                        {"modified_ns", part.stamp.modified_ns},
                                        {"changed_ns", part.stamp.changed_ns},
                                        {"inode", part.stamp.inode}};
        if (!part.stamp.verity.empty()) entry["fs_verity"] = part.stamp.verity;
        json["parts"].push_back(std::move(entry));
    }
    write_whole_file(path, json.dump(2) + '\n');
}

std::optional<std::string> first_change(const Manifest& manifest, const std::filesystem::path& folder) {
    for (const ManifestPart& part : manifest.parts) {
        const auto now = gguf::stamp_of(folder / part.file);
        if (!now) return part.file + " is missing";
        if (const auto change = gguf::content_change(part.stamp, *now)) return part.file + " " + *change;
    }
    return std::nullopt;
}

std::optional<std::string> why_not_believed(const Manifest& manifest,
                                            std::span<const std::filesystem::path> parts) {
    if (manifest.parts.size() != parts.size())
        return "it lists " + std::to_string(manifest.parts.size()) + " part(s), not " +
               std::to_string(parts.size());
    for (std::size_t i = 0; i < parts.size(); ++i)
        if (manifest.parts[i].file != parts[i].filename())
            return manifest.parts[i].file + " is not the part that is used";
    return first_change(manifest, parts[0].parent_path());
}

}  // namespace gptoss::provenance
