#include "api/stored_endpoints.h"

#include <algorithm>
#include <utility>

#include "api/json_reader.h"
#include "api/query.h"
#include "api/random_id.h"
#include "api/responses_request.h"
#include "base/number_text.h"
#include "base/utc_time.h"

namespace gptoss::api {

namespace {

constexpr std::size_t kMostItemsAPage = 100;  // OpenAI's limits
constexpr std::size_t kMostItemsAtOnce = 20;

[[noreturn]] void not_there(std::string_view what, const std::string& id) {
    throw Error(
        ErrorCode::not_found, "There is no " + std::string(what) + " \"" + id + "\".",
        "What is stored is seen by the key that stored it, until it is too old or the store is full.");
}

Page read_page(std::string_view query) {
    Page page;
    page.after = query_value(query, "after").value_or("");
    page.newest_first = query_value(query, "order").value_or("desc") != "asc";
    if (const auto limit = query_value(query, "limit")) {
        page.limit = number_of<std::size_t>(*limit).value_or(0);
        if (page.limit == 0 || page.limit > kMostItemsAPage)
            refuse_field("limit",
                         "must be an integer between 1 and " + std::to_string(kMostItemsAPage) + ".");
    }
    return page;
}

Json list_json(ItemPage page) {
    const auto id_at = [](const std::vector<Json>& items, bool first) {
        if (items.empty()) return Json(nullptr);
        return Json((first ? items.front() : items.back()).value("id", ""));
    };
    Json json{{"object", "list"},
              {"data", Json::array()},
              {"first_id", id_at(page.items, true)},
              {"last_id", id_at(page.items, false)},
              {"has_more", page.more}};
    for (Json& item : page.items) json["data"].push_back(std::move(item));
    return json;
}

Json deleted_json(std::string_view object, const std::string& id) {
    return {{"id", id}, {"object", object}, {"deleted", true}};
}

// The `items` of a conversation request, each with an id.
std::vector<Json> read_items(const Fields& request) {
    const Json* list = request.find_array("items");
    if (list == nullptr) return {};
    if (list->size() > kMostItemsAtOnce)
        refuse_field("items", "may have at most " + std::to_string(kMostItemsAtOnce) + " items at once.");
    const Json as_input{{"input", *list}};
    const Json items = read_input_items(Fields(as_input, ""));
    return {items.begin(), items.end()};
}

}  // namespace

ResponseStore& StoredEndpoints::store() const {
    if (stored_ == nullptr)
        throw Error(ErrorCode::not_found, "This node stores no responses.",
                    "Send the whole history with each request, or set GPTOSS_RESPONSES_KEPT=true.");
    return stored_->store();
}

StoredResponse StoredEndpoints::find_response(const std::string& id) const {
    auto found = store().find(owner_, id);
    if (!found) not_there("response", id);
    return *std::move(found);
}

HttpResponse StoredEndpoints::response(const std::string& id) const {
    Json response = find_response(id).response;
    if (const auto run = stored_->runs().find(owner_, id)) {
        response["progress"] = {{"stage", stage_name(run->prompt_read, run->spent)},
                                {"prompt_read", std::max(run->prompt_read, 0)},
                                {"prompt_tokens", run->spent.prompt_tokens},
                                {"completion_tokens", run->spent.completion_tokens}};
    }
    return json_reply(response);
}

HttpResponse StoredEndpoints::remove_response(const std::string& id) const {
    find_response(id);
    stored_->runs().cancel(owner_, id);
    store().remove(owner_, id);
    return json_reply(deleted_json("response", id));
}

HttpResponse StoredEndpoints::cancel_response(const std::string& id) const {
    Json response = find_response(id).response;
    if (!response.value("background", false))
        refuse_field("response_id",
                     "names a response that does not run in the background: close its "
                     "connection instead.");
    // It ends within a step; what it then was is in the store.
    if (stored_->runs().cancel(owner_, id)) response["status"] = "cancelled";
    return json_reply(response);
}

HttpResponse StoredEndpoints::input_items(const std::string& id, std::string_view query) const {
    find_response(id);
    return json_reply(list_json(store().input_items(owner_, id, read_page(query))));
}

Json StoredEndpoints::find_conversation(const std::string& id) const {
    auto found = store().find_conversation(owner_, id);
    if (!found) not_there("conversation", id);
    return *std::move(found);
}

HttpResponse StoredEndpoints::create_conversation(std::string_view body) const {
    const Json json = body.empty() ? Json::object() : parse_json(body);
    const Fields request(json, "");
    const std::vector<Json> items = read_items(request);
    check_new_items(Json::array(), items);
    const std::string id = random_id("conv_");
    const Json conversation{{"id", id},
                            {"object", "conversation"},
                            {"created_at", now_s()},
                            {"metadata", read_metadata(request)}};
    store().create_conversation(owner_, conversation);
    if (!items.empty()) store().append_items(owner_, id, items);
    return json_reply(conversation);
}

HttpResponse StoredEndpoints::conversation(const std::string& id) const {
    return json_reply(find_conversation(id));
}

HttpResponse StoredEndpoints::update_conversation(const std::string& id, std::string_view body) const {
    Json conversation = find_conversation(id);
    const Json json = parse_json(body);
    conversation["metadata"] = read_metadata(Fields(json, ""));
    store().update_conversation(owner_, id, conversation);
    return json_reply(conversation);
}

HttpResponse StoredEndpoints::remove_conversation(const std::string& id) const {
    if (!store().remove_conversation(owner_, id)) not_there("conversation", id);
    return json_reply(deleted_json("conversation.deleted", id));
}

HttpResponse StoredEndpoints::add_items(const std::string& id, std::string_view body) const {
    find_conversation(id);
    const Json json = parse_json(body);
    const std::vector<Json> items = read_items(Fields(json, ""));
    if (items.empty()) refuse_field("items", "is required and must have at least one item.");
    check_new_items(store().all_items(owner_, id), items);
    store().append_items(owner_, id, items);
    return json_reply(list_json({items, false}));
}

HttpResponse StoredEndpoints::conversation_items(const std::string& id, std::string_view query) const {
    find_conversation(id);
    return json_reply(list_json(store().conversation_items(owner_, id, read_page(query))));
}

HttpResponse StoredEndpoints::conversation_item(const std::string& id, const std::string& item_id) const {
    find_conversation(id);
    const auto item = store().find_item(owner_, item_id, id);
    if (!item) not_there("item", item_id);
    return json_reply(*item);
}

HttpResponse StoredEndpoints::remove_item(const std::string& id, const std::string& item_id) const {
    Json conversation = find_conversation(id);
    if (!store().remove_item(owner_, id, item_id)) not_there("item", item_id);
    return json_reply(conversation);
}

}  // namespace gptoss::api
