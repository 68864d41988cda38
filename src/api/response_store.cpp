#include "api/response_store.h"

#include <mutex>

#include "api/database.h"
#include "base/error.h"
#include "base/utc_time.h"

namespace gptoss::api {

namespace {

// What a row takes beside its JSON: ids, indices.
constexpr std::int64_t kRowBytes = 256;

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
        : kept(given_limits), database(path, "GPTOSS_RESPONSES_PATH") {}

    // What it takes.
    std::int64_t insert_item(const std::string& owner, const std::string& holder, const Json& item,
                             bool output) {
        const std::string text = to_text(item);
        database.prepare("INSERT INTO items (id, holder, owner, output, json) VALUES (?, ?, ?, ?, ?)")
            .bind(id_of(item))
            .bind(holder)
            .bind(owner)
            .bind(output ? 1 : 0)
            .bind(text)
            .step();
        return kRowBytes + static_cast<std::int64_t>(text.size());
    }

    // Sizes are of what a holder's rows take, so that the oldest can be counted out without reading them.
    void measure_response(const std::string& id) {
        database
            .prepare(
                "UPDATE responses SET size = ?2 + length(CAST(json AS BLOB)) + length(CAST(events AS BLOB)) "
                "+ "
                "coalesce((SELECT sum(?2 + length(CAST(json AS BLOB))) FROM items WHERE holder = ?1), 0) "
                "WHERE id = ?1")
            .bind(id)
            .bind(kRowBytes)
            .step();
    }

    // A conversation may be long: what is added or taken away is counted, not the whole.
    void grow_conversation(const std::string& id, std::int64_t more_bytes) {
        database.prepare("UPDATE conversations SET size = size + ? WHERE id = ?")
            .bind(more_bytes)
            .bind(id)
            .step();
    }

    // Reading back what is more than any context takes would only cost.
    void check_history(std::int64_t size_bytes) const {
        if (size_bytes <= kept.history_bytes) return;
        throw Error(ErrorCode::request_invalid,
                    "The turns that are kept of this conversation take more than " +
                        std::to_string(kept.history_bytes) + " bytes.",
                    "Begin another one with the turns that matter.", {{"code", "context_length_exceeded"}});
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
        std::string sql = "SELECT json FROM items WHERE holder = ?1" + std::string(which);
        if (!wanted.after.empty())
            sql += wanted.newest_first
                       ? " AND number < (SELECT max(number) FROM items WHERE holder = ?1 AND id = ?2)"
                       : " AND number > (SELECT min(number) FROM items WHERE holder = ?1 AND id = ?2)";
        sql += wanted.newest_first ? " ORDER BY number DESC LIMIT ?3" : " ORDER BY number LIMIT ?3";
        auto select = database.prepare(sql);
        select.bind(holder).bind(wanted.after).bind(static_cast<std::int64_t>(wanted.limit) + 1);
        ItemPage result;
        while (!result.more && select.step()) {
            result.more = result.items.size() == wanted.limit;
            if (!result.more) result.items.push_back(Json::parse(select.text(0)));
        }
        return result;
    }

    bool owns(const char* table, const std::string& owner, const std::string& id) const {
        return database.prepare(std::string("SELECT 1 FROM ") + table + " WHERE id = ? AND owner = ?")
            .bind(id)
            .bind(owner)
            .step();
    }

