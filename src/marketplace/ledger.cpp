#include "marketplace/ledger.h"

#include "base/check.h"
#include "base/utc_time.h"

namespace gptoss::marketplace {
namespace {

constexpr const char* kTables[] = {
    "CREATE TABLE IF NOT EXISTS jobs (job TEXT PRIMARY KEY, session TEXT NOT NULL, state INTEGER NOT NULL, "
    "billed INTEGER NOT NULL, proven INTEGER NOT NULL, proofs INTEGER NOT NULL, opened_s INTEGER NOT NULL)",
    "CREATE TABLE IF NOT EXISTS requests (number INTEGER PRIMARY KEY AUTOINCREMENT, job TEXT NOT NULL, "
    "nonce TEXT NOT NULL, reply_id TEXT NOT NULL DEFAULT '', prompt_tokens INTEGER NOT NULL DEFAULT 0, "
    "completion_tokens INTEGER NOT NULL DEFAULT 0, running INTEGER NOT NULL DEFAULT 1, "
    "began_s INTEGER NOT NULL, UNIQUE (job, nonce))",
    // What jobs that were deleted came to.
    "CREATE TABLE IF NOT EXISTS pruned (billed INTEGER NOT NULL, proven INTEGER NOT NULL, proofs INTEGER NOT "
    "NULL, failed INTEGER NOT NULL)",
    // One proof of a job is under way at a time.
    "CREATE TABLE IF NOT EXISTS proofs (number INTEGER PRIMARY KEY AUTOINCREMENT, job TEXT NOT NULL, "
    "place INTEGER NOT NULL, tokens INTEGER NOT NULL, tokens_before INTEGER NOT NULL, hash TEXT NOT NULL "
    "UNIQUE, document TEXT NOT NULL, state TEXT NOT NULL, made_s INTEGER NOT NULL)",
    "CREATE UNIQUE INDEX IF NOT EXISTS under_way ON proofs (job) WHERE state = 'under way'",
    "CREATE TABLE IF NOT EXISTS transactions (hash TEXT PRIMARY KEY, raw TEXT NOT NULL, purpose TEXT NOT "
    "NULL, job TEXT NOT NULL, proof INTEGER NOT NULL, nonce INTEGER NOT NULL, signed_at_s INTEGER NOT NULL, "
    "fee TEXT NOT NULL, tip TEXT NOT NULL, outcome TEXT NOT NULL DEFAULT '')"};

constexpr const char* kJobColumns =
    "SELECT job, session, state, billed, proven, proofs, "
    "(SELECT count(*) FROM requests WHERE requests.job = jobs.job AND running = 1) FROM jobs ";

LedgerJob read_job(const api::Database::Statement& row) {
    LedgerJob job;
    job.job = row.text(0);
    job.session = row.text(1);
    job.state = static_cast<JobState>(row.number(2));
    job.billed = row.number(3);
    job.proven = row.number(4);
    job.proofs = row.number(5);
    job.running = row.number(6);
    return job;
}

// What must not be lost even when the machine loses power: claims and signed transactions.
class Durably {
  public:
    explicit Durably(const api::Database& database) : database_(database) {
        database_.run("PRAGMA synchronous=FULL");
    }
    ~Durably() {
        try {
            database_.run("PRAGMA synchronous=NORMAL");
        } catch (const Error&) {
            return;  // it stays as careful as it is
        }
    }
    Durably(const Durably&) = delete;
    Durably& operator=(const Durably&) = delete;

