#include "node/settings.h"

#include <algorithm>

namespace gptoss::node {

namespace {

// What the deployments of the older node call harmony.
const std::vector<std::string_view> kHarmonyNames{"harmony", "gpt-oss", "gpt-oss-20b", "gpt-oss-120b"};

SettingSpec text(std::string_view name, std::string_view flags, std::string_view group, std::string_view help,
                 std::string Settings::*field, std::vector<std::string_view> choices = {},
                 SettingKind kind = SettingKind::text) {
    SettingSpec spec{name, flags, group, help, field, std::move(choices)};
    spec.kind = kind;
    return spec;
}

template <auto kField, const auto& kNames>
SettingSpec choice(std::string_view name, std::string_view flags, std::string_view group,
                   std::string_view help) {
    const ChoiceField field{[](const Settings& settings) { return shown_name(kNames, settings.*kField); },
                            [](Settings& settings, std::string_view given) {
                                const auto found = std::ranges::find_if(
                                    kNames, [&](const auto& each) { return each.name == given; });
                                if (found == kNames.end()) return false;
                                settings.*kField = found->value;
                                return true;
                            }};
    SettingSpec spec{name, flags, group, help, field, {}};
    for (const auto& each : kNames) spec.choices.push_back(each.name);
    return spec;
}

SettingSpec number(std::string_view name, std::string_view flags, std::string_view group,
                   std::string_view help, std::int64_t Settings::*field, std::int64_t minimum,
                   std::int64_t maximum) {
    return {name, flags, group, help, field, {}, minimum, maximum};
}

SettingSpec yes_or_no(std::string_view name, std::string_view flags, std::string_view group,
                      std::string_view help, bool Settings::*field) {
    return {name, flags, group, help, field, {}};
}

SettingSpec secret(std::string_view name, std::string_view group, std::string_view help,
                   std::string Settings::*field, SettingKind kind = SettingKind::text) {
    SettingSpec spec{name, "", group, help, field, {}};
    spec.kind = kind;
    spec.secret = true;
    return spec;
}

std::vector<SettingSpec> make_specs() {
    using S = Settings;
    constexpr std::int64_t kLargest = std::numeric_limits<std::int32_t>::max();
    return {
        text(
            "GPTOSS_QUALIFICATION_PATH", "--qualification-path", "Model",
            "File in which `gpt-oss-node qualify` keeps which kernels are right and fastest on this machine. "
            "Not set: gpt-oss-node/qualification.json in $XDG_STATE_HOME or ~/.local/state. off: none is "
            "read.",
            &S::qualification_path),
        text("MODEL_PATH", "--model,--model-path", "Model",
             "GGUF file of a gpt-oss, or any part of a split one. Not set: the demo model that comes with "
             "the node.",
             &S::model_path, {}, SettingKind::file),
        text("GPTOSS_SYNTHETIC", "--synthetic", "Model",
             "For benchmarks: random weights of this shape instead of a file. The answers mean nothing, and "
             "say "
             "so in the model's name.",
             &S::synthetic, {"gpt-oss-120b", "gpt-oss-20b"}),
        text("GPTOSS_MODEL_NAME", "--model-name", "Model",
             "What the model is called in the API. Not set: the file's name.", &S::model_name),
        text("MODEL_CHAT_TEMPLATE", "--model-chat-template", "Model",
             "For deployments that set it: gpt-oss speaks harmony and nothing else.", &S::model_chat_template,
             kHarmonyNames),
        number("MAX_CONTEXT_LENGTH", "--context,--max-context-length", "Model",
               "Tokens of one conversation, prompt and answer. 0: all the model knows (131072), or what "
               "memory holds.",
               &S::max_context_length, 0, 1 << 24),
        number(
            "GPTOSS_CACHE_TOKENS", "--cache-tokens", "Memory",
            "Tokens the KV cache holds over all conversations. 0: as many as the card has room for, below "
            "the "
            "ceiling and less a reserve of 2 %; on a CPU, or a card that others use, as many as half of what "
            "is free holds.",
            &S::cache_tokens, 0, kLargest),
        number("GPTOSS_MAX_SEQUENCES", "--max-sequences", "Memory",
               "Conversations computed at the same time; more wait in the queue. 0: 16 on a CPU; on a GPU "
               "one for "
               "every 4096 tokens of the KV cache, 16 to 256.",
               &S::max_sequences, 0, 4096),
        choice<&S::kv_cache_type, kKvTypes>("KV_CACHE_TYPE", "--kv-cache-type", "Memory",
                                            "Type of the KV cache. f8 has 8 bits; f8_full 8 bits on the "
                                            "layers that see the whole context, so that "
                                            "most of a long one is read in 8 bits, and bf16 on the others. "
                                            "q8_0, which older deployments set, is "
                                            "another name for f8."),
        number("VRAM_CEILING_MB", "--vram-ceiling-mb", "Memory",
               "Most of the GPU's memory that may be in use, by all programs, in the MiB that nvidia-smi "
               "shows: what "
               "would exceed it is refused at start, and new requests are refused while it is exceeded. -1 "
               "(not set): "
               "95000 on cards of 96 to 98 thousand, otherwise none; 0: none.",
               &S::vram_ceiling_mb, -1, kLargest),
        choice<&S::device, kDevices>("GPTOSS_DEVICE", "--device", "Computing",
                                     "Where to compute. auto: a GPU when there is one."),
        number("GPU_LAYERS", "--gpu-layers", "Computing",
               "The last N layers and the head are computed on the GPU, the others on the CPU, which then "
               "sets the pace. 99: all on the GPU. With any of these the node refuses to start without a "
               "usable GPU. 0: none; -1 (not set): all where there is a GPU, none where there is none.",
               &S::gpu_layers, -1, 999),
        number("GPTOSS_GPU_ORDINAL", "--gpu-ordinal", "Computing",
               "Which GPU computes, as the driver numbers them from 0 (CUDA_VISIBLE_DEVICES and "
               "CUDA_DEVICE_ORDER change the numbers).",
               &S::gpu_ordinal, 0, 63),
        number("LLAMA_BATCH_SIZE", "--batch,--llama-batch-size", "Computing",
               "Tokens computed in one step. It never limits how long a prompt may be.", &S::batch_tokens, 16,
               65536),
        choice<&S::scheduling, kSchedulings>(
            "SCHEDULING", "--scheduling", "Computing",
            "What goes first when new prompts and running answers compete. latency: answers flow evenly, "
            "prompts "
            "wait. balanced: both bounded. throughput: most tokens a second (docs/engine.md has the "
            "bounds)."),
        number("GPTOSS_THREADS", "--threads", "Computing",
               "Threads that compute on the CPU. 0: one for every core.", &S::threads, 0, 1024),
        yes_or_no("GPTOSS_PREFIX_CACHE", "--prefix-cache", "Computing",
                  "Reuse what was computed for the common beginning of prompts.", &S::prefix_cache),
        choice<&S::determinism, kDeterminisms>("DETERMINISM", "--determinism", "Computing",
                                               "on: a reply's bits do not depend on what a GPU computes "
                                               "beside it, so that anyone can check it by "
                                               "computing it again (docs/receipts.md); generation is slower "
                                               "(docs/numerics.md says by how much). A "
                                               "CPU does so always."),
        number("GPTOSS_QUEUE_LIMIT", "--queue-limit", "Computing",
               "Requests that may wait; one more is refused with 429 and Retry-After.", &S::queue_limit, 1,
               1 << 20),

        text("GPTOSS_HOST", "--host", "Server",
             "IP address to listen on. 0.0.0.0 serves every network: set API keys then.", &S::host),
        number("API_PORT", "--port,--api-port", "Server", "Port to listen on. 0: any free one.", &S::port, 0,
               65535),
        text("GPTOSS_API_KEYS_FILE", "--api-keys-file", "Server",
             "File of keys that clients must send as \"Authorization: Bearer KEY\": one a line, optionally "
             "after a name and before limits of its own (requests-per-minute=N, tokens-per-minute=N, "
             "concurrent-requests=N).",
             &S::api_keys_file, {}, SettingKind::file),
        number("GPTOSS_REQUESTS_PER_MINUTE", "--requests-per-minute", "Server",
               "Requests a minute of each client (key's name, or address where no keys are set); more are "
               "refused with 429 and Retry-After. 0: any number.",
               &S::requests_per_minute, 0, kLargest),
        number("GPTOSS_TOKENS_PER_MINUTE", "--tokens-per-minute", "Server",
               "Tokens a minute of each client, prompts and answers. 0: any number.", &S::tokens_per_minute,
               0, kLargest),
        number("GPTOSS_CONCURRENT_REQUESTS", "--concurrent-requests", "Server",
               "Requests of each client at the same time. 0: any number.", &S::concurrent_requests, 0,
               kLargest),
        text("TLS_CERTIFICATE_FILE", "--tls-certificate-file", "Server",
             "PEM file with the certificate and those that signed it: the port then speaks HTTPS alone. Read "
             "again at SIGHUP.",
             &S::tls_certificate_file, {}, SettingKind::file),
        text("TLS_KEY_FILE", "--tls-key-file", "Server", "PEM file with the certificate's key.",
             &S::tls_key_file, {}, SettingKind::file),
        number("GPTOSS_ADMIN_PORT", "--admin-port", "Server",
               "Port on 127.0.0.1 for operators: running requests, usage, reload. -1: none; 0: any free one.",
               &S::admin_port, -1, 65535),
        secret("GPTOSS_ADMIN_KEY", "Server", "Key that the operators' port wants. Not set: none.",
               &S::admin_key),
        text("GPTOSS_ALLOWED_HOSTS", "--allowed-hosts", "Server",
             "Names that clients call this node by, beside its address, localhost and names without a dot: "
             "comma-separated, or * for any. A request to another Host is refused, so that no web page gets "
             "at "
             "the node through a name of its own.",
             &S::allowed_hosts),
        text("GPTOSS_CORS_ORIGIN", "--cors-origin", "Server",
             "Origins whose web pages may call the API, comma-separated (https://app.example), or *. "
             "Requests of "
             "other sites' pages are refused. Not set: none may.",
             &S::cors_origin),
        number("GPTOSS_BODY_LIMIT_MB", "--body-limit-mb", "Server", "Largest request body.",
               &S::body_limit_mb, 1, 1024),
        number("GPTOSS_BODY_BUDGET_MB", "--body-budget-mb", "Server",
               "Request bodies held at the same time, over all connections; one client may have a quarter of "
               "that, or one whole body.",
               &S::body_budget_mb, 1, 65536),
        number("GPTOSS_MAX_CONNECTIONS", "--max-connections", "Server", "Connections open at the same time.",
               &S::most_connections, 1, 1 << 20),
        number("GPTOSS_SHUTDOWN_GRACE_S", "--shutdown-grace-s", "Server",
               "Seconds that running answers get to finish after SIGTERM.", &S::shutdown_grace_s, 0, 3600),
        text("GPTOSS_LOG_LEVEL", "--log-level", "Server", "How much to log. Never prompts or answers.",
             &S::log_level, {"debug", "info", "warn", "error"}),
        choice<&S::log_format, kLogFormats>("GPTOSS_LOG_FORMAT", "--log-format", "Server",
                                            "Lines for people, or one JSON object a line for machines."),

        number("GPTOSS_STEP_LIMIT_S", "--step-limit-s", "Watching",
               "Seconds that one batch may take; while one takes longer the node is not ready. 0: any.",
               &S::step_limit_s, 0, 86400),
        text("GPTOSS_NVML_LIBRARY", "--nvml-library", "Watching",
             "Library that tells of the GPU's memory, temperature, power and errors. Not set: the driver's "
             "libnvidia-ml.so.1, when a GPU computes.",
             &S::nvml_library, {}, SettingKind::file),
        number("GPTOSS_POWER_PRICE_PER_MWH", "--power-price-per-mwh", "Watching",
               "Price of a megawatt hour (1000 kWh), in any currency: /metrics and /v1/status then tell what "
               "a million "
               "generated tokens cost, by the GPU's measured energy. 0: not told.",
               &S::power_price_per_mwh, 0, kLargest),

        yes_or_no("GPTOSS_STRICT_MODEL_NAME", "--strict-model-name", "Answers",
                  "Refuse requests that name another model than the one served.", &S::strict_model_name),
        text("GPTOSS_REASONING_FIELDS", "--reasoning-fields", "Answers",
             "Under which names chat replies tell the reasoning.", &S::reasoning_fields,
             {"both", "reasoning", "reasoning_content", "none"}),
        text("GPTOSS_DATE", "--date", "Answers",
             "Date told to the model: today (UTC), none, or a fixed YYYY-MM-DD, which keeps prompt prefixes "
             "cached over "
             "midnight.",
             &S::date, {}, SettingKind::date),

        yes_or_no("GPTOSS_RESPONSES_KEPT", "--responses-kept", "Agents",
                  "Keep what POST /v1/responses makes, unless a request says store: false (docs/agents.md).",
                  &S::responses_kept),
        text("GPTOSS_RESPONSES_PATH", "--responses-path", "Agents",
             "SQLite file that keeps responses and conversations, readable for the node alone. Its folder "
             "must be there. Not set: they are kept in memory until the node stops.",
             &S::responses_path),
        number("GPTOSS_RESPONSES_LIMIT_MB", "--responses-limit-mb", "Agents",
               "How much is kept; then the client that stores most loses its oldest.", &S::responses_limit_mb,
               1, 1 << 20),
        number("GPTOSS_RESPONSES_DAYS", "--responses-days", "Agents", "How long responses are kept.",
               &S::responses_days, 1, 36500),
        text("GPTOSS_RESPONSES_REASONING", "--responses-reasoning", "Agents",
             "Where responses tell the reasoning: as content, as a summary (which Codex and the AI SDK "
             "show), in "
             "both places, or nowhere.",
             &S::responses_reasoning, {"both", "content", "summary", "none"}),
        text("GPTOSS_SEAL_KEYS_FILE", "--seal-keys-file", "Agents",
             "Keys that seal the reasoning which clients keep for the node: 64 hexadecimal digits a line, "
             "the newest first. Made where it is missing. Not set: GPTOSS_RESPONSES_PATH with .keys, or a "
             "random key until the node stops.",
             &S::seal_keys_file),
        text("GPTOSS_UNSEEN_CONTENT", "--unseen-content", "Agents",
             "What becomes of images and files that agents send: placeholder (the model is told that it "
             "cannot see them) or refuse.",
             &S::unseen_content, {"placeholder", "refuse"}),

        text(
            "GPTOSS_MCP_SERVERS_FILE", "--mcp-servers-file", "Console",
            "MCP servers whose tools the console may offer (docs/console.md): lines of NAME URL, or NAME URL "
            "Header: value where the server wants a key. Read at each call.",
            &S::mcp_servers_file, {}, SettingKind::file),
        text("GPTOSS_FLEET_FILE", "--fleet-file", "Console",
             "The other nodes of a fleet, for the console's machine page: lines of NAME URL, or NAME URL "
             "Authorization: Bearer KEY.",
             &S::fleet_file, {}, SettingKind::file),
        text("GPTOSS_DOWNLOAD_FOLDER", "--download-folder", "Console",
             "Where the operators' console puts a model that it downloads.", &S::download_folder),

        choice<&S::require_model_validation, kValidationModes>(
            "REQUIRE_MODEL_VALIDATION", "--require-model-validation", "Chain",
            "Compare the weights' hash with the ModelRegistry at start: off, warn, or require, which serves "
            "nothing "
            "else. true and 1 mean require."),
        secret("RPC_URL", "Chain",
               "The chain's JSON-RPC endpoint. Kept secret, as providers put keys into it.", &S::rpc_url),
        number("CHAIN_ID", "--chain-id", "Chain", "The chain the node belongs to (84532: Base Sepolia).",
               &S::chain_id, 1, std::numeric_limits<std::int64_t>::max()),
        text("CONTRACT_MODEL_REGISTRY", "--contract-model-registry", "Chain", "Address of the ModelRegistry.",
             &S::contract_model_registry, {}, SettingKind::address),
        text("CONTRACT_NODE_REGISTRY", "--contract-node-registry", "Chain",
             "Address of the NodeRegistry, for `node-models`.", &S::contract_node_registry, {},
             SettingKind::address),
        secret("HOST_PRIVATE_KEY", "Chain", "Key of the host's wallet.", &S::host_private_key,
               SettingKind::private_key),
        secret("OWNER_PRIVATE_KEY", "Chain", "Key of the registry's owner, for `register` alone.",
               &S::owner_private_key, SettingKind::private_key),
        secret("S5_SEED_PHRASE", "Chain", "Seed phrase of the S5 identity.", &S::s5_seed_phrase),
        text("GPTOSS_SESSIONS", "--sessions", "Marketplace",
             "Open the marketplace's sessions on GET /v1/ws (docs/marketplace.md): off or on. They are "
             "encrypted "
             "to HOST_PRIVATE_KEY.",
             &S::sessions, {"off", "on"}),
        text("REQUIRE_JOB", "--require-job", "Marketplace",
             "Ask the JobMarketplace whether a session's job pays: off asks nothing and claims nothing, warn "
             "serves and logs, require refuses.",
             &S::require_job, {"off", "warn", "require"}),
        yes_or_no("GPTOSS_PLAINTEXT_SESSIONS", "--plaintext-sessions", "Marketplace",
                  "Also open sessions that are not encrypted. Nobody pays for them.", &S::plaintext_sessions),
        text("GPTOSS_LEDGER_PATH", "--ledger-path", "Marketplace",
             "SQLite file that counts what clients have used and what was claimed. Needed where jobs are "
             "asked for. Its folder must be there.",
             &S::ledger_path),
        text("CONTRACT_JOB_MARKETPLACE", "--contract-job-marketplace", "Marketplace",
             "Address of the JobMarketplace.", &S::contract_job_marketplace, {}, SettingKind::address),
        text("CONTRACT_HOST_EARNINGS", "--contract-host-earnings", "Marketplace",
             "Address of HostEarnings, for `earnings`.", &S::contract_host_earnings, {},
             SettingKind::address),
        text("GPTOSS_MARKETPLACE_VERSION", "--marketplace-version", "Marketplace",
             "Which JobMarketplace it is: january (of 2026; 17 fields, signed proofs) or february (18 "
             "fields). "
             "Checked at start.",
             &S::marketplace_version, {"january", "february"}),
        text("GPTOSS_BILLED_TOKENS", "--billed-tokens", "Marketplace",
             "What is claimed: completion, the generated tokens, reasoning included, as the marketplace's "
             "other "
             "nodes do; or all, the prompt's too.",
             &S::billed_tokens, {"completion", "all"}),
        number(
            "GPTOSS_PROOF_TOKENS", "--proof-tokens", "Marketplace",
            "Tokens after which a proof is sent while an answer goes on. At an answer's end 100 are enough.",
            &S::proof_tokens, 100, 1'000'000'000),
        number("GPTOSS_CONFIRMATIONS", "--confirmations", "Marketplace",
               "Blocks until a transaction counts, its own included.", &S::confirmations, 1, 1000),
        number("GPTOSS_GAS_PRICE_MAX_GWEI", "--gas-price-max-gwei", "Marketplace",
               "Claims wait while gas costs more. 0: no limit.", &S::gas_price_max_gwei, 0, 1'000'000'000),
        yes_or_no("GPTOSS_LEGACY_TRANSACTIONS", "--legacy-transactions", "Marketplace",
                  "Claim with legacy transactions even where EIP-1559 is spoken.", &S::legacy_transactions),
        number("GPTOSS_CHAIN_POLL_MS", "--chain-poll-ms", "Marketplace",
               "How often claims look at the chain.", &S::chain_poll_ms, 50, 3'600'000),
        number("GPTOSS_TRANSACTION_STUCK_S", "--transaction-stuck-s", "Marketplace",
               "A transaction that is not mined by then is sent again with a higher fee.",
               &S::transaction_stuck_s, 1, 86'400),
        number("GPTOSS_SESSION_GRACE_S", "--session-grace-s", "Marketplace",
               "How long a session waits for its client to connect again; then its job is settled.",
               &S::session_grace_s, 0, 86'400),
        number("GPTOSS_SESSION_HOURS", "--session-hours", "Marketplace", "How long a session's key is good.",
               &S::session_hours, 1, 8760),
        text("GPTOSS_CHECKPOINTS", "--checkpoints", "Marketplace",
             "Publish conversations on S5 with their proofs: off; encrypted, for clients that give a key to "
             "encrypt to; or all, where others' can be read by everybody.",
             &S::checkpoints, {"off", "encrypted", "all"}),
        text("ENHANCED_S5_URL", "--s5-url", "Marketplace",
             "The S5 bridge that proofs' documents and checkpoints are uploaded through.",
             &S::enhanced_s5_url),
        text("S5_PORTAL_URL", "--s5-portal-url", "Marketplace",
             "The S5 portal that they are uploaded to, with the identity of S5_SEED_PHRASE, instead of a "
             "bridge.",
             &S::s5_portal_url),
        text("S5_INITIAL_PEERS", "--s5-initial-peers", "Marketplace",
             "Nodes that keep S5's registry, comma-separated (wss://HOST/s5/p2p). Empty: the portal's own.",
             &S::s5_initial_peers),
        number("GPTOSS_S5_WAIT_MS", "--s5-wait-ms", "Marketplace",
               "How long an S5 node is waited for to tell a registry entry: nobody says that there is none.",
               &S::s5_wait_ms, 50, 60'000),
        number("GPTOSS_S5_PIECES_FROM_MIB", "--s5-pieces-from-mib", "Marketplace",
               "Files of so many MiB go to the portal in pieces: portals take no larger ones at once.",
               &S::s5_pieces_from_mib, 1, 32),
        number("GPTOSS_LEDGER_JOBS_KEPT", "--ledger-jobs-kept", "Marketplace",
               "Settled jobs that the ledger keeps with their proofs; the oldest go first, their sums stay.",
               &S::ledger_jobs_kept, 0, 1'000'000'000),
        text("GPTOSS_PRICE_NATIVE", "--price-native", "Marketplace",
             "The least that a job must pay for 1000 tokens, in the smallest unit of the chain's coin.",
             &S::price_native),
        text("GPTOSS_PRICE_STABLE", "--price-stable", "Marketplace",
             "The same in the smallest unit of USDC_TOKEN.", &S::price_stable),
        text("USDC_TOKEN", "--usdc-token", "Marketplace", "Address of the stablecoin.", &S::usdc_token, {},
             SettingKind::address),
        choice<&S::receipts, kReceiptsModes>(
            "GPTOSS_RECEIPTS", "--receipts", "Chain",
            "Sign a receipt for every reply with HOST_PRIVATE_KEY (docs/receipts.md): off, on, or tokens, "
            "which also keeps the tokens of prompt and reply, so that a receipt can be replayed."),
        text("GPTOSS_RECEIPTS_PATH", "--receipts-path", "Chain",
             "SQLite file that keeps the receipts. Its folder must be there.", &S::receipts_path),
        number("GPTOSS_RECEIPTS_KEPT", "--receipts-kept", "Chain", "Receipts kept; the oldest go first.",
               &S::receipts_kept, 1, 1'000'000'000),
        yes_or_no("GPTOSS_RECEIPTS_FINGERPRINT", "--receipts-fingerprint", "Chain",
                  "Sign values of the hidden state of one token in 32, by which other devices can check a "
                  "reply.",
                  &S::receipts_fingerprint),
    };
}

}  // namespace

std::span<const SettingSpec> setting_specs() {
    static const std::vector<SettingSpec> specs = make_specs();
    return specs;
}

std::string value_text(const Settings& settings, const SettingSpec& spec) {
    if (const auto* field = std::get_if<std::string Settings::*>(&spec.field)) return settings.*(*field);
    if (const auto* field = std::get_if<bool Settings::*>(&spec.field))
        return settings.*(*field) ? "true" : "false";
    if (const auto* field = std::get_if<ChoiceField>(&spec.field)) return std::string(field->name(settings));
    return std::to_string(settings.*std::get<std::int64_t Settings::*>(spec.field));
}

}  // namespace gptoss::node
