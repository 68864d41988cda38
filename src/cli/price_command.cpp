// `price`: what the host asks for its models: look, propose one from what computing costs, set.
#include <cmath>
#include <cstdio>
#include <memory>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/settings_flags.h"
#include "marketplace/job_check.h"
#include "node/chain_settings.h"
#include "provenance/chain/model_pricing.h"
#include "provenance/chain/node_registry.h"

namespace gptoss::cli {
namespace {

namespace chain = provenance::chain;

struct PriceOptions {
    std::string model, token = "usdc", price, env_file;
    double tokens_per_second = 0, watts = 0, dollars_per_kwh = 0, margin = 3;
    bool send = false;
    std::int64_t timeout_ms = 120'000;
};

enum PriceExitCode { kPriceAsWanted = 0, kPriceWouldChange = 3 };

chain::Address priced_token(const PriceOptions& options, const node::Settings& settings) {
    if (options.token == "native") return {};
    if (options.token == "usdc") return node::contract_address(settings.usdc_token, "USDC_TOKEN");
    throw Error(ErrorCode::setting_invalid, "--token is neither native nor usdc: " + options.token, "");
}

// What 1000 tokens cost in electricity, times the margin, in the stablecoin's smallest unit.
void propose(const PriceOptions& options) {
    if (options.tokens_per_second <= 0 || options.watts <= 0 || options.dollars_per_kwh <= 0) return;
    constexpr double kSecondsPerHour = 3600, kWattsPerKilowatt = 1000, kUnitsPerDollar = 1e6;
    const double kwh = options.watts / kWattsPerKilowatt * 1000 / options.tokens_per_second / kSecondsPerHour;
    const double cost = kwh * options.dollars_per_kwh * kUnitsPerDollar;
    const auto bounds = chain::price_bounds(false);
    const double proposed = std::max(static_cast<double>(bounds.least), std::ceil(cost * options.margin));
    std::printf("power alone  %.3f of USDC's smallest unit for 1000 tokens\n", cost);
    std::printf("proposed     %.0f, %.1f times that\n", proposed, options.margin);
}

int look(const PriceOptions& options) {
    propose(options);
    const node::Settings settings = settings_without_flags(options.env_file);
    const chain::Address registry =
        node::contract_address(settings.contract_node_registry, "CONTRACT_NODE_REGISTRY");
    const chain::PrivateKey key(settings.host_private_key, "HOST_PRIVATE_KEY");
    chain::EvmClient client = node::chain_client(settings);
    chain::NodeRegistry models(client, registry);
    chain::ModelPricing pricing(client, registry);
    for (const chain::Word& model : models.models(key.address())) {
        std::printf("model        %s\n", chain::to_hex_prefixed(model).c_str());
        std::printf("  native     %s\n", chain::to_decimal(pricing.price(key.address(), model, {})).c_str());
        if (!settings.usdc_token.empty())
            std::printf(
                "  usdc       %s\n",
                chain::to_decimal(pricing.price(key.address(), model,
                                                node::contract_address(settings.usdc_token, "USDC_TOKEN")))
                    .c_str());
    }
    std::printf("Prices are for 1000 tokens, in the token's smallest unit; 0: none is set.\n");
    return kPriceAsWanted;
}

int set(const PriceOptions& options) {
    const node::Settings settings = settings_without_flags(options.env_file);
    const auto model = chain::word_from_hex(options.model);
    if (!model) throw Error(ErrorCode::setting_invalid, "--model is no model id: 0x and 64 digits", "");
    const auto price = marketplace::job_number(options.price);
    const chain::PriceBounds bounds = chain::price_bounds(options.token == "native");
    if (!price || *price < bounds.least || *price > bounds.most)
        throw Error(ErrorCode::setting_invalid,
                    "--price must be a whole number from " + chain::to_decimal(bounds.least) + " to " +
                        chain::to_decimal(bounds.most) + ": the contract takes no other",
                    "It is for 1000 tokens, in the token's smallest unit.");
    const chain::Address token = priced_token(options, settings);
    const chain::PrivateKey key(settings.host_private_key, "HOST_PRIVATE_KEY");
    chain::EvmClient client = node::chain_client(settings);
    chain::ModelPricing pricing(
        client, node::contract_address(settings.contract_node_registry, "CONTRACT_NODE_REGISTRY"));
    const chain::Amount current = pricing.price(key.address(), *model, token);
    std::printf("now          %s\nwanted       %s\n", chain::to_decimal(current).c_str(),
                chain::to_decimal(*price).c_str());
    if (current == *price) {
        std::printf("Nothing to do.\n");
        return kPriceAsWanted;
    }
    const chain::Bytes data = chain::ModelPricing::set_price(*model, token, *price);
    if (!options.send) {
        std::printf("Dry run: --send would call %s with data\n%s\n",
                    chain::to_checksum_text(pricing.address()).c_str(), chain::to_hex_prefixed(data).c_str());
        return kPriceWouldChange;
    }
    const chain::Transaction transaction =
        client.prepare(key.address(), pricing.address(), data, settings.legacy_transactions);
    client.require_funds(key.address(), transaction);
    chain::SendOptions send;
    send.timeout_ms = options.timeout_ms;
    const chain::Receipt receipt =
        client.send(chain::sign(transaction, key), send,
                    [](const std::string& line) { std::fprintf(stderr, "%s\n", line.c_str()); });
    const chain::Amount after = pricing.price(key.address(), *model, token);
    if (after != *price)
        throw Error(ErrorCode::chain_failed,
                    "the transaction succeeded, but the price read back is " + chain::to_decimal(after),
                    "Look at the registry with another endpoint.");
    std::printf("transaction %s in block %llu\n", chain::to_hex_prefixed(receipt.transaction_hash).c_str(),
                static_cast<unsigned long long>(receipt.block));
    return kPriceAsWanted;
}

}  // namespace

void add_price(CLI::App& app, int& exit_code) {
    CLI::App* command = app.add_subcommand("price", "What the host asks for 1000 tokens: look, propose, set");
    auto options = std::make_shared<PriceOptions>();
    command->add_option("--tokens-per-second", options->tokens_per_second,
                        "To propose one: as `bench` measures it");
    command->add_option("--watts", options->watts, "To propose one: the machine's power draw");
    command->add_option("--dollars-per-kwh", options->dollars_per_kwh,
                        "To propose one: what electricity costs");
    command->add_option("--margin", options->margin, "To propose one: times the power's cost");
    command->add_option("--env-file", options->env_file, "Read settings from this file instead of .env");
    CLI::App* setting = command->add_subcommand("set", "Set one, as a dry run or in earnest");
    setting->add_option("--model", options->model, "The model's id")->required();
    setting->add_option("--token", options->token, "native or usdc (USDC_TOKEN)");
    setting->add_option("--price", options->price, "For 1000 tokens, in the token's smallest unit")
        ->required();
    setting->add_flag("--send", options->send, "Sign and send; without it nothing is sent");
    setting->add_option("--timeout-ms", options->timeout_ms, "How long to wait for the receipt")
        ->check(CLI::Range(1000, 86'400'000));
    setting->add_option("--env-file", options->env_file, "Read settings from this file instead of .env");
    command->footer(
        "Settings: RPC_URL, CHAIN_ID, CONTRACT_NODE_REGISTRY, HOST_PRIVATE_KEY_FILE, USDC_TOKEN. Jobs keep "
        "the "
        "price that they were made with.\nExit status: 0 as wanted, 3 it would change, 1 error.");
    setting->callback([options, &exit_code] { exit_code = set(*options); });
    command->callback([options, setting, &exit_code] {
        if (!setting->parsed()) exit_code = look(*options);
    });
}

}  // namespace gptoss::cli
