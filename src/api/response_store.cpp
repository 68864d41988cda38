#include "api/response_store.h"

#include <algorithm>
#include <mutex>

#include "api/clock.h"
#include "api/database.h"

namespace gptoss::api {

namespace {

constexpr const char* kSchema = R"(
CREATE TABLE IF NOT EXISTS responses (number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE NOT NULL,
    owner TEXT NOT NULL, created_s INTEGER NOT NULL, running INTEGER NOT NULL, previous TEXT NOT NULL,
    conversation TEXT NOT NULL, json TEXT NOT NULL, events TEXT NOT NULL, size INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS responses_by_age ON responses (created_s);
CREATE INDEX IF NOT EXISTS responses_by_size ON responses (size);
CREATE TABLE IF NOT EXISTS conversations (id TEXT PRIMARY KEY, owner TEXT NOT NULL,
    created_s INTEGER NOT NULL, json TEXT NOT NULL, size INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS items (number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL,
    holder TEXT NOT NULL, owner TEXT NOT NULL, output INTEGER NOT NULL, json TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS items_by_holder ON items (holder, number);
CREATE INDEX IF NOT EXISTS items_by_id ON items (id);
)";

// A chain of that many turns is longer than any context.
constexpr int kLongestChain = 10'000;

std::string id_of(const Json& object) {
    return object.value("id", "");
}

bool is_running(const Json& response) {
    const std::string status = response.value("status", "");
    return status == "in_progress" || status == "queued";
}

std::string joined(const std::vector<std::string>& lines) {
    std::string text;
    for (const std::string& line : lines) text += line + "\n";
    return text;
}

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    for (std::size_t begin = 0; begin < text.size();) {
        const std::size_t end = text.find('\n', begin);
        lines.push_back(text.substr(begin, end - begin));
        begin = end + 1;
    }
    return lines;
}

}  // namespace

struct ResponseStore::State {
    State(const std::filesystem::path& path, StoreLimits given_limits)
        : limits(given_limits), database(path, "GPTOSS_RESPONSES_PATH") {}

    void insert_item(const std::string& owner, const std::string& holder, const Json& item, bool output) {
        database.prepare("INSERT INTO items (id, holder, owner, output, json) VALUES (?, ?, ?, ?, ?)")
            .bind(id_of(item))
            .bind(holder)
            .bind(owner)
            .bind(output ? 1 : 0)
            .bind(to_text(item))
            .step();
    }

    // Sizes are of what a holder's rows hold, so that the oldest can be counted out without reading them.
    void measure(const std::string& table, const std::string& id) {
        const std::string own = table == "responses" ? "length(json) + length(events)" : "length(json)";
        database
            .prepare("UPDATE " + table + " SET size = " + own +
                     " + coalesce((SELECT sum(length(json)) FROM items WHERE holder = ?1), 0) WHERE id = ?1")
            .bind(id)
            .step();
    }

    std::int64_t size_bytes() const {
        auto sum = database.prepare(
            "SELECT coalesce((SELECT sum(size) FROM responses), 0) + "
            "coalesce((SELECT sum(size) FROM conversations), 0)");
        sum.step();
        return sum.number(0);
    }

    void remove_holder(const char* table, const std::string& id) {
        database.prepare(std::string("DELETE FROM ") + table + " WHERE id = ?").bind(id).step();
        database.prepare("DELETE FROM items WHERE holder = ?").bind(id).step();
    }

    // What is too old, and then the oldest until the rest fits. What still runs stays.
    void prune() {
        const std::int64_t oldest_s = now_s() - limits.age_s;
        for (const char* table : {"responses", "conversations"}) {
            auto old = database.prepare(std::string("SELECT id FROM ") + table + " WHERE created_s < ?");
            old.bind(oldest_s);
            std::vector<std::string> ids;
            while (old.step()) ids.push_back(old.text(0));
            for (const std::string& id : ids) remove_holder(table, id);
        }
        std::int64_t size = size_bytes();
        while (size > limits.size_bytes) {
            std::string id;
            const char* table = "responses";
            {
                auto oldest = database.prepare(
                    "SELECT id, 'responses', created_s FROM responses WHERE running = 0 UNION ALL "
                    "SELECT id, 'conversations', created_s FROM conversations ORDER BY 3 LIMIT 1");
                if (!oldest.step()) return;
                id = oldest.text(0);
                if (oldest.text(1) == "conversations") table = "conversations";
            }
            remove_holder(table, id);
            size = size_bytes();
        }
    }

    std::vector<Json> items(const std::string& holder, std::string_view which) const {
        auto select = database.prepare("SELECT json FROM items WHERE holder = ?" + std::string(which) +
                                       " ORDER BY number");
        select.bind(holder);
        std::vector<Json> found;
        while (select.step()) found.push_back(Json::parse(select.text(0)));
        return found;
    }

