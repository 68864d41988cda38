#include "api/response_tables.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/utc_time.h"

namespace gptoss::api {

namespace {

constexpr const char* kSchema = R"(
CREATE TABLE IF NOT EXISTS responses (number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE NOT NULL,
    owner TEXT NOT NULL, created_s INTEGER NOT NULL, running INTEGER NOT NULL, previous TEXT NOT NULL,
    conversation TEXT NOT NULL, json TEXT NOT NULL, events TEXT NOT NULL, size INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS responses_by_age ON responses (created_s);
CREATE TABLE IF NOT EXISTS conversations (id TEXT PRIMARY KEY, owner TEXT NOT NULL,
    created_s INTEGER NOT NULL, json TEXT NOT NULL, size INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS conversations_by_age ON conversations (created_s);
CREATE TABLE IF NOT EXISTS items (number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL,
    holder TEXT NOT NULL, owner TEXT NOT NULL, output INTEGER NOT NULL, json TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS items_by_holder ON items (holder, number);
CREATE INDEX IF NOT EXISTS items_by_id ON items (id);
CREATE TABLE IF NOT EXISTS owners (owner TEXT PRIMARY KEY, size INTEGER NOT NULL);
)";

// For each table of holders, whose name is at every @: what each owner holds is known without counting it.
constexpr const char* kTotals = R"(
CREATE INDEX IF NOT EXISTS @_by_owner ON @ (owner, created_s);
CREATE TRIGGER IF NOT EXISTS @_come AFTER INSERT ON @ BEGIN
    INSERT INTO owners VALUES (new.owner, new.size) ON CONFLICT (owner) DO UPDATE SET size = size + excluded.size;
END;
CREATE TRIGGER IF NOT EXISTS @_change AFTER UPDATE OF size ON @ BEGIN
    UPDATE owners SET size = size + new.size - old.size WHERE owner = new.owner;
END;
CREATE TRIGGER IF NOT EXISTS @_go AFTER DELETE ON @ BEGIN
    UPDATE owners SET size = size - old.size WHERE owner = old.owner;
    DELETE FROM owners WHERE owner = old.owner AND size <= 0;
END;
)";

// For a file of a node that kept no totals.
constexpr const char* kCountAnew = R"(
DELETE FROM owners;
INSERT INTO owners SELECT owner, sum(size) FROM
    (SELECT owner, size FROM responses UNION ALL SELECT owner, size FROM conversations) GROUP BY owner;
)";

struct Holder {
    const char* table;
    std::string id;
};

// The oldest of who holds the most: nobody loses anything to a client that stores more than they do.
std::optional<Holder> next_to_go(const Database& database) {
    auto owners = database.prepare("SELECT owner FROM owners ORDER BY size DESC");
    while (owners.step()) {
        auto oldest = database.prepare(
            "SELECT * FROM (SELECT id, 0, created_s FROM responses WHERE owner = ?1 AND running = 0 "
            "ORDER BY created_s LIMIT 1) UNION ALL SELECT * FROM (SELECT id, 1, created_s FROM "
            "conversations WHERE owner = ?1 ORDER BY created_s LIMIT 1) ORDER BY 3 LIMIT 1");
        if (oldest.bind(owners.text(0)).step())
            return Holder{oldest.number(1) == 0 ? "responses" : "conversations", oldest.text(0)};
    }
    return std::nullopt;
}

}  // namespace

void make_response_tables(const Database& database) {
    database.run(kSchema);
    for (const std::string_view table : {"responses", "conversations"}) {
        std::string sql = kTotals;
        for (std::size_t at = 0; (at = sql.find('@', at)) != std::string::npos;) sql.replace(at, 1, table);
        database.run(sql.c_str());
    }
    database.run(kCountAnew);
}

std::int64_t stored_bytes(const Database& database) {
    auto sum = database.prepare("SELECT coalesce(sum(size), 0) FROM owners");
    sum.step();
    return sum.number(0);
}

void remove_holder(const Database& database, const char* table, const std::string& id) {
    database.prepare(std::string("DELETE FROM ") + table + " WHERE id = ?").bind(id).step();
    database.prepare("DELETE FROM items WHERE holder = ?").bind(id).step();
}

void prune(const Database& database, const StoreLimits& kept) {
    const std::int64_t oldest_s = now_s() - kept.age_s;
    for (const char* table : {"responses", "conversations"}) {
        auto old = database.prepare(std::string("SELECT id FROM ") + table + " WHERE created_s < ?");
        old.bind(oldest_s);
        std::vector<std::string> ids;
        while (old.step()) ids.push_back(old.text(0));
        for (const std::string& id : ids) remove_holder(database, table, id);
    }
    while (stored_bytes(database) > kept.size_bytes) {
        const auto next = next_to_go(database);
        if (!next) return;
        remove_holder(database, next->table, next->id);
    }
}

}  // namespace gptoss::api
