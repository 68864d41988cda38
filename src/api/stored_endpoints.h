// What the Responses API says about what is stored: responses, their items, conversations. A client sees only
// what it stored itself; everything else is not found.
#pragma once

#include <string>
#include <string_view>

#include "api/response_stream.h"
#include "api/stored_responses.h"

namespace gptoss::api {

// `stored` may be null: then nothing is there. `owner` is who asks. All throw Error(not_found),
// Error(request_invalid).
class StoredEndpoints {
  public:
    StoredEndpoints(StoredResponses* stored, std::string owner) : stored_(stored), owner_(std::move(owner)) {}

    HttpResponse response(const std::string& id) const;
    HttpResponse remove_response(const std::string& id) const;
    HttpResponse cancel_response(const std::string& id) const;
    HttpResponse input_items(const std::string& id, std::string_view query) const;

    HttpResponse create_conversation(std::string_view body) const;
    HttpResponse conversation(const std::string& id) const;
    HttpResponse update_conversation(const std::string& id, std::string_view body) const;
    HttpResponse remove_conversation(const std::string& id) const;
    HttpResponse add_items(const std::string& id, std::string_view body) const;
    HttpResponse conversation_items(const std::string& id, std::string_view query) const;
    HttpResponse conversation_item(const std::string& id, const std::string& item_id) const;
    HttpResponse remove_item(const std::string& id, const std::string& item_id) const;

  private:
    ResponseStore& store() const;
    StoredResponse find_response(const std::string& id) const;
    Json find_conversation(const std::string& id) const;

    StoredResponses* stored_;
    std::string owner_;
};

}  // namespace gptoss::api
