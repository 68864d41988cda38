// Stored turns of the Responses API in SQLite: responses with their items, conversations, and the events of
// background runs. A client sees only what it stored itself. A write-ahead log keeps the file whole when the
// node is killed at any moment.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/json_reader.h"
#include "api/response_tables.h"

namespace gptoss::api {

struct StoredResponse {
    Json response;             // as GET shows it
    std::string previous;      // previous_response_id; may be empty
    std::string conversation;  // conversation id; may be empty
    std::vector<Json> input;   // its own new items, without those of the turns before
};

// Where a list of items begins and ends, as in OpenAI's lists.
struct Page {
    std::string after;  // id of the last item seen; empty = from the beginning
    std::size_t limit = 20;
    bool newest_first = true;
};
struct ItemPage {
    std::vector<Json> items;
    bool more = false;
};

// Whether an item only names another one.
bool is_reference(const Json& item);

// Thread-safe. Every function throws Error(file_unreadable) with SQLite's words when the file fails.
class ResponseStore {
  public:
    // An empty path keeps everything in memory until the node stops. The file gets mode 0600. Responses that
    // a killed node left in progress become failed ones.
    ResponseStore(const std::filesystem::path& path, StoreLimits limits);
    ~ResponseStore();

    // A response that begins. `owner` is who may see it.
    void begin(const std::string& owner, const StoredResponse& response);
    // How it stands now. Does nothing when it was deleted meanwhile.
    void update(const Json& response);
    // The events of its stream, of a background run.
    void keep_events(const std::string& id, const std::vector<std::string>& events);

    std::optional<StoredResponse> find(const std::string& owner, const std::string& id) const;
    // Its stream's events; empty where none were kept.
    std::vector<std::string> events(const std::string& owner, const std::string& id) const;
    bool remove(const std::string& owner, const std::string& id);

    // All items of the turns up to and with this response, oldest first. Nothing when it, or one of those
    // before it, is not there. Like all_items() throws Error(request_invalid) beyond StoreLimits::history_bytes.
    std::optional<Json> history(const std::string& owner, const std::string& id) const;
    ItemPage input_items(const std::string& owner, const std::string& id, const Page& page) const;
    // Never a reference to an item, only items themselves. `holder`: the response or conversation that it is in;
    // empty = any.
    std::optional<Json> find_item(const std::string& owner, const std::string& item_id,
                                  const std::string& holder = {}) const;

    void create_conversation(const std::string& owner, const Json& conversation);
    std::optional<Json> find_conversation(const std::string& owner, const std::string& id) const;
    bool update_conversation(const std::string& owner, const std::string& id, const Json& conversation);
    bool remove_conversation(const std::string& owner, const std::string& id);
    void append_items(const std::string& owner, const std::string& conversation,
                      const std::vector<Json>& items);
    ItemPage conversation_items(const std::string& owner, const std::string& id, const Page& page) const;
    Json all_items(const std::string& owner, const std::string& conversation) const;
    bool remove_item(const std::string& owner, const std::string& conversation, const std::string& item_id);

    std::int64_t size_bytes() const;

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace gptoss::api
