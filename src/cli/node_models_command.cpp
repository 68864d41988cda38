// `node-models`: the NodeRegistry's list of models this host serves: look, dry run, send.
#include <cstdio>
#include <memory>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/settings_flags.h"
#include "node/chain_settings.h"
#include "provenance/chain/model_registry.h"
#include "provenance/chain/node_registry.h"

namespace gptoss::cli {
namespace {

namespace chain = provenance::chain;

struct NodeModelsOptions {
    std::vector<std::string> add, remove;
    std::string env_file;
    bool send = false;
    std::int64_t timeout_ms = 120'000;
};

enum NodeModelsExitCode { kAsWanted = 0, kWouldChange = 3 };

// 0x… as it is, or "owner/name/first-file.gguf".
std::vector<chain::Word> ids(const std::vector<std::string>& texts) {
    std::vector<chain::Word> list;
    for (const std::string& text : texts) {
        const std::size_t slash = text.rfind('/');
        const auto word = chain::word_from_hex(text);
        if (!word && slash == std::string::npos)
            throw Error(ErrorCode::setting_invalid, text + " is neither a model id nor owner/name/file", "");
        list.push_back(word ? *word : chain::model_id(text.substr(0, slash), text.substr(slash + 1)));
    }
    return list;
}

int run(const NodeModelsOptions& options) {
    const node::Settings settings = settings_without_flags(options.env_file);
    const chain::Address contract =
        node::contract_address(settings.contract_node_registry, "CONTRACT_NODE_REGISTRY");
    const chain::PrivateKey key(settings.host_private_key, "HOST_PRIVATE_KEY");
    chain::EvmClient client = node::chain_client(settings);
    chain::NodeRegistry registry(client, contract);
    const auto current = registry.models(key.address());
    const auto wanted = chain::changed_list(current, ids(options.add), ids(options.remove));
    std::printf("node %s\n", chain::to_checksum_text(key.address()).c_str());
    for (const chain::Word& id : current) std::printf("now    %s\n", chain::to_hex_prefixed(id).c_str());
    if (wanted == current) {
        std::printf("Nothing to do.\n");
        return kAsWanted;
    }
    for (const chain::Word& id : wanted) std::printf("wanted %s\n", chain::to_hex_prefixed(id).c_str());
    if (!options.send) {
        std::printf("Dry run: --send would call %s with data\n%s\n",
                    chain::to_checksum_text(contract).c_str(),
                    chain::to_hex_prefixed(chain::NodeRegistry::update_supported_models(wanted)).c_str());
        return kWouldChange;
    }
    chain::SendOptions send;
    send.timeout_ms = options.timeout_ms;
    const chain::Receipt receipt =
        chain::send_models(client, registry, current, wanted, key, send,
                           [](const std::string& line) { std::fprintf(stderr, "%s\n", line.c_str()); });
    std::printf("transaction %s in block %llu\n", chain::to_hex_prefixed(receipt.transaction_hash).c_str(),
                static_cast<unsigned long long>(receipt.block));
    return kAsWanted;
}

}  // namespace

void add_node_models(CLI::App& app, int& exit_code) {
    CLI::App* command = app.add_subcommand(
        "node-models", "The NodeRegistry's list of models this host serves: look, dry run, send");
    auto options = std::make_shared<NodeModelsOptions>();
    command->add_option("--add", options->add, "A model id, or owner/name/first-file.gguf");
    command->add_option("--remove", options->remove, "The same, to take off the list");
    command->add_flag("--send", options->send, "Sign and send; without it nothing is sent");
    command->add_option("--timeout-ms", options->timeout_ms, "How long to wait for the receipt")
        ->check(CLI::Range(1000, 86'400'000));
    command->add_option("--env-file", options->env_file, "Read settings from this file instead of .env");
    command->footer(
        "Settings: RPC_URL, CHAIN_ID, CONTRACT_NODE_REGISTRY, HOST_PRIVATE_KEY_FILE. The other models stay "
        "on the list.\nExit status: 0 as wanted, 3 it would change, 1 error.");
    command->callback([options, &exit_code] { exit_code = run(*options); });
}

}  // namespace gptoss::cli
