// What the Responses API keeps between requests: the store, the runs in the background, and the record of a
// response while it is made. One a node; it outlives the models that are exchanged.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "api/background_runs.h"
#include "api/response_store.h"

namespace gptoss::api {

class StoredResponses {
  public:
    static constexpr std::size_t kMostBackgroundRuns = 256;

    StoredResponses(const std::filesystem::path& path, StoreLimits limits)
        : store_(path, limits),
          runs_(kMostBackgroundRuns, [this](const std::string& id, const Events& events) {
              std::vector<std::string> lines;
              for (const Event& event : events) lines.push_back(event.data);
              store_.keep_events(id, lines);
          }) {}

    ResponseStore& store() { return store_; }
    BackgroundRuns& runs() { return runs_; }

  private:
    ResponseStore store_;
    BackgroundRuns runs_;  // last: it writes to the store until its end
};

// A response on its way into the store. One that ends without being reported, because its client went away, is
// kept as cancelled.
class ResponseRecord {
  public:
    ResponseRecord(std::shared_ptr<StoredResponses> kept, std::string owner, StoredResponse response)
        : kept_(std::move(kept)), owner_(std::move(owner)), response_(std::move(response)) {
        kept_->store().begin(owner_, response_);
    }
    ~ResponseRecord();
    ResponseRecord(const ResponseRecord&) = delete;
    ResponseRecord& operator=(const ResponseRecord&) = delete;

    // The response as it ended.
    void end(const Json& response);

  private:
    std::shared_ptr<StoredResponses> kept_;
    std::string owner_;
    StoredResponse response_;
    bool ended_ = false;
};

}  // namespace gptoss::api
