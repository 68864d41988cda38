#include "provenance/known_releases.h"

namespace gptoss::provenance {
namespace {

constexpr std::string_view k120bParts[] = {
    "e2865eb6c1df7b2ffbebf305cd5d9074d5ccc0fe3b862f98d343a46dad1606f9",
    "346492f65891fb27cac5c74a8c07626cbfeb4211cd391ec4de37dbbe3109a93b",
    "66dca81040933f5a49177e82c479c51319cefb83bd22dad9f06dad45e25f1463"};
constexpr std::string_view k20bParts[] = {"be37a636aca0fc1aae0d32325f82f6b4d21495f06823b5fbc1898ae0303e9935"};

constexpr KnownRelease kReleases[] = {
    {"gpt-oss-120b", "ggml-org/gpt-oss-120b-GGUF", "gpt-oss-120b-mxfp4-00001-of-00003.gguf", k120bParts,
     "532e271965fdf309c6d51f063b83162bea63858ca56c9bca9c884fd6803352a7"},
    {"gpt-oss-20b", "ggml-org/gpt-oss-20b-GGUF", "gpt-oss-20b-mxfp4.gguf", k20bParts,
     "be37a636aca0fc1aae0d32325f82f6b4d21495f06823b5fbc1898ae0303e9935"},
};

}  // namespace

std::span<const KnownRelease> known_releases() {
    return kReleases;
}

const KnownRelease* find_release(std::string_view name) {
    for (const KnownRelease& release : kReleases)
        if (release.name == name) return &release;
    return nullptr;
}

const KnownRelease* find_release_by_file(std::string_view file_name) {
    // All parts of a split model have names of one length, with the part's number in one place.
    constexpr std::string_view kFirst = "-00001-of-";
    for (const KnownRelease& release : kReleases) {
        if (file_name == release.first_file) return &release;
        const std::size_t number = release.first_file.find(kFirst);
        if (number == std::string_view::npos || file_name.size() != release.first_file.size()) continue;
        if (file_name.starts_with(release.first_file.substr(0, number)) &&
            file_name.ends_with(release.first_file.substr(number + 6)))
            return &release;
    }
    return nullptr;
}

const KnownRelease* find_release_by_composite(std::string_view composite) {
    for (const KnownRelease& release : kReleases)
        if (release.composite == composite) return &release;
    return nullptr;
}

}  // namespace gptoss::provenance
