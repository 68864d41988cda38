#include "api/database.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include "base/error.h"

namespace gptoss::api {

void Database::Close::operator()(sqlite3* database) const {
    sqlite3_close(database);
}

void Database::Statement::Finish::operator()(sqlite3_stmt* statement) const {
    sqlite3_finalize(statement);
}

Database::Database(const std::filesystem::path& path, std::string setting)
    : name_(path.empty() ? "the store in memory" : path.string()), setting_(std::move(setting)) {
    // SQLite would make the file readable for all; its log and shared memory take over the file's mode.
    if (!path.empty()) {
        const int made = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (made >= 0) ::close(made);
    }
    sqlite3* opened = nullptr;
    const int result = sqlite3_open_v2(path.empty() ? ":memory:" : path.c_str(), &opened,
                                       SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr);
    handle_.reset(opened);  // also a failed one holds memory, and the reason
    if (result != SQLITE_OK) fail();
    sqlite3_busy_timeout(opened, 5000);
    run("PRAGMA journal_mode=WAL");
    run("PRAGMA synchronous=NORMAL");
    run("PRAGMA auto_vacuum=INCREMENTAL");
}

void Database::fail() const {
    throw Error(ErrorCode::file_unreadable,
                name_ + ": " + (handle_ ? sqlite3_errmsg(handle_.get()) : "out of memory"),
                setting_ + " must name a file that this node may write, in a folder that exists.",
                {{"setting", setting_}});
}

void Database::run(const char* sql) const {
    if (sqlite3_exec(handle_.get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK) fail();
}

int Database::changed_rows() const {
    return sqlite3_changes(handle_.get());
}

Database::Statement::Statement(const Database& database, std::string_view sql) : database_(database) {
    sqlite3_stmt* made = nullptr;
    if (sqlite3_prepare_v2(database.handle_.get(), sql.data(), static_cast<int>(sql.size()), &made,
                           nullptr) != SQLITE_OK)
        database.fail();
    statement_.reset(made);
}

Database::Statement& Database::Statement::bind(std::string_view text) {
    if (sqlite3_bind_text64(statement_.get(), ++bound_, text.data(), text.size(), SQLITE_TRANSIENT,
                            SQLITE_UTF8) != SQLITE_OK)
        database_.fail();
    return *this;
}

Database::Statement& Database::Statement::bind(std::int64_t number) {
    if (sqlite3_bind_int64(statement_.get(), ++bound_, number) != SQLITE_OK) database_.fail();
    return *this;
}

bool Database::Statement::step() {
    const int result = sqlite3_step(statement_.get());
    if (result != SQLITE_ROW && result != SQLITE_DONE) database_.fail();
    return result == SQLITE_ROW;
}

std::string Database::Statement::text(int column) const {
    const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_.get(), column));
    return text == nullptr
               ? std::string()
               : std::string(text, static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column)));
}

std::int64_t Database::Statement::number(int column) const {
    return sqlite3_column_int64(statement_.get(), column);
}

Database::Transaction::Transaction(const Database& database) : database_(database) {
    database_.run("BEGIN IMMEDIATE");
}

Database::Transaction::~Transaction() {
    if (!open_) return;
    try {
        database_.run("ROLLBACK");
    } catch (const Error&) {
        // SQLite has rolled back by itself; the error that led here is on its way.
        open_ = false;
    }
}

void Database::Transaction::commit() {
    database_.run("COMMIT");
    open_ = false;
}

}  // namespace gptoss::api