  private:
    const api::Database& database_;
};

}  // namespace

Ledger::Ledger(const std::filesystem::path& path, BilledTokens billed)
    : database_(path, "GPTOSS_LEDGER_PATH"), billed_(billed) {
    for (const char* table : kTables) database_.run(table);
    // What a node that was killed had counted stays counted; nobody generates it any more.
    database_.run("UPDATE requests SET running = 0 WHERE running = 1");
    // Sessions that nobody pays for end with the node.
    database_.run("DELETE FROM requests WHERE job NOT IN (SELECT job FROM jobs)");
}

std::optional<LedgerJob> Ledger::find_job(const std::string& job) {
    auto row = database_.prepare(std::string(kJobColumns) + "WHERE job = ?");
    row.bind(job);
    if (!row.step()) return std::nullopt;
    return read_job(row);
}

void Ledger::open_job(const std::string& job, const std::string& session, std::int64_t proven) {
    const std::lock_guard lock(mutex_);
    database_
        .prepare(
            "INSERT INTO jobs VALUES (?, ?, 0, ?, ?, 0, ?) ON CONFLICT (job) DO UPDATE SET "
            "session = excluded.session, state = CASE WHEN state = 1 THEN 0 ELSE state END")
        .bind(job)
        .bind(session)
        .bind(proven)
        .bind(proven)
        .bind(now_s())
        .step();
}

void Ledger::end_job(const std::string& job) {
    const std::lock_guard lock(mutex_);
    database_.prepare("UPDATE jobs SET state = 1 WHERE job = ? AND state = 0").bind(job).step();
}

void Ledger::close_job(const std::string& job, JobState state) {
    const std::lock_guard lock(mutex_);
    database_.prepare("UPDATE jobs SET state = ? WHERE job = ?")
        .bind(static_cast<std::int64_t>(state))
        .bind(job)
        .step();
}

std::optional<LedgerJob> Ledger::job(const std::string& job) {
    const std::lock_guard lock(mutex_);
    return find_job(job);
}

std::vector<LedgerJob> Ledger::jobs() {
    const std::lock_guard lock(mutex_);
    auto row = database_.prepare(std::string(kJobColumns) + "WHERE state < 2 ORDER BY opened_s, job");
    std::vector<LedgerJob> jobs;
    while (row.step()) jobs.push_back(read_job(row));
    return jobs;
}

std::optional<std::int64_t> Ledger::begin_request(const std::string& job, std::string_view nonce) {
    const std::lock_guard lock(mutex_);
    database_.prepare("INSERT OR IGNORE INTO requests (job, nonce, began_s) VALUES (?, ?, ?)")
        .bind(job)
        .bind(nonce)
        .bind(now_s())
        .step();
    if (database_.changed_rows() == 0) return std::nullopt;
    auto row = database_.prepare("SELECT last_insert_rowid()");
    row.step();
    return row.number(0);
}

void Ledger::count(std::int64_t request, std::int64_t prompt_tokens, std::int64_t completion_tokens) {
    const std::lock_guard lock(mutex_);
    api::Database::Transaction transaction(database_);
    auto row =
        database_.prepare("SELECT job, prompt_tokens, completion_tokens FROM requests WHERE number = ?");
    row.bind(request);
    check(row.step(), "only requests that began are counted");
    std::int64_t more = completion_tokens - row.number(2);
    if (billed_ == BilledTokens::all) more += prompt_tokens - row.number(1);
    if (more > 0) {
        database_.prepare("UPDATE jobs SET billed = billed + ? WHERE job = ?")
            .bind(more)
            .bind(row.text(0))
            .step();
        database_.prepare("UPDATE requests SET prompt_tokens = ?, completion_tokens = ? WHERE number = ?")
            .bind(prompt_tokens)
            .bind(completion_tokens)
            .bind(request)
            .step();
    }
    transaction.commit();
}

void Ledger::end_request(std::int64_t request, std::string_view reply_id) {
    const std::lock_guard lock(mutex_);
    database_.prepare("UPDATE requests SET running = 0, reply_id = ? WHERE number = ?")
        .bind(reply_id)
        .bind(request)
        .step();
}

void Ledger::forget(const std::string& job) {
    const std::lock_guard lock(mutex_);
    database_.prepare("DELETE FROM requests WHERE job = ?").bind(job).step();
}

std::vector<LedgerRequest> Ledger::requests(const std::string& job) {
    const std::lock_guard lock(mutex_);
    auto row = database_.prepare(
        "SELECT number, reply_id, prompt_tokens, completion_tokens FROM requests WHERE job = ? ORDER BY "
        "number");
    row.bind(job);
    std::vector<LedgerRequest> requests;
    while (row.step()) requests.push_back({row.number(0), row.text(1), row.number(2), row.number(3)});
    return requests;
}

void Ledger::set_proven(const std::string& job, std::int64_t tokens) {
    const std::lock_guard lock(mutex_);
    const Durably durably(database_);
    database_.prepare("UPDATE jobs SET proven = ?, billed = max(billed, ?) WHERE job = ?")
        .bind(tokens)
        .bind(tokens)
        .bind(job)
        .step();
}

LedgerProof Ledger::plan_proof(LedgerProof proof) {
    const std::lock_guard lock(mutex_);
    const Durably durably(database_);
    api::Database::Transaction transaction(database_);
    database_
        .prepare(
            "INSERT INTO proofs (job, place, tokens, tokens_before, hash, document, state, made_s) "
            "VALUES (?, ?, ?, ?, ?, ?, 'under way', ?)")
        .bind(proof.job)
        .bind(proof.index)
        .bind(proof.tokens)
        .bind(proof.tokens_before)
        .bind(proof.hash)
        .bind(proof.document)
        .bind(now_s())
        .step();
    auto row = database_.prepare("SELECT last_insert_rowid()");
    row.step();
    proof.number = row.number(0);
    // Its index is never given again, whatever becomes of it: hashes of proofs must differ.
    database_.prepare("UPDATE jobs SET proofs = ? WHERE job = ?")
        .bind(proof.index + 1)
        .bind(proof.job)
        .step();
    transaction.commit();
    return proof;
}

std::optional<LedgerProof> Ledger::proof_under_way(const std::string& job) {
    const std::lock_guard lock(mutex_);
    auto row = database_.prepare(
        "SELECT number, job, place, tokens, tokens_before, hash, document FROM proofs WHERE job = ? AND "
        "state = 'under way'");
    row.bind(job);
    if (!row.step()) return std::nullopt;
    return LedgerProof{row.number(0), row.text(1), row.number(2), row.number(3),
                       row.number(4), row.text(5), row.text(6)};
}

void Ledger::proof_arrived(const LedgerProof& proof) {
    const std::lock_guard lock(mutex_);
    const Durably durably(database_);
    api::Database::Transaction transaction(database_);
    database_.prepare("UPDATE proofs SET state = 'arrived' WHERE number = ?").bind(proof.number).step();
    database_.prepare("UPDATE jobs SET proven = ? WHERE job = ?")
        .bind(proof.tokens_before + proof.tokens)
        .bind(proof.job)
        .step();
    transaction.commit();
}

void Ledger::drop_proof(const LedgerProof& proof) {
    const std::lock_guard lock(mutex_);
    const Durably durably(database_);
    database_.prepare("UPDATE proofs SET state = 'dropped' WHERE number = ?").bind(proof.number).step();
}

void Ledger::add_transaction(const LedgerTransaction& transaction) {
    const std::lock_guard lock(mutex_);
    const Durably durably(database_);
    database_
        .prepare(
            "INSERT OR IGNORE INTO transactions (hash, raw, purpose, job, proof, nonce, signed_at_s, "
            "fee, tip) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)")
        .bind(transaction.hash)
        .bind(transaction.raw)
        .bind(transaction.purpose)
        .bind(transaction.job)
        .bind(transaction.proof)
        .bind(transaction.nonce)
        .bind(transaction.signed_at_s)
        .bind(transaction.fee)
        .bind(transaction.tip)
        .step();
}

bool Ledger::was_signed(const LedgerProof& proof) {
    const std::lock_guard lock(mutex_);
    auto row = database_.prepare("SELECT 1 FROM transactions WHERE purpose = 'proof' AND proof = ?");
    row.bind(proof.number);
    return row.step();
}

std::vector<LedgerTransaction> Ledger::transactions_under_way() {
    const std::lock_guard lock(mutex_);
    auto row = database_.prepare(
        "SELECT hash, raw, purpose, job, proof, nonce, signed_at_s, fee, tip FROM transactions WHERE outcome "
        "= '' "
        "ORDER BY signed_at_s, rowid");
    std::vector<LedgerTransaction> found;
    while (row.step())
        found.push_back({row.text(0), row.text(1), row.text(2), row.text(3), row.number(4), row.number(5),
                         row.number(6), row.text(7), row.text(8)});
    return found;
}

void Ledger::close_transactions(std::int64_t nonce, std::string_view outcome) {
    const std::lock_guard lock(mutex_);
    const Durably durably(database_);
    database_.prepare("UPDATE transactions SET outcome = ? WHERE nonce = ? AND outcome = ''")
        .bind(outcome)
        .bind(nonce)
        .step();
}

std::vector<std::string> Ledger::prune(std::int64_t jobs_kept) {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> gone;
    {
        auto row = database_.prepare(
            "SELECT job FROM jobs WHERE state >= 2 ORDER BY rowid DESC LIMIT 1000 OFFSET ?");
        row.bind(jobs_kept);
        while (row.step()) gone.push_back(row.text(0));
    }
    if (gone.empty()) return gone;
    api::Database::Transaction transaction(database_);
    for (const std::string& job : gone) {
        database_
            .prepare(
                "INSERT INTO pruned SELECT billed, proven, (SELECT count(*) FROM proofs WHERE proofs.job = "
                "jobs.job AND state = 'arrived'), (SELECT count(*) FROM transactions WHERE transactions.job "
                "= "
                "jobs.job AND outcome = 'failed') FROM jobs WHERE job = ?")
            .bind(job)
            .step();
        for (const char* sql : {"DELETE FROM requests WHERE job = ?", "DELETE FROM proofs WHERE job = ?",
                                "DELETE FROM transactions WHERE job = ?", "DELETE FROM jobs WHERE job = ?"})
            database_.prepare(sql).bind(job).step();
    }
    // One row of sums is enough.
    database_.run("INSERT INTO pruned SELECT sum(billed), sum(proven), sum(proofs), sum(failed) FROM pruned");
    database_.run("DELETE FROM pruned WHERE rowid < (SELECT max(rowid) FROM pruned)");
    transaction.commit();
    return gone;
}

Ledger::Totals Ledger::totals() {
    const std::lock_guard lock(mutex_);
    return totals_of(database_);
}

Ledger::Totals Ledger::read_totals(const std::filesystem::path& path) {
    return totals_of(api::Database(path, "GPTOSS_LEDGER_PATH"));
}

Ledger::Totals Ledger::totals_of(const api::Database& database) {
    auto row = database.prepare(
        "SELECT coalesce(sum(billed), 0) + (SELECT coalesce(sum(billed), 0) FROM pruned), "
        "coalesce(sum(proven), "
        "0) + (SELECT coalesce(sum(proven), 0) FROM pruned), coalesce(sum(CASE WHEN state < 2 THEN "
        "max(billed - proven, 0) ELSE 0 END), 0), coalesce(sum(state < 2), 0), (SELECT count(*) FROM proofs "
        "WHERE state = 'arrived') + (SELECT coalesce(sum(proofs), 0) FROM pruned), (SELECT count(*) FROM "
        "transactions WHERE outcome = 'failed') + (SELECT coalesce(sum(failed), 0) FROM pruned) FROM jobs");
    row.step();
    return {row.number(0), row.number(1), row.number(2), row.number(3), row.number(4), row.number(5)};
}

}  // namespace gptoss::marketplace
