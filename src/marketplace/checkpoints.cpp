#include "marketplace/checkpoints.h"

#include <algorithm>
#include <chrono>

#include "base/check.h"
#include "marketplace/outbox.h"
#include "provenance/marketplace/checkpoint.h"
#include "provenance/marketplace/key_agreement.h"
#include "provenance/s5/key_pair.h"
#include "provenance/s5/sealing.h"
#include "provenance/sha256.h"

namespace gptoss::marketplace {

namespace chain = provenance::chain;
namespace s5 = provenance::s5;
using provenance::marketplace::CheckpointDelta;
using provenance::marketplace::CheckpointEntry;
using provenance::marketplace::CheckpointMessage;

namespace {

constexpr const char* kCheckpointTables[] = {
    "CREATE TABLE IF NOT EXISTS told_sessions (job TEXT PRIMARY KEY, session TEXT NOT NULL, recovery_key "
    "TEXT "
    "NOT NULL)",
    "CREATE TABLE IF NOT EXISTS messages (number INTEGER PRIMARY KEY AUTOINCREMENT, job TEXT NOT NULL, role "
    "TEXT NOT NULL, sealed TEXT NOT NULL, time_ms INTEGER NOT NULL, partial INTEGER NOT NULL)",
    "CREATE INDEX IF NOT EXISTS messages_of_job ON messages (job)",
    // released: 1 when its proof has arrived. `last_message`: the checkpoint holds the messages up to this one.
    "CREATE TABLE IF NOT EXISTS checkpoints (job TEXT NOT NULL, place INTEGER NOT NULL, proof_hash TEXT NOT "
    "NULL "
    "UNIQUE, cid TEXT NOT NULL, body TEXT NOT NULL, start INTEGER NOT NULL, finish INTEGER NOT NULL, time_ms "
    "INTEGER NOT NULL, encrypted INTEGER NOT NULL, last_message INTEGER NOT NULL, released INTEGER NOT NULL "
    "DEFAULT 0, PRIMARY KEY (job, place))"};

std::int64_t now_ms() {
    return std::chrono::duration_cast<std::chrono::milliseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
}

// SQLite's texts hold any UTF-8 but a zero byte, so bytes go in as digits.
std::string digits_of(s5::ByteView bytes) {
    return provenance::marketplace::to_hexadecimal(bytes);
}

}  // namespace

Checkpoints::Checkpoints(const std::filesystem::path& path, const chain::PrivateKey& host_key,
                         bool unencrypted)
    : database_(path, "GPTOSS_LEDGER_PATH"), host_key_(host_key), unencrypted_(unencrypted) {
    database_.run("PRAGMA synchronous=FULL");
    for (const char* table : kCheckpointTables) database_.run(table);
    Outbox::make_table(database_);
    // Deterministic, and known to the key's owner alone.
    const auto purpose = s5::bytes_of("gpt-oss-node: messages kept in the ledger");
    auto signature = chain::signature_bytes(host_key.sign(provenance::sha256(std::as_bytes(purpose))));
    secret_ = provenance::marketplace::hkdf_sha256(signature, "gpt-oss-node ledger v1");
    s5::wipe(signature);
}

Checkpoints::~Checkpoints() {
    s5::wipe(secret_);
}

std::string Checkpoints::seal(std::string_view text) const {
    const s5::Nonce nonce = s5::random_nonce();
    return digits_of(nonce) + digits_of(s5::seal(secret_, nonce, s5::bytes_of(text)));
}

std::string Checkpoints::unseal(const std::string& sealed) const {
    const auto bytes = provenance::marketplace::from_hexadecimal(sealed);
    s5::Nonce nonce{};
    if (!bytes || bytes->size() < nonce.size()) return {};
    std::copy_n(bytes->begin(), nonce.size(), nonce.begin());
    const auto text = s5::open_sealed(secret_, nonce, s5::ByteView(*bytes).subspan(nonce.size()));
    return text ? std::string(s5::text_of(*text)) : std::string();
}

bool Checkpoints::open(const std::string& job, const std::string& session, const std::string& recovery_key) {
    if (recovery_key.empty() && !unencrypted_) return false;
    const std::lock_guard lock(mutex_);
    database_.prepare("INSERT OR REPLACE INTO told_sessions VALUES (?, ?, ?)")
        .bind(job)
        .bind(session)
        .bind(recovery_key)
        .step();
    return true;
}

void Checkpoints::add_message(const std::string& job, std::string_view role, std::string_view text,
                              bool partial) {
    const std::lock_guard lock(mutex_);
    database_
        .prepare(
            "INSERT INTO messages (job, role, sealed, time_ms, partial) SELECT ?, ?, ?, ?, ? WHERE EXISTS "
            "(SELECT 1 FROM told_sessions WHERE job = ?)")
        .bind(job)
        .bind(role)
        .bind(seal(text))
        .bind(now_ms())
        .bind(partial ? 1 : 0)
        .bind(job)
        .step();
}

std::vector<Checkpoints::Message> Checkpoints::unpublished_messages(const std::string& job) {
    auto row = database_.prepare(
        "SELECT number, role, sealed, time_ms, partial FROM messages WHERE job = ? ORDER BY number");
    row.bind(job);
    std::vector<Message> messages;
    while (row.step())
        messages.push_back(
            {row.number(0), row.text(1), unseal(row.text(2)), row.number(3), row.number(4) != 0});
    return messages;
}

std::string Checkpoints::prepare(const LedgerProof& proof) {
    const std::lock_guard lock(mutex_);
    {
        auto known = database_.prepare("SELECT cid FROM checkpoints WHERE proof_hash = ?");
        known.bind(proof.hash);
        if (known.step()) return known.text(0);
    }
    auto told = database_.prepare("SELECT session, recovery_key FROM told_sessions WHERE job = ?");
    told.bind(proof.job);
    if (!told.step()) return {};
    const std::string session = told.text(0), recovery_key = told.text(1);
    const std::vector<Message> messages = unpublished_messages(proof.job);
    if (messages.empty()) return {};
    auto last = database_.prepare("SELECT coalesce(max(place), -1) FROM checkpoints WHERE job = ?");
    last.bind(proof.job);
    last.step();

    CheckpointDelta delta;
    delta.session_id = session;
    delta.index = static_cast<std::uint64_t>(last.number(0) + 1);
    delta.proof_hash = proof.hash;
    delta.start_token = static_cast<std::uint64_t>(proof.tokens_before);
    delta.end_token = static_cast<std::uint64_t>(proof.tokens_before + proof.tokens);
    for (const Message& each : messages) {
        CheckpointMessage message{each.role, each.text, static_cast<std::uint64_t>(each.time_ms), {}};
        if (each.partial) message.metadata = nlohmann::json{{"partial", true}};
        delta.messages.push_back(std::move(message));
    }
    std::string body;
    if (recovery_key.empty()) {
        body = provenance::marketplace::signed_delta(delta, host_key_).dump(2);
    } else {
        std::array<std::uint8_t, 32> secret{};
        s5::fill_randomly(secret);
        const chain::PrivateKey ephemeral(digits_of(secret), "a checkpoint's key");
        s5::wipe(secret);
        const auto encrypted = provenance::marketplace::encrypted_delta(delta, host_key_, recovery_key,
                                                                        ephemeral, s5::random_nonce());
        if (!encrypted) return {};  // its recovery key was checked when the session was opened
        body = encrypted->dump(2);
    }
    const std::string cid = s5_name_of(body);
    database_
        .prepare(
            "INSERT INTO checkpoints (job, place, proof_hash, cid, body, start, finish, time_ms, encrypted, "
            "last_message) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
        .bind(proof.job)
        .bind(static_cast<std::int64_t>(delta.index))
        .bind(proof.hash)
        .bind(cid)
        .bind(body)
        .bind(proof.tokens_before)
        .bind(proof.tokens_before + proof.tokens)
        .bind(now_ms())
        .bind(recovery_key.empty() ? 0 : 1)
        .bind(messages.back().number)
        .step();
    return cid;
}

void Checkpoints::settle() {
    const std::lock_guard lock(mutex_);
    database_.run(
        "DELETE FROM checkpoints WHERE released = 0 AND proof_hash IN (SELECT hash FROM proofs WHERE state = "
        "'dropped')");
    std::vector<std::string> arrived;
    {
        auto row = database_.prepare(
            "SELECT proof_hash FROM checkpoints WHERE released = 0 AND proof_hash IN (SELECT hash FROM "
            "proofs "
            "WHERE state = 'arrived') ORDER BY job, place");
        while (row.step()) arrived.push_back(row.text(0));
    }
    for (const std::string& hash : arrived) release(hash);
}

// At once: the delta and the new index wait for their upload, and what they hold is deleted here.
void Checkpoints::release(const std::string& hash) {
    api::Database::Transaction transaction(database_);
    auto row = database_.prepare(
        "SELECT c.job, c.place, c.body, c.last_message, s.session FROM checkpoints c JOIN told_sessions s ON "
        "s.job = c.job WHERE c.proof_hash = ?");
    row.bind(hash);
    if (!row.step()) return;
    const std::string job = row.text(0), session = row.text(4);
    const chain::Address host = host_key_.address();
    database_.prepare("UPDATE checkpoints SET released = 1, body = '' WHERE proof_hash = ?")
        .bind(hash)
        .step();
    database_.prepare("DELETE FROM messages WHERE job = ? AND number <= ?")
        .bind(job)
        .bind(row.number(3))
        .step();
    Outbox::put(database_,
                provenance::marketplace::delta_path(host, session, static_cast<std::uint64_t>(row.number(1))),
                row.text(2), false);
    Outbox::put(database_, provenance::marketplace::index_path(host, session), index_of(job, session).dump(2),
                true);
    transaction.commit();
}

nlohmann::json Checkpoints::index_of(const std::string& job, const std::string& session) {
    auto row = database_.prepare(
        "SELECT place, proof_hash, cid, start, finish, time_ms, encrypted FROM checkpoints WHERE job = ? AND "
        "released = 1 ORDER BY place");
    row.bind(job);
    std::vector<CheckpointEntry> entries;
    while (row.step())
        entries.push_back({static_cast<std::uint64_t>(row.number(0)), row.text(1), row.text(2),
                           static_cast<std::uint64_t>(row.number(3)),
                           static_cast<std::uint64_t>(row.number(4)),
                           static_cast<std::uint64_t>(row.number(5)), row.number(6) != 0});
    return provenance::marketplace::signed_index(session, entries, host_key_);
}

void Checkpoints::forget(const std::vector<std::string>& jobs) {
    const std::lock_guard lock(mutex_);
    for (const std::string& job : jobs)
        for (const char* sql : {"DELETE FROM messages WHERE job = ?", "DELETE FROM checkpoints WHERE job = ?",
                                "DELETE FROM told_sessions WHERE job = ?"})
            database_.prepare(sql).bind(job).step();
}

std::optional<nlohmann::json> Checkpoints::index(const std::string& session) {
    const std::lock_guard lock(mutex_);
    auto row = database_.prepare(
        "SELECT s.job FROM told_sessions s JOIN checkpoints c ON c.job = s.job WHERE s.session = ? AND "
        "c.released "
        "= 1 ORDER BY c.time_ms DESC");
    row.bind(session);
    if (!row.step()) return std::nullopt;
    return index_of(row.text(0), session);
}

}  // namespace gptoss::marketplace
