// The releases this node knows by name, with the hashes others report for their parts.
#pragma once

#include <span>
#include <string_view>

namespace gptoss::provenance {

struct KnownRelease {
    std::string_view name;        // "gpt-oss-120b"
    std::string_view repository;  // on a Hugging Face-compatible host
    std::string_view first_file;  // with the repository: the model id on chain
    std::span<const std::string_view>
        part_sha256;  // as reported by two independent parties, not by the publisher
    std::string_view composite;
};

std::span<const KnownRelease> known_releases();
const KnownRelease* find_release(std::string_view name);  // nullptr when unknown
// The release that any part called `file_name` belongs to ("gpt-oss-120b-mxfp4-00002-of-00003.gguf").
const KnownRelease* find_release_by_file(std::string_view file_name);
const KnownRelease* find_release_by_composite(std::string_view composite);

}  // namespace gptoss::provenance
