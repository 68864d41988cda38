// `earnings`: what the host has earned: look, and withdraw as a dry run or in earnest.
#include <cstdio>
#include <filesystem>
#include <memory>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/settings_flags.h"
#include "marketplace/ledger.h"
#include "node/chain_settings.h"
#include "provenance/chain/host_earnings.h"

namespace gptoss::cli {
namespace {

namespace chain = provenance::chain;

struct EarningsOptions {
    std::string token = "native", env_file;
    bool send = false;
    std::int64_t timeout_ms = 120'000;
};

enum EarningsExitCode { kNothingToDo = 0, kWouldWithdraw = 3 };

struct EarningsPlace {
    explicit EarningsPlace(const node::Settings& settings)
        : key(settings.host_private_key, "HOST_PRIVATE_KEY"),
          client(node::chain_client(settings)),
          contract(client,
                   node::contract_address(settings.contract_host_earnings, "CONTRACT_HOST_EARNINGS")) {}
    chain::PrivateKey key;
    chain::EvmClient client;
    chain::HostEarnings contract;
};

// "native", "usdc" or an address.
chain::Address token_named(const std::string& name, const node::Settings& settings) {
    if (name == "native") return {};
    if (name == "usdc") return node::contract_address(settings.usdc_token, "USDC_TOKEN");
    if (const auto address = chain::address_from_hex(name)) return *address;
    throw Error(ErrorCode::setting_invalid, "--token is neither native, usdc nor an address: " + name, "");
}

int look(const EarningsOptions& options) {
    const node::Settings settings = settings_without_flags(options.env_file);
    EarningsPlace place(settings);
    const chain::Address host = place.key.address();
    std::printf("host        %s\n", chain::to_checksum_text(host).c_str());
    std::printf("gas money   %s wei\n", chain::to_decimal(place.client.balance(host)).c_str());
    std::printf("credited    %s wei\n", chain::to_decimal(place.contract.balance(host, {})).c_str());
    if (!settings.usdc_token.empty())
        std::printf("credited    %s of USDC_TOKEN's smallest unit\n",
                    chain::to_decimal(place.contract.balance(host, token_named("usdc", settings))).c_str());
    if (settings.ledger_path.empty() || !std::filesystem::exists(settings.ledger_path)) return kNothingToDo;
    const auto totals = marketplace::Ledger::read_totals(settings.ledger_path);
    std::printf("tokens      %lld counted, %lld proven, %lld to be proven, %lld job(s) open\n",
                static_cast<long long>(totals.billed), static_cast<long long>(totals.proven),
                static_cast<long long>(totals.unproven), static_cast<long long>(totals.jobs_open));
    std::printf("proofs      %lld arrived, %lld transaction(s) failed\n",
                static_cast<long long>(totals.proofs), static_cast<long long>(totals.failed_transactions));
    return kNothingToDo;
}

int withdraw(const EarningsOptions& options) {
    const node::Settings settings = settings_without_flags(options.env_file);
    EarningsPlace place(settings);
    const chain::Address host = place.key.address(), token = token_named(options.token, settings);
    const chain::Amount amount = place.contract.balance(host, token);
    std::printf("credited    %s of %s\n", chain::to_decimal(amount).c_str(), options.token.c_str());
    if (amount == 0) {
        std::printf("Nothing to do.\n");
        return kNothingToDo;
    }
    const chain::Bytes data = chain::HostEarnings::withdraw_all(token);
    if (!options.send) {
        std::printf("Dry run: --send would call %s with data\n%s\n",
                    chain::to_checksum_text(place.contract.address()).c_str(),
                    chain::to_hex_prefixed(data).c_str());
        return kWouldWithdraw;
    }
    const chain::Transaction transaction =
        place.client.prepare(host, place.contract.address(), data, settings.legacy_transactions);
    place.client.require_funds(host, transaction);
    chain::SendOptions send;
    send.timeout_ms = options.timeout_ms;
    send.confirmations = static_cast<int>(settings.confirmations);
    const chain::Receipt receipt =
        place.client.send(chain::sign(transaction, place.key), send,
                          [](const std::string& line) { std::fprintf(stderr, "%s\n", line.c_str()); });
    std::printf("transaction %s in block %llu\n", chain::to_hex_prefixed(receipt.transaction_hash).c_str(),
                static_cast<unsigned long long>(receipt.block));
    std::printf("credited    %s are left\n", chain::to_decimal(place.contract.balance(host, token)).c_str());
    return kNothingToDo;
}

}  // namespace

void add_earnings(CLI::App& app, int& exit_code) {
    CLI::App* command = app.add_subcommand(
        "earnings", "What the host has earned on the marketplace; withdraw brings it home");
    auto options = std::make_shared<EarningsOptions>();
    command->add_option("--env-file", options->env_file, "Read settings from this file instead of .env");
    CLI::App* taking = command->add_subcommand("withdraw", "Bring what is credited to the host's account");
    taking->add_option("--token", options->token, "native, usdc (USDC_TOKEN) or a token's address");
    taking->add_flag("--send", options->send, "Sign and send; without it nothing is sent");
    taking->add_option("--timeout-ms", options->timeout_ms, "How long to wait for the receipt")
        ->check(CLI::Range(1000, 86'400'000));
    taking->add_option("--env-file", options->env_file, "Read settings from this file instead of .env");
    command->footer(
        "Settings: RPC_URL, CHAIN_ID, CONTRACT_HOST_EARNINGS, HOST_PRIVATE_KEY_FILE, USDC_TOKEN, "
        "GPTOSS_LEDGER_PATH.\nExit status: 0 done or nothing to do, 3 it would withdraw, 1 error.");
    taking->callback([options, &exit_code] { exit_code = withdraw(*options); });
    command->callback([options, taking, &exit_code] {
        if (!taking->parsed()) exit_code = look(*options);
    });
}

}  // namespace gptoss::cli
