// Are the weights about to be served the registered ones? Asked once at start, before anything is served.
//
//   off      hashes are taken from a manifest that is still believed; nothing is asked, and hashed only for
//            receipts
//   warn     hashed (or believed) and compared with the registry; a difference is a warning
//   require  the same, and anything but an identical, approved entry is an error
//
// A registry that cannot be reached: the last identical answer, kept beside the model, stands for
// kAnswerDays; without one, or when it is older, `require` refuses and `warn` warns. A registry that answers
// what a registry cannot (another chain, no contract, garbage from every endpoint that speaks JSON-RPC) is
// "unusable": no kept answer stands in for it.
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>

#include "node/settings.h"
#include "provenance/manifest.h"
#include "provenance/part_hashes.h"

namespace gptoss::node {

inline constexpr int kAnswerDays = 7;

struct Validation {
    std::string composite;    // empty when it was not computed
    std::string model_id;     // 0x…; empty when the repository is not known
    std::string hashes_from;  // "manifest", "hashed at start", "not hashed"
    std::string registry;     // "identical", "absent", "different", "inactive", "unreachable", "unusable",
                              // "not asked"
    std::string detail;       // one line for people
    std::string checked_at;   // when all this was found out: "2026-11-22T10:00:00Z"
    bool verified = false;    // the registry holds this very composite hash, approved
    std::optional<provenance::Manifest> believed;  // what the hashes were taken from, if from a manifest
};

// Throws Error(hash_mismatch) or Error(chain_failed) in mode require, Error(setting_invalid) for settings
// that cannot work, and what hashing throws.
Validation validate_model(const Settings& settings, std::span<const std::filesystem::path> parts,
                          const provenance::HashProgress& progress = {});

}  // namespace gptoss::node
