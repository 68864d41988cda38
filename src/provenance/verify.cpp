#include "provenance/verify.h"

#include <algorithm>

#include "base/error.h"
#include "provenance/known_releases.h"
#include "provenance/sha256.h"

namespace gptoss::provenance {
namespace {

Comparison against_manifest(const VerifyReport& report, const std::filesystem::path& model) {
    const auto manifest = load_manifest(manifest_path(model));
    if (!manifest) return {"manifest", Verdict::absent, "no manifest beside the model"};
    if (manifest->parts.size() != report.parts.size())
        return {"manifest", Verdict::different,
                "the manifest lists " + std::to_string(manifest->parts.size()) + " parts"};
    for (std::size_t i = 0; i < report.parts.size(); ++i) {
        const std::string name = report.parts[i].path.filename().string();
        if (manifest->parts[i].file != name)
            return {"manifest", Verdict::different,
                    name + " stands where the manifest lists " + manifest->parts[i].file};
        if (manifest->parts[i].sha256 != report.parts[i].sha256)
            return {"manifest", Verdict::different,
                    name + " differs from its recorded hash " + manifest->parts[i].sha256};
    }
    if (manifest->composite != report.composite)
        return {"manifest", Verdict::different, "the manifest's own composite hash contradicts its parts"};
    return {"manifest", Verdict::equal, manifest->obtained};
}

const KnownRelease* release_of(const VerifyRequest& request) {
    if (!request.release.empty()) {
        if (const KnownRelease* release = find_release(request.release)) return release;
        throw Error(ErrorCode::setting_invalid, "no release is called " + request.release,
                    "Known releases: gpt-oss-120b, gpt-oss-20b.", {{"release", request.release}});
    }
    for (const KnownRelease& release : known_releases())
        if (request.parts[0].filename() == release.first_file) return &release;
    return nullptr;
}

Comparison against_published(const VerifyReport& report, const VerifyRequest& request) {
    const KnownRelease* release = release_of(request);
    if (!release) return {"published hashes", Verdict::absent, "not a release this node knows by name"};
    if (release->part_sha256.size() != report.parts.size())
        return {
            "published hashes", Verdict::different,
            std::string(release->name) + " has " + std::to_string(release->part_sha256.size()) + " parts"};
    for (std::size_t i = 0; i < report.parts.size(); ++i)
        if (release->part_sha256[i] != report.parts[i].sha256)
            return {"published hashes", Verdict::different,
                    report.parts[i].path.filename().string() + " differs from " +
                        std::string(release->part_sha256[i])};
    return {"published hashes", Verdict::equal,
            std::string(release->name) + ", as reported by two independent parties"};
}

Comparison against_expected(const VerifyReport& report, const std::string& expected) {
    if (expected.empty()) return {"expected hash", Verdict::absent, "none given"};
    const std::string hash = normalise_hash(expected);
    if (hash.empty())
        throw Error(ErrorCode::setting_invalid, "the expected hash is not 64 hexadecimal digits: " + expected,
                    "Give the composite hash of a split model, or the SHA-256 of a single file.");
    if (hash == report.composite) return {"expected hash", Verdict::equal, ""};
    return {"expected hash", Verdict::different, "expected " + hash};
}

}  // namespace

bool VerifyReport::failed() const {
    return std::any_of(comparisons.begin(), comparisons.end(),
                       [](const Comparison& comparison) { return comparison.verdict == Verdict::different; });
}

VerifyReport verify(const VerifyRequest& request, const HashProgress& progress) {
    VerifyReport report;
    report.parts = hash_parts(request.parts, progress);
    report.composite = composite_hash(report.parts);
    report.comparisons = {against_manifest(report, request.parts[0]), against_published(report, request),
                          against_expected(report, request.expected)};
    return report;
}

}  // namespace gptoss::provenance
