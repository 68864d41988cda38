#include "marketplace/outbox.h"

#include <algorithm>

#include "provenance/s5/blob_identifier.h"

namespace gptoss::marketplace {
namespace {

constexpr std::int64_t kLongestWait_s = 300;

}  // namespace

std::string s5_name_of(std::string_view bytes) {
    return provenance::s5::identify_blob(provenance::s5::bytes_of(bytes)).text();
}

Outbox::Outbox(const std::filesystem::path& path) : database_(path, "GPTOSS_LEDGER_PATH") {
    make_table(database_);
}

void Outbox::make_table(const api::Database& database) {
    database.run(
        "CREATE TABLE IF NOT EXISTS outbox (number INTEGER PRIMARY KEY AUTOINCREMENT, path TEXT NOT NULL, "
        "body TEXT NOT NULL, cid TEXT NOT NULL, tries INTEGER NOT NULL DEFAULT 0, next_s INTEGER NOT NULL "
        "DEFAULT 0)");
}

void Outbox::put(const api::Database& database, const std::string& path, const std::string& body,
                 bool replaces) {
    if (replaces) database.prepare("DELETE FROM outbox WHERE path = ?").bind(path).step();
    database.prepare("INSERT INTO outbox (path, body, cid) VALUES (?, ?, ?)")
        .bind(path)
        .bind(body)
        .bind(s5_name_of(body))
        .step();
}

std::optional<OutboxFile> Outbox::next(std::int64_t now_s) {
    const std::lock_guard lock(mutex_);
    auto row = database_.prepare(
        "SELECT number, path, body, cid, tries FROM outbox WHERE next_s <= ? ORDER BY number LIMIT 1");
    row.bind(now_s);
    if (!row.step()) return std::nullopt;
    return OutboxFile{row.number(0), row.text(1), row.text(2), row.text(3), row.number(4)};
}

void Outbox::uploaded(const OutboxFile& file) {
    const std::lock_guard lock(mutex_);
    database_.prepare("DELETE FROM outbox WHERE number = ?").bind(file.number).step();
}

void Outbox::failed(const OutboxFile& file, std::int64_t now_s) {
    const std::int64_t wait_s =
        std::min(kLongestWait_s, std::int64_t{1} << std::min<std::int64_t>(file.tries, 9));
    const std::lock_guard lock(mutex_);
    database_.prepare("UPDATE outbox SET tries = tries + 1, next_s = ? WHERE number = ?")
        .bind(now_s + wait_s)
        .bind(file.number)
        .step();
}

std::int64_t Outbox::waiting() {
    const std::lock_guard lock(mutex_);
    auto row = database_.prepare("SELECT count(*) FROM outbox");
    row.step();
    return row.number(0);
}

}  // namespace gptoss::marketplace