    const StoreLimits kept;
    Database database;
    mutable std::mutex mutex;  // one statement at a time
};

ResponseStore::ResponseStore(const std::filesystem::path& path, StoreLimits limits)
    : state_(std::make_unique<State>(path, limits)) {
    make_response_tables(state_->database);
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
    state_->measure_response(id);
    prune(state_->database, state_->kept);
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
    state_->measure_response(id);
    prune(state_->database, state_->kept);
    transaction.commit();
}

void ResponseStore::keep_events(const std::string& id, const std::vector<std::string>& events) {
    const std::lock_guard lock(state_->mutex);
    Database::Transaction transaction(state_->database);
    state_->database.prepare("UPDATE responses SET events = ? WHERE id = ?")
        .bind(joined(events))
        .bind(id)
        .step();
    state_->measure_response(id);
    prune(state_->database, state_->kept);
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
    remove_holder(state_->database, "responses", id);
    transaction.commit();
    return true;
}

std::optional<Json> ResponseStore::history(const std::string& owner, const std::string& id) const {
    const std::lock_guard lock(state_->mutex);
    std::vector<std::string> chain;
    std::int64_t size_bytes = 0;
    for (std::string next = id; !next.empty() && chain.size() < kLongestChain;) {
        auto select =
            state_->database.prepare("SELECT previous, size FROM responses WHERE id = ? AND owner = ?");
        select.bind(next).bind(owner);
        if (!select.step()) return std::nullopt;
        chain.push_back(next);
        next = select.text(0);
        size_bytes += select.number(1);
        state_->check_history(size_bytes);
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

std::optional<Json> ResponseStore::find_item(const std::string& owner, const std::string& item_id,
                                             const std::string& holder) const {
    const std::lock_guard lock(state_->mutex);
    // A reference that was stored as an item of its own has the id of what it means. Who stores thousands of them
    // has only a few looked at.
    auto select = state_->database.prepare(
        "SELECT json FROM items WHERE id = ?1 AND owner = ?2 AND (?3 = '' OR holder = ?3) LIMIT 16");
    select.bind(item_id).bind(owner).bind(holder);
    while (select.step()) {
        Json item = Json::parse(select.text(0));
        if (!is_reference(item)) return item;
    }
    return std::nullopt;
}

void ResponseStore::create_conversation(const std::string& owner, const Json& conversation) {
    const std::lock_guard lock(state_->mutex);
    const std::string text = to_text(conversation);
    Database::Transaction transaction(state_->database);
    state_->database
        .prepare("INSERT INTO conversations (id, owner, created_s, json, size) VALUES (?, ?, ?, ?, ?)")
        .bind(id_of(conversation))
        .bind(owner)
        .bind(conversation.value("created_at", now_s()))
        .bind(text)
        .bind(kRowBytes + static_cast<std::int64_t>(text.size()))
        .step();
    prune(state_->database, state_->kept);
    transaction.commit();
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
    Database::Transaction transaction(state_->database);
    state_->database
        .prepare(
            "UPDATE conversations SET json = ?1, size = size + length(CAST(?1 AS BLOB)) - "
            "length(CAST(json AS BLOB)) WHERE id = ?2 AND owner = ?3")
        .bind(to_text(conversation))
        .bind(id)
        .bind(owner)
        .step();
    const bool is_there = state_->database.changed_rows() > 0;
    prune(state_->database, state_->kept);
    transaction.commit();
    return is_there;
}

bool ResponseStore::remove_conversation(const std::string& owner, const std::string& id) {
    const std::lock_guard lock(state_->mutex);
    Database::Transaction transaction(state_->database);
    if (!state_->owns("conversations", owner, id)) return false;
    remove_holder(state_->database, "conversations", id);
    transaction.commit();
    return true;
}

void ResponseStore::append_items(const std::string& owner, const std::string& conversation,
                                 const std::vector<Json>& items) {
    const std::lock_guard lock(state_->mutex);
    Database::Transaction transaction(state_->database);
    if (!state_->owns("conversations", owner, conversation)) return;  // deleted meanwhile
    std::int64_t added_bytes = 0;
    for (const Json& item : items) added_bytes += state_->insert_item(owner, conversation, item, false);
    state_->grow_conversation(conversation, added_bytes);
    prune(state_->database, state_->kept);
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
    auto select = state_->database.prepare("SELECT size FROM conversations WHERE id = ? AND owner = ?");
    if (!select.bind(conversation).bind(owner).step()) return items;
    state_->check_history(select.number(0));
    for (Json& item : state_->items(conversation, "")) items.push_back(std::move(item));
    return items;
}

bool ResponseStore::remove_item(const std::string& owner, const std::string& conversation,
                                const std::string& item_id) {
    const std::lock_guard lock(state_->mutex);
    Database::Transaction transaction(state_->database);
    auto select = state_->database.prepare(
        "SELECT number, length(CAST(json AS BLOB)) FROM items WHERE holder = ? AND owner = ? AND id = ?");
    if (!select.bind(conversation).bind(owner).bind(item_id).step()) return false;
    state_->database.prepare("DELETE FROM items WHERE number = ?").bind(select.number(0)).step();
    state_->grow_conversation(conversation, -kRowBytes - select.number(1));
    transaction.commit();
    return true;
}

std::int64_t ResponseStore::size_bytes() const {
    const std::lock_guard lock(state_->mutex);
    return stored_bytes(state_->database);
}

}  // namespace gptoss::api
