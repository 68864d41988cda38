#include "node/receipt_store.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

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

// One connection to the file, for one statement at a time.
struct Database {
    std::string path;
    std::mutex mutex;
    std::unique_ptr<sqlite3, CloseDatabase> database;

    // Waits at most that long for another connection's lock.
    void open(const std::filesystem::path& file, int busy_timeout_ms) {
        path = file.string();
        sqlite3* opened = nullptr;
        const int result =
            sqlite3_open_v2(file.c_str(), &opened, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr);
        database.reset(opened);  // also a failed one holds memory, and the reason
        if (result != SQLITE_OK) fail();
        sqlite3_busy_timeout(opened, busy_timeout_ms);
    }
    [[noreturn]] void fail() const {
        throw Error(
            ErrorCode::file_unreadable,
            path + ": " + (database ? sqlite3_errmsg(database.get()) : "out of memory"),
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

constexpr int kWriterPatience_ms = 5000;  // while a model is exchanged, two nodes' writers have the file open
constexpr int kReaderPatience_ms = 1000;

// What is in it is its host's alone. SQLite gives the files beside it the same mode.
void create_private(const std::filesystem::path& path) {
    const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (file >= 0) ::close(file);
}

}  // namespace

// The reader has a connection of its own: in write-ahead mode it waits neither for the writer nor for whoever
// else holds the file.
struct ReceiptStore::State {
    std::int64_t kept = 0;
    Database writer, reader;
};

ReceiptStore::ReceiptStore(const std::filesystem::path& path, std::int64_t kept)
    : state_(std::make_unique<State>()) {
    state_->kept = kept;
    create_private(path);
    Database& writer = state_->writer;
    writer.open(path, kWriterPatience_ms);
    writer.run("PRAGMA journal_mode=WAL");
    writer.run("PRAGMA synchronous=NORMAL");
    writer.run(
        "CREATE TABLE IF NOT EXISTS receipts (number INTEGER PRIMARY KEY AUTOINCREMENT, "
        "id TEXT UNIQUE NOT NULL, json TEXT NOT NULL)");
    state_->reader.open(path, kReaderPatience_ms);
}
ReceiptStore::~ReceiptStore() = default;

void ReceiptStore::put(const std::string& id, const std::string& json) {
    Database& writer = state_->writer;
    const std::lock_guard lock(writer.mutex);
    const Statement insert = writer.prepare("INSERT OR REPLACE INTO receipts (id, json) VALUES (?, ?)");
    writer.bind(insert, 1, id);
    writer.bind(insert, 2, json);
    if (sqlite3_step(insert.get()) != SQLITE_DONE) writer.fail();
    const Statement prune =
        writer.prepare("DELETE FROM receipts WHERE number <= (SELECT max(number) FROM receipts) - ?");
    if (sqlite3_bind_int64(prune.get(), 1, state_->kept) != SQLITE_OK) writer.fail();
    if (sqlite3_step(prune.get()) != SQLITE_DONE) writer.fail();
}

std::optional<std::string> ReceiptStore::find(std::string_view id) {
    Database& reader = state_->reader;
    const std::lock_guard lock(reader.mutex);
    const Statement select = reader.prepare("SELECT json FROM receipts WHERE id = ?");
    reader.bind(select, 1, id);
    const int result = sqlite3_step(select.get());
    if (result == SQLITE_DONE) return std::nullopt;
    if (result != SQLITE_ROW) reader.fail();
    return std::string(reinterpret_cast<const char*>(sqlite3_column_text(select.get(), 0)),
                       static_cast<std::size_t>(sqlite3_column_bytes(select.get(), 0)));
}

std::vector<std::string> ReceiptStore::latest(int count) {
    Database& reader = state_->reader;
    const std::lock_guard lock(reader.mutex);
    const Statement select = reader.prepare("SELECT json FROM receipts ORDER BY number DESC LIMIT ?");
    if (sqlite3_bind_int(select.get(), 1, count) != SQLITE_OK) reader.fail();
    std::vector<std::string> found;
    int result = sqlite3_step(select.get());
    for (; result == SQLITE_ROW; result = sqlite3_step(select.get()))
        found.emplace_back(reinterpret_cast<const char*>(sqlite3_column_text(select.get(), 0)),
                           static_cast<std::size_t>(sqlite3_column_bytes(select.get(), 0)));
    if (result != SQLITE_DONE) reader.fail();
    return found;
}

}  // namespace gptoss::node
