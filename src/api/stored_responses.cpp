#include "api/stored_responses.h"

#include <spdlog/spdlog.h>

#include <utility>

namespace gptoss::api {

ResponseRecord::~ResponseRecord() {
    if (ended_) return;
    Json response = std::move(response_.response);
    response["status"] = "cancelled";
    try {
        kept_->store().update(response);
    } catch (const std::exception& problem) {
        spdlog::error("a response was not kept: {}", problem.what());
    }
}

void ResponseRecord::end(const Json& response) {
    if (std::exchange(ended_, true)) return;
    // The client has its answer whether or not the disk has room for it.
    try {
        kept_->store().update(response);
        if (response_.conversation.empty()) return;
        std::vector<Json> items = response_.input;
        for (const Json& item : response.value("output", Json::array())) items.push_back(item);
        kept_->store().append_items(owner_, response_.conversation, items);
    } catch (const Error& problem) {
        spdlog::error("a response was not kept: {}", problem.what());
    }
}

}  // namespace gptoss::api
