// `register`: the ModelRegistry's entry for a model: look, dry run, send.
#include <cstdio>
#include <memory>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/settings_flags.h"
#include "gguf/file.h"
#include "node/chain_settings.h"
#include "provenance/chain/proposal.h"
#include "provenance/chain/registration.h"
#include "provenance/known_releases.h"
#include "provenance/manifest.h"
#include "provenance/sha256.h"

namespace gptoss::cli {
namespace {

namespace chain = provenance::chain;

struct RegisterOptions {
    std::string model, release, repository, file, composite, env_file;
    bool send = false, propose = false, legacy = false;
    int confirmations = 1;
    std::int64_t timeout_ms = 120'000;
};

enum RegisterExitCode { kRegistered = 0, kAbsent = 3, kDifferent = 4 };

// The composite of the model's parts: the manifest's while it is believed, otherwise hashed now.
std::string composite_of(const std::string& model, std::string& repository, std::string& file) {
    const gguf::File opened = gguf::File::open(model);
    std::vector<std::filesystem::path> paths;
    for (const gguf::Part& part : opened.parts()) paths.push_back(part.path);
    if (file.empty()) file = paths[0].filename().string();
    const auto manifest = provenance::load_manifest(provenance::manifest_path(model));
    if (manifest && repository.empty()) repository = manifest->repository;
    if (manifest && !provenance::why_not_believed(*manifest, paths)) return manifest->composite;
    std::fprintf(stderr, "hashing %zu part(s)...\n", paths.size());
    return provenance::composite_hash(provenance::hash_parts(paths));
}

chain::Candidate candidate_of(RegisterOptions options) {
    if (!options.release.empty()) {
        const auto* release = provenance::find_release(options.release);
        if (!release)
            throw Error(ErrorCode::setting_invalid, "no release is called " + options.release,
                        "Known: gpt-oss-120b, gpt-oss-20b.");
        options.repository = release->repository;
        options.file = release->first_file;
        if (options.model.empty() && options.composite.empty()) options.composite = release->composite;
    }
    std::string composite = provenance::normalise_hash(options.composite);
    if (!options.composite.empty() && composite.empty())
        throw Error(ErrorCode::setting_invalid, "--composite is not 64 hexadecimal digits", "");
    if (!options.model.empty()) {
        const std::string of_parts = composite_of(options.model, options.repository, options.file);
        if (!composite.empty() && composite != of_parts)
            throw Error(ErrorCode::hash_mismatch,
                        "the parts' composite hash is " + of_parts + ", not " + composite,
                        "Run `gpt-oss-node verify` to see which part differs. Nothing was sent.");
        composite = of_parts;
    }
    if (composite.empty() || options.repository.empty() || options.file.empty())
        throw Error(ErrorCode::setting_invalid,
                    "the model's repository, first file and composite hash must all be known",
                    "Name a model with --model (its manifest knows the repository), --release, or all of "
                    "--repository, --file, --composite.");
    return {options.repository, options.file, *chain::word_from_hex("0x" + composite)};
}

void print(const chain::Candidate& candidate, const chain::EntryView& view) {
    std::printf("model id    %s\n", chain::to_hex_prefixed(view.id).c_str());
    std::printf("repository  %s\nfirst file  %s\n", candidate.repository.c_str(), candidate.file.c_str());
    std::printf("composite   %s\n", chain::to_hex_prefixed(candidate.composite).c_str());
    if (view.entry)
        std::printf("on chain    %s  tier %s, %s\n", chain::to_hex_prefixed(view.entry->sha256).c_str(),
                    chain::to_decimal(view.entry->tier).c_str(), view.approved ? "approved" : "not approved");
    std::printf("entry       %s\n", std::string(chain::to_string(view.state)).c_str());
}

// A community vote under way, or over, explains why there is no entry (yet). Looking is not worth failing
// for.
void print_proposal(chain::EvmClient& client, const chain::Address& registry, const chain::Word& id) {
    std::string state = "none";
    try {
        if (const auto proposal = chain::find_proposal(client, registry, id))
            state = chain::to_string(*proposal);
    } catch (const Error& error) {
        state = std::string("not known: ") + error.what();
    }
    std::printf("proposal    %s\n", state.c_str());
}

int run(const RegisterOptions& options) {
    const node::Settings settings = settings_without_flags(options.env_file);
    const chain::Address address =
        node::contract_address(settings.contract_model_registry, "CONTRACT_MODEL_REGISTRY");
    const chain::Candidate candidate = candidate_of(options);
    chain::EvmClient client = node::chain_client(settings);
    chain::ModelRegistry registry(client, address);
    const chain::EntryView view = chain::look_up(registry, candidate);
    print(candidate, view);
    switch (view.state) {
        case chain::EntryState::identical:
            std::printf("Nothing to do.\n");
            return kRegistered;
        case chain::EntryState::different:
        case chain::EntryState::inactive:
            std::fprintf(stderr, "The entry cannot be corrected by registering again; nothing was sent.\n");
            return kDifferent;
        case chain::EntryState::absent:
            break;
    }
    print_proposal(client, address, view.id);
    if (!options.send) {
        const chain::Bytes data = options.propose
                                      ? chain::ModelRegistry::propose_model(
                                            candidate.repository, candidate.file, candidate.composite)
                                      : chain::ModelRegistry::add_trusted_model(
                                            candidate.repository, candidate.file, candidate.composite);
        std::printf("Dry run: --send would call %s with data\n%s\n", chain::to_checksum_text(address).c_str(),
                    chain::to_hex_prefixed(data).c_str());
        return kAbsent;
    }
    const std::string& key_text = options.propose ? settings.host_private_key : settings.owner_private_key;
    const chain::PrivateKey key(key_text, options.propose ? "HOST_PRIVATE_KEY" : "OWNER_PRIVATE_KEY");
    const chain::SendOptions send{options.confirmations, options.timeout_ms, 1000, options.legacy};
    const auto result =
        chain::send_registration(client, registry, candidate, key, options.propose, send,
                                 [](const std::string& line) { std::fprintf(stderr, "%s\n", line.c_str()); });
    std::printf("transaction %s in block %llu, gas %s\n",
                chain::to_hex_prefixed(result.receipt.transaction_hash).c_str(),
                static_cast<unsigned long long>(result.receipt.block),
                chain::to_decimal(result.receipt.gas_used).c_str());
    std::printf("entry       %s\n",
                options.propose ? "proposed" : std::string(chain::to_string(result.after.state)).c_str());
    return kRegistered;
}

}  // namespace

void add_register(CLI::App& app, int& exit_code) {
    auto* command =
        app.add_subcommand("register", "The ModelRegistry's entry for a model: look, dry run, send");
    auto options = std::make_shared<RegisterOptions>();
    command->add_option("--model", options->model,
                        "A GGUF file, or any part of a split one; its parts' composite hash is used");
    command->add_option("--release", options->release, "A known release: gpt-oss-120b, gpt-oss-20b");
    command->add_option("--repository", options->repository,
                        "owner/name, when the model's manifest does not say it");
    command->add_option("--file", options->file, "Name of the first file");
    command->add_option("--composite", options->composite,
                        "The composite hash it must have (or has, without --model)");
    command->add_flag("--send", options->send, "Sign and send; without it nothing is sent");
    command->add_flag("--propose", options->propose,
                      "Propose to the community (HOST_PRIVATE_KEY) instead of adding as the owner");
    command->add_flag("--legacy", options->legacy, "A legacy transaction even where EIP-1559 is spoken");
    command->add_option("--confirmations", options->confirmations, "Blocks to wait for")
        ->check(CLI::Range(1, 1000));
    command->add_option("--timeout-ms", options->timeout_ms, "How long to wait for the receipt")
        ->check(CLI::Range(1000, 86'400'000));
    command->add_option("--env-file", options->env_file, "Read settings from this file instead of .env");
    command->footer(
        "Settings: RPC_URL (several with commas), CHAIN_ID, CONTRACT_MODEL_REGISTRY; to send, "
        "OWNER_PRIVATE_KEY or\n"
        "OWNER_PRIVATE_KEY_FILE. Keys are never taken from the command line.\n"
        "Exit status: 0 registered, 3 absent, 4 registered differently, 1 error.");
    command->callback([options, &exit_code] { exit_code = run(*options); });
}

}  // namespace gptoss::cli
