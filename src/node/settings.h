// The node's settings as a plain struct, and the one table that names, explains and bounds them. --help,
// --check-config and docs/settings.md are generated from the table; the loader (settings_loader.h) fills the
// struct.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "node/setting_choices.h"

namespace gptoss::node {

struct Settings {
    std::string model_path;          // empty = the demo model
    std::string qualification_path;  // empty = the default place, "off" = none
    std::string synthetic;           // a shape: random weights instead of a file
    std::string model_name;          // empty = from the file's name
    std::string model_chat_template = "harmony";
    std::int64_t max_context_length = 0;  // 0 = as much as the model knows and memory holds
    std::int64_t cache_tokens = 0;        // 0 = what the memory holds
    std::int64_t max_sequences = 0;       // 0 = by the device and its memory
    engine::Scheduling scheduling = engine::Scheduling::balanced;
    DeviceChoice device = DeviceChoice::automatic;
    std::int64_t gpu_layers = -1;  // -1 = all where there is a GPU, none where there is none
    std::int64_t gpu_ordinal = 0;
    std::int64_t vram_ceiling_mb = -1;  // -1 = by the card; 0 = none
    std::int64_t batch_tokens = 2048;
    model::KvTypes kv_cache_type;
    std::int64_t threads = 0;
    bool prefix_cache = true;
    Determinism determinism = Determinism::off;
    std::int64_t queue_limit = 1024;

    std::string host = "127.0.0.1";
    std::int64_t port = 8080;
    std::string api_keys_file;
    std::string tls_certificate_file, tls_key_file;
    std::int64_t requests_per_minute = 0, tokens_per_minute = 0, concurrent_requests = 0;
    std::int64_t admin_port = -1;  // -1 = no administration
    std::string admin_key;
    std::string cors_origin;
    std::string allowed_hosts;
    std::int64_t body_limit_mb = 32;
    std::int64_t body_budget_mb = 256;
    std::int64_t most_connections = 8192;
    std::int64_t shutdown_grace_s = 30;
    std::string log_level = "info";
    LogFormat log_format = LogFormat::text;
    std::int64_t step_limit_s = 120;
    std::string nvml_library;  // empty = the driver's
    std::int64_t power_price_per_mwh = 0;

    bool strict_model_name = false;
    std::string reasoning_fields = "both";
    std::string date = "today";

    bool responses_kept = true;
    std::string responses_path;  // empty = in memory, until the node stops
    std::int64_t responses_limit_mb = 256;
    std::int64_t responses_days = 30;
    std::string responses_reasoning = "both";
    std::string seal_keys_file;  // empty = beside responses_path, or random where nothing lasts anyway
    std::string unseen_content = "placeholder";

    std::string mcp_servers_file;  // empty = none
    std::string fleet_file;        // empty = no fleet
    std::string download_folder = "models";

    ValidationMode require_model_validation = ValidationMode::off;
    std::string rpc_url;
    std::int64_t chain_id = 84532;
    std::string contract_model_registry;
    std::string contract_node_registry;
    std::string host_private_key;
    std::string owner_private_key;
    std::string s5_seed_phrase;

    std::string sessions = "off";
    std::string require_job = "off";
    bool plaintext_sessions = false;
    std::string ledger_path;
    std::string contract_job_marketplace, contract_host_earnings;
    std::string marketplace_version = "february";
    std::string billed_tokens = "completion";
    std::int64_t proof_tokens = 1000, confirmations = 1;
    std::int64_t gas_price_max_gwei = 0;
    bool legacy_transactions = false;
    std::int64_t chain_poll_ms = 2000, transaction_stuck_s = 90;
    std::int64_t session_grace_s = 120, session_hours = 24;
    std::string checkpoints = "off", enhanced_s5_url, s5_portal_url, s5_initial_peers;
    std::int64_t s5_wait_ms = 2500, s5_pieces_from_mib = 32, ledger_jobs_kept = 100'000;
    std::string price_native, price_stable, usdc_token;

    ReceiptsMode receipts = ReceiptsMode::off;
    std::string receipts_path;
    std::int64_t receipts_kept = 100'000;
    bool receipts_fingerprint = false;
    bool hash_weights = false;  // no setting: for commands that need the hash whatever the mode
};

// A setting that is one of a few named values.
struct ChoiceField {
    std::string_view (*name)(const Settings& settings);         // of the value that it has
    bool (*assign)(Settings& settings, std::string_view name);  // false: there is no such value
};
using SettingField =
    std::variant<std::string Settings::*, std::int64_t Settings::*, bool Settings::*, ChoiceField>;

enum class SettingKind {
    text,
    file,         // must be readable when set
    private_key,  // 0x and 64 hexadecimal digits
    address,      // 0x and 40 hexadecimal digits
    date,         // today, none or YYYY-MM-DD
};

struct SettingSpec {
    std::string_view name;   // in the environment and in .env
    std::string_view flags;  // "--port,--api-port"; empty for secrets: a command line can be read by others
    std::string_view group;
    std::string_view help;
    SettingField field;
    std::vector<std::string_view> choices;  // of text and of choices; empty = anything
    std::int64_t minimum = 0;               // integers only
    std::int64_t maximum = std::numeric_limits<std::int32_t>::max();
    SettingKind kind = SettingKind::text;
    bool secret = false;  // never printed; NAME_FILE names a file that holds it
};

std::span<const SettingSpec> setting_specs();

// A value as it is written in .env.
std::string value_text(const Settings& settings, const SettingSpec& spec);

// docs/settings.md
std::string settings_markdown();

}  // namespace gptoss::node
