#include "marketplace/s5_uploads.h"

#include "base/bounded_json.h"
#include "base/error.h"
#include "provenance/http_client.h"
#include "provenance/s5/file_system.h"

namespace gptoss::marketplace {

namespace s5 = provenance::s5;

namespace {

constexpr std::int64_t kBridge_ms = 90'000;
constexpr int kCreated = 201, kOk = 200;

struct Store {
    Store(std::unique_ptr<s5::Identity> who, s5::PortalOptions options)
        : identity(std::move(who)),
          portal(*identity, with_end(std::move(options))),
          files(*identity, portal) {}

    s5::PortalOptions with_end(s5::PortalOptions options) {
        options.keep_going = [this] { return keep_going == nullptr || (*keep_going)(); };
        return options;
    }

    const std::function<bool()>* keep_going = nullptr;  // of the upload under way
    const std::unique_ptr<s5::Identity> identity;
    s5::Portal portal;
    s5::FileSystem files;
    bool is_initialised = false;
};

}  // namespace

Upload bridge_upload(std::string url) {
    while (url.ends_with('/')) url.pop_back();
    const auto client = std::make_shared<provenance::HttpClient>();
    return [client, url](const OutboxFile& file, const std::function<bool()>& keep_going) -> std::string {
        provenance::HttpRequest request;
        request.url = url + "/s5/fs/" + file.path;
        request.method = "PUT";
        request.headers = {"Content-Type: application/octet-stream"};
        request.body = file.body;
        request.timeout_ms = kBridge_ms;
        request.keep_going = keep_going;
        const auto reply = client->perform(request);
        if (!reply.network_error.empty()) return reply.network_error;
        if (reply.status != kCreated && reply.status != kOk)
            return "HTTP status " + std::to_string(reply.status);
        const auto json = parse_bounded_json(reply.body);
        if (json.is_object() && json.contains("cid") && json["cid"] != file.cid)
            return "S5 calls the file by another name than its bytes have";
        return {};
    };
}

Upload portal_upload(std::unique_ptr<s5::Identity> identity, s5::PortalOptions options) {
    const auto store = std::make_shared<Store>(std::move(identity), std::move(options));
    return [store](const OutboxFile& file, const std::function<bool()>& keep_going) -> std::string {
        store->keep_going = &keep_going;
        try {
            if (!store->is_initialised) store->files.initialise();
            store->is_initialised = true;
            store->files.put(file.path, s5::bytes_of(file.body), "application/json");
        } catch (const Error& error) {
            return error.what();
        }
        return {};
    };
}

}  // namespace gptoss::marketplace
