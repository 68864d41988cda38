// Compares a model's bytes with everything that claims to know them: its manifest, the published hashes, and
// a hash the caller expects.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "provenance/manifest.h"
#include "provenance/part_hashes.h"

namespace gptoss::provenance {

enum class Verdict { equal, different, absent };  // absent = there is nothing to compare with

struct Comparison {
    std::string against;  // "manifest", "published hashes", "expected hash"
    Verdict verdict = Verdict::absent;
    std::string detail;  // names the part that differs, or says what equality means
};

struct VerifyReport {
    std::vector<PartHash> parts;
    std::string composite;
    std::vector<Comparison> comparisons;
    bool failed() const;  // any comparison different
};

struct VerifyRequest {
    std::vector<std::filesystem::path> parts;  // in order
    std::string expected;                      // composite or single file's hash; empty = none
    std::string release;  // "gpt-oss-120b"; empty = the one whose first file has the same name
};

VerifyReport verify(const VerifyRequest& request, const HashProgress& progress = {});

}  // namespace gptoss::provenance