    ItemPage page(const std::string& holder, std::string_view which, const Page& wanted) const {
        std::vector<Json> all = items(holder, which);
        if (wanted.newest_first) std::ranges::reverse(all);
        auto begin = all.begin();
        if (!wanted.after.empty()) {
            begin = std::ranges::find_if(all, [&](const Json& item) { return id_of(item) == wanted.after; });
            if (begin != all.end()) ++begin;
        }
        ItemPage result;
        for (; begin != all.end() && result.items.size() < wanted.limit; ++begin)
            result.items.push_back(std::move(*begin));
        result.more = begin != all.end();
        return result;
    }

    bool owns(const char* table, const std::string& owner, const std::string& id) const {
        return database.prepare(std::string("SELECT 1 FROM ") + table + " WHERE id = ? AND owner = ?")
            .bind(id)
            .bind(owner)
            .step();
    }

    StoreLimits limits;
    Database database;
    mutable std::mutex mutex;  // one statement at a time
};

ResponseStore::ResponseStore(const std::filesystem::path& path, StoreLimits limits)
    : state_(std::make_unique<State>(path, limits)) {
    state_->database.run(kSchema);
    // A node that was killed answers nobody any more.
    std::vector<Json> interrupted;
    {
        auto select = state_->database.prepare("SELECT json FROM responses WHERE running = 1");
        while (select.step()) interrupted.push_back(Json::parse(select.text(0)));
    }
    for (Json& response : interrupted) {
        response["status"] = "failed";
        response["error"] = {{"code", "server_error"},
                             {"message", "The node stopped before the response was complete."}};
        update(response);
    }
}
ResponseStore::~ResponseStore() = default;

void ResponseStore::begin(const std::string& owner, const StoredResponse& stored) {
    const std::lock_guard lock(state_->mutex);
    const std::string id = id_of(stored.response);
    Database::Transaction transaction(state_->database);
    state_->database
        .prepare(
            "INSERT INTO responses (id, owner, created_s, running, previous, conversation, json, events, "
            "size) VALUES (?, ?, ?, ?, ?, ?, ?, '', 0)")
        .bind(id)
        .bind(owner)
        .bind(stored.response.value("created_at", now_s()))
        .bind(is_running(stored.response) ? 1 : 0)
        .bind(stored.previous)
        .bind(stored.conversation)
        .bind(to_text(stored.response))
        .step();
    for (const Json& item : stored.input) state_->insert_item(owner, id, item, false);
    state_->measure("responses", id);
    state_->prune();
    transaction.commit();
}

void ResponseStore::update(const Json& response) {
    const std::lock_guard lock(state_->mutex);
    const std::string id = id_of(response);
    Database::Transaction transaction(state_->database);
    std::string owner;
    {
        auto select = state_->database.prepare("SELECT owner FROM responses WHERE id = ?");
        select.bind(id);
        if (!select.step()) return;  // deleted meanwhile
        owner = select.text(0);
    }
    state_->database.prepare("UPDATE responses SET json = ?, running = ? WHERE id = ?")
        .bind(to_text(response))
        .bind(is_running(response) ? 1 : 0)
        .bind(id)
        .step();
    state_->database.prepare("DELETE FROM items WHERE holder = ? AND output = 1").bind(id).step();
    for (const Json& item : response.value("output", Json::array()))
        state_->insert_item(owner, id, item, true);
    state_->measure("responses", id);
    state_->prune();
    transaction.commit();
}

void ResponseStore::keep_events(const std::string& id, const std::vector<std::string>& events) {
    const std::lock_guard lock(state_->mutex);
    Database::Transaction transaction(state_->database);
    state_->database.prepare("UPDATE responses SET events = ? WHERE id = ?")
        .bind(joined(events))
        .bind(id)
        .step();
    state_->measure("responses", id);
    state_->prune();
    transaction.commit();
}

std::optional<StoredResponse> ResponseStore::find(const std::string& owner, const std::string& id) const {
    const std::lock_guard lock(state_->mutex);
    auto select = state_->database.prepare(
        "SELECT json, previous, conversation FROM responses WHERE id = ? AND owner = ?");
    select.bind(id).bind(owner);
    if (!select.step()) return std::nullopt;
    return StoredResponse{Json::parse(select.text(0)), select.text(1), select.text(2),
                          state_->items(id, " AND output = 0")};
}

std::vector<std::string> ResponseStore::events(const std::string& owner, const std::string& id) const {
    const std::lock_guard lock(state_->mutex);
    auto select = state_->database.prepare("SELECT events FROM responses WHERE id = ? AND owner = ?");
    select.bind(id).bind(owner);
    return select.step() ? lines_of(select.text(0)) : std::vector<std::string>();
}

bool ResponseStore::remove(const std::string& owner, const std::string& id) {
    const std::lock_guard lock(state_->mutex);
    Database::Transaction transaction(state_->database);
    if (!state_->owns("responses", owner, id)) return false;
    state_->remove_holder("responses", id);
    transaction.commit();
    return true;
}

std::optional<Json> ResponseStore::history(const std::string& owner, const std::string& id) const {
    const std::lock_guard lock(state_->mutex);
    std::vector<std::string> chain;
    for (std::string next = id; !next.empty() && chain.size() < kLongestChain;) {
        auto select = state_->database.prepare("SELECT previous FROM responses WHERE id = ? AND owner = ?");
        select.bind(next).bind(owner);
        if (!select.step()) return std::nullopt;
        chain.push_back(next);
        next = select.text(0);
    }
    Json items = Json::array();
    for (auto turn = chain.rbegin(); turn != chain.rend(); ++turn) {
        for (Json& item : state_->items(*turn, "")) items.push_back(std::move(item));
    }
    return items;
}

ItemPage ResponseStore::input_items(const std::string& owner, const std::string& id, const Page& page) const {
    const std::lock_guard lock(state_->mutex);
    if (!state_->owns("responses", owner, id)) return {};
    return state_->page(id, " AND output = 0", page);
}

bool is_reference(const Json& item) {
    const auto type = item.find("type");
    return type != item.end() && *type == "item_reference";
}

std::optional<Json> ResponseStore::find_item(const std::string& owner, const std::string& item_id) const {
    const std::lock_guard lock(state_->mutex);
    auto select = state_->database.prepare("SELECT json FROM items WHERE id = ? AND owner = ?");
    select.bind(item_id).bind(owner);
    while (select.step()) {
        Json item = Json::parse(select.text(0));
        // A reference that was stored as an item of its own has the id of what it means.
        if (!is_reference(item)) return item;
    }
    return std::nullopt;
}

void ResponseStore::create_conversation(const std::string& owner, const Json& conversation) {
    const std::lock_guard lock(state_->mutex);
    state_->database
        .prepare("INSERT INTO conversations (id, owner, created_s, json, size) VALUES (?, ?, ?, ?, 0)")
        .bind(id_of(conversation))
        .bind(owner)
        .bind(conversation.value("created_at", now_s()))
        .bind(to_text(conversation))
        .step();
    state_->prune();
}

std::optional<Json> ResponseStore::find_conversation(const std::string& owner, const std::string& id) const {
    const std::lock_guard lock(state_->mutex);
    auto select = state_->database.prepare("SELECT json FROM conversations WHERE id = ? AND owner = ?");
    select.bind(id).bind(owner);
    if (!select.step()) return std::nullopt;
    return Json::parse(select.text(0));
}

bool ResponseStore::update_conversation(const std::string& owner, const std::string& id,
                                        const Json& conversation) {
    const std::lock_guard lock(state_->mutex);
    state_->database.prepare("UPDATE conversations SET json = ? WHERE id = ? AND owner = ?")
        .bind(to_text(conversation))
        .bind(id)
        .bind(owner)
        .step();
    return state_->database.changed_rows() > 0;
}

bool ResponseStore::remove_conversation(const std::string& owner, const std::string& id) {
    const std::lock_guard lock(state_->mutex);
    Database::Transaction transaction(state_->database);
    if (!state_->owns("conversations", owner, id)) return false;
    state_->remove_holder("conversations", id);
    transaction.commit();
    return true;
}

void ResponseStore::append_items(const std::string& owner, const std::string& conversation,
                                 const std::vector<Json>& items) {
    const std::lock_guard lock(state_->mutex);
    Database::Transaction transaction(state_->database);
    if (!state_->owns("conversations", owner, conversation)) return;  // deleted meanwhile
    for (const Json& item : items) state_->insert_item(owner, conversation, item, false);
    state_->measure("conversations", conversation);
    state_->prune();
    transaction.commit();
}

ItemPage ResponseStore::conversation_items(const std::string& owner, const std::string& id,
                                           const Page& page) const {
    const std::lock_guard lock(state_->mutex);
    if (!state_->owns("conversations", owner, id)) return {};
    return state_->page(id, "", page);
}

Json ResponseStore::all_items(const std::string& owner, const std::string& conversation) const {
    const std::lock_guard lock(state_->mutex);
    Json items = Json::array();
    if (!state_->owns("conversations", owner, conversation)) return items;
    for (Json& item : state_->items(conversation, "")) items.push_back(std::move(item));
    return items;
}

bool ResponseStore::remove_item(const std::string& owner, const std::string& conversation,
                                const std::string& item_id) {
    const std::lock_guard lock(state_->mutex);
    state_->database.prepare("DELETE FROM items WHERE holder = ? AND owner = ? AND id = ?")
        .bind(conversation)
        .bind(owner)
        .bind(item_id)
        .step();
    return state_->database.changed_rows() > 0;
}

std::int64_t ResponseStore::size_bytes() const {
    const std::lock_guard lock(state_->mutex);
    return state_->size_bytes();
}

}  // namespace gptoss::api
