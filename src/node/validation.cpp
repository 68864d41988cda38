#include "node/validation.h"

#include <spdlog/spdlog.h>

#include <chrono>
#include <ctime>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/error.h"
#include "base/utc_time.h"
#include "node/chain_settings.h"
#include "provenance/chain/registration.h"
#include "provenance/known_releases.h"
#include "provenance/manifest.h"

namespace gptoss::node {
namespace {

namespace chain = provenance::chain;

struct Identity {
    std::string composite, repository, hashes_from;
    std::optional<provenance::Manifest> believed;
};

// From the manifest while every part is as it was stamped; otherwise by hashing now, which renews the
// manifest.
Identity identify(std::span<const std::filesystem::path> parts, bool may_hash,
                  const provenance::HashProgress& progress) {
    const auto manifest_file = provenance::manifest_path(parts[0]);
    const auto manifest = provenance::load_manifest(manifest_file);
    std::string repository = manifest ? manifest->repository : "";
    for (const provenance::KnownRelease& release : provenance::known_releases())
        if (repository.empty() && parts[0].filename() == release.first_file) repository = release.repository;
    if (manifest) {
        const auto why = provenance::why_not_believed(*manifest, parts);
        if (!why) return {manifest->composite, repository, "manifest", manifest};
        spdlog::info("the manifest is not believed: {}", *why);
    }
    if (!may_hash) return {"", repository, "not hashed", {}};
    const auto hashes = provenance::hash_parts(parts, progress);
    for (std::size_t i = 0; manifest && i < hashes.size() && i < manifest->parts.size(); ++i)
        if (hashes[i].sha256 != manifest->parts[i].sha256)
            spdlog::warn("{} is not what it was when it was {}: its SHA-256 was {} and is {}",
                         manifest->parts[i].file, manifest->obtained, manifest->parts[i].sha256,
                         hashes[i].sha256);
    try {
        provenance::save_manifest(
            manifest_file, provenance::make_manifest(hashes, repository, manifest ? manifest->revision : "",
                                                     "hashed at start"));
    } catch (
        const Error& error) {  // a read-only folder of models is good practice: the next start hashes again
        spdlog::info("no manifest was written: {}", error.what());
    }
    return {provenance::composite_hash(hashes), repository, "hashed at start", {}};
}

std::filesystem::path answer_path(const std::filesystem::path& first_part) {
    return provenance::manifest_path(first_part).replace_extension().replace_extension(".registry.json");
}

// The last identical answer, when it was about these bytes and this registry.
std::optional<std::int64_t> answer_age_s(const std::filesystem::path& path, const std::string& composite,
                                         const Settings& settings) {
    std::ifstream file(path);
    const auto json = nlohmann::json::parse(file, nullptr, false);
    if (!json.is_object() || json.value("composite", "") != composite ||
        json.value("registry", "") != settings.contract_model_registry ||
        json.value("chain_id", std::int64_t{0}) != settings.chain_id)
        return std::nullopt;
    return std::time(nullptr) - json.value("checked_at", std::int64_t{0});
}

void keep_answer(const std::filesystem::path& path, const std::string& composite, const Settings& settings) {
    std::ofstream(path, std::ios::trunc) << nlohmann::json{{"composite", composite},
                                                           {"registry", settings.contract_model_registry},
                                                           {"chain_id", settings.chain_id},
                                                           {"checked_at", std::time(nullptr)}};
}

chain::EntryView ask_registry(const Settings& settings, const chain::Candidate& candidate) {
    const chain::Address address =
        contract_address(settings.contract_model_registry, "CONTRACT_MODEL_REGISTRY");
    chain::EvmClient client = chain_client(settings);
    chain::ModelRegistry registry(client, address);
    return chain::look_up(registry, candidate);
}

void compare_with_registry(const Settings& settings, const Identity& identity,
                           const std::filesystem::path& first_part, Validation& result) {
    if (identity.repository.empty()) {
        result.registry = "not asked";
        result.detail =
            "the model's repository is not known: download it with `gpt-oss-node download`, which records it";
        return;
    }
    const chain::Candidate candidate{identity.repository, first_part.filename().string(),
                                     *chain::word_from_hex("0x" + identity.composite)};
    try {
        const chain::EntryView view = ask_registry(settings, candidate);
        result.registry = chain::to_string(view.state);
        result.verified = view.state == chain::EntryState::identical;
        result.detail = result.verified ? "the registry holds this composite hash, approved"
                        : view.entry
                            ? "the registry holds " + chain::to_hex_prefixed(view.entry->sha256)
                            : "the registry has no entry for " + identity.repository + "/" + candidate.file;
        if (result.verified) keep_answer(answer_path(first_part), identity.composite, settings);
    } catch (const Error& error) {
        // Another chain, no contract, a reply of the wrong form: somebody answered, so the kept answer does
        // not stand in for it.
        if (error.code() == ErrorCode::chain_failed) {
            result.registry = "unusable";
            result.detail = error.what();
            return;
        }
        if (error.code() != ErrorCode::network_failed) throw;
        result.registry = "unreachable";
        const auto age_s = answer_age_s(answer_path(first_part), identity.composite, settings);
        result.verified = age_s && *age_s >= 0 && *age_s <= kAnswerDays * 86400;
        result.detail = age_s ? "the registry cannot be reached; its last identical answer is " +
                                    std::to_string(*age_s / 3600) + " h old"
                              : "the registry cannot be reached and was never asked about these bytes";
    }
}

}  // namespace

Validation validate_model(const Settings& settings, std::span<const std::filesystem::path> parts,
                          const provenance::HashProgress& progress) {
    const bool asked = settings.require_model_validation != ValidationMode::off;
    // A receipt names the weights: without their hash there is nothing to sign.
    const Identity identity =
        identify(parts, asked || settings.receipts != ReceiptsMode::off || settings.hash_weights, progress);
    Validation result;
    result.composite = identity.composite;
    result.hashes_from = identity.hashes_from;
    result.believed = identity.believed;
    result.checked_at = utc_text(now_s());
    if (!identity.repository.empty())
        result.model_id =
            chain::to_hex_prefixed(chain::model_id(identity.repository, parts[0].filename().string()));
    if (!asked) {
        result.registry = "not asked";
        result.detail = "validation is off";
        return result;
    }
    compare_with_registry(settings, identity, parts[0], result);
    if (result.verified) return result;
    if (settings.require_model_validation == ValidationMode::require)
        throw Error(
            result.registry == "different" ? ErrorCode::hash_mismatch : ErrorCode::chain_failed,
            "the model is not validated: " + result.detail,
            "`gpt-oss-node verify` names a part that differs; `gpt-oss-node register` shows the entry.",
            {{"composite", identity.composite}, {"registry", result.registry}});
    spdlog::warn("the model is not validated: {}", result.detail);
    return result;
}

}  // namespace gptoss::node
