#include "node/receipt_store.h"

#include <sqlite3.h>

#include <mutex>

#include "base/error.h"

namespace gptoss::node {
namespace {

struct CloseDatabase {
    void operator()(sqlite3* database) const { sqlite3_close(database); }
};
struct FinishStatement {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using Statement = std::unique_ptr<sqlite3_stmt, FinishStatement>;

}  // namespace

struct ReceiptStore::State {
    std::filesystem::path path;
    std::int64_t kept = 0;
    std::mutex mutex;  // one statement at a time
    std::unique_ptr<sqlite3, CloseDatabase> database;

    [[noreturn]] void fail() const {
        throw Error(
            ErrorCode::file_unreadable,
            path.string() + ": " + (database ? sqlite3_errmsg(database.get()) : "out of memory"),
            "GPTOSS_RECEIPTS_PATH must name a file that this node may write, in a folder that exists.",
            {{"setting", "GPTOSS_RECEIPTS_PATH"}});
    }
    void run(const char* sql) const {
        if (sqlite3_exec(database.get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK) fail();
    }
    Statement prepare(const char* sql) const {
        sqlite3_stmt* made = nullptr;
        if (sqlite3_prepare_v2(database.get(), sql, -1, &made, nullptr) != SQLITE_OK) fail();
        return Statement(made);
    }
    void bind(const Statement& statement, int index, std::string_view text) const {
        if (sqlite3_bind_text(statement.get(), index, text.data(), static_cast<int>(text.size()),
                              SQLITE_TRANSIENT) != SQLITE_OK)
            fail();
    }
};

ReceiptStore::ReceiptStore(const std::filesystem::path& path, std::int64_t kept)
    : state_(std::make_unique<State>()) {
    state_->path = path;
    state_->kept = kept;
    sqlite3* opened = nullptr;
    const int result =
        sqlite3_open_v2(path.c_str(), &opened, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr);
    state_->database.reset(opened);  // also a failed one holds memory, and the reason
    if (result != SQLITE_OK) state_->fail();
    sqlite3_busy_timeout(opened, 5000);  // while a model is exchanged, two of them have the file open
    state_->run("PRAGMA journal_mode=WAL");
    state_->run("PRAGMA synchronous=NORMAL");
    state_->run(
        "CREATE TABLE IF NOT EXISTS receipts (number INTEGER PRIMARY KEY AUTOINCREMENT, "
        "id TEXT UNIQUE NOT NULL, json TEXT NOT NULL)");
}
ReceiptStore::~ReceiptStore() = default;

void ReceiptStore::put(const std::string& id, const std::string& json) {
    const std::lock_guard lock(state_->mutex);
    const Statement insert = state_->prepare("INSERT OR REPLACE INTO receipts (id, json) VALUES (?, ?)");
    state_->bind(insert, 1, id);
    state_->bind(insert, 2, json);
    if (sqlite3_step(insert.get()) != SQLITE_DONE) state_->fail();
    const Statement prune =
        state_->prepare("DELETE FROM receipts WHERE number <= (SELECT max(number) FROM receipts) - ?");
    if (sqlite3_bind_int64(prune.get(), 1, state_->kept) != SQLITE_OK) state_->fail();
    if (sqlite3_step(prune.get()) != SQLITE_DONE) state_->fail();
}

std::optional<std::string> ReceiptStore::find(std::string_view id) {
    const std::lock_guard lock(state_->mutex);
    const Statement select = state_->prepare("SELECT json FROM receipts WHERE id = ?");
    state_->bind(select, 1, id);
    const int result = sqlite3_step(select.get());
    if (result == SQLITE_DONE) return std::nullopt;
    if (result != SQLITE_ROW) state_->fail();
    return std::string(reinterpret_cast<const char*>(sqlite3_column_text(select.get(), 0)),
                       static_cast<std::size_t>(sqlite3_column_bytes(select.get(), 0)));
}

}  // namespace gptoss::node
