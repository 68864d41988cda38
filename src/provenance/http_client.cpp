#include "provenance/http_client.h"

#include <curl/curl.h>

#include <algorithm>
#include <cctype>
#include <mutex>

#include "base/check.h"

namespace gptoss::provenance {
namespace {

struct FreeList {
    void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

struct Exchange {
    const HttpRequest& request;
    const HttpClient::HeadSink& on_head;
    const HttpClient::BodySink& on_body;
    CURL* handle;
    HttpReply reply;
    bool head_given = false;
    bool too_large = false;

    bool give_head() {
        if (head_given) return true;
        head_given = true;
        long status = 0;
        curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
        reply.status = static_cast<int>(status);
        return !on_head || on_head(reply);
    }
};

std::size_t take_header(char* text, std::size_t size, std::size_t count, void* user) {
    auto& exchange = *static_cast<Exchange*>(user);
    std::string line(text, size * count);
    if (line.starts_with("HTTP/")) {  // a new hop: forget the redirect's headers
        exchange.reply.headers.clear();
    } else if (const auto colon = line.find(':'); colon != std::string::npos) {
        std::string name = line.substr(0, colon), value = line.substr(colon + 1);
        std::transform(name.begin(), name.end(), name.begin(),
                       [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
        value.erase(0, value.find_first_not_of(" \t"));
        value.erase(value.find_last_not_of(" \t\r\n") + 1);
        exchange.reply.headers[name] = value;
    }
    return size * count;
}

std::size_t take_body(char* text, std::size_t size, std::size_t count, void* user) {
    auto& exchange = *static_cast<Exchange*>(user);
    const std::size_t bytes = size * count;
    constexpr std::size_t kStop = 0;  // libcurl ends the transfer when fewer bytes are taken than given
    if (!exchange.give_head()) return kStop;
    if (exchange.on_body) return exchange.on_body(std::as_bytes(std::span(text, bytes))) ? bytes : kStop;
    if (exchange.reply.body.size() + bytes > exchange.request.body_bytes_max) {
        exchange.too_large = true;
        return kStop;
    }
    exchange.reply.body.append(text, bytes);
    return bytes;
}

int ask_whether_to_go_on(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
    return static_cast<const HttpRequest*>(user)->keep_going() ? 0 : 1;
}

}  // namespace

struct HttpClient::State {
    struct Free {
        void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
    };
    std::unique_ptr<CURL, Free> handle;
};

HttpClient::HttpClient() : state_(std::make_unique<State>()) {
    static std::once_flag once;  // libcurl's global state is not made thread-safely in Debian 12's version
    std::call_once(once, [] { check(curl_global_init(CURL_GLOBAL_DEFAULT) == 0, "libcurl cannot start"); });
    state_->handle.reset(curl_easy_init());
    check(state_->handle != nullptr, "libcurl has no handle");
}
HttpClient::~HttpClient() = default;
HttpClient::HttpClient(HttpClient&&) noexcept = default;
HttpClient& HttpClient::operator=(HttpClient&&) noexcept = default;

HttpReply HttpClient::perform(const HttpRequest& request, const HeadSink& on_head, const BodySink& on_body) {
    CURL* handle = state_->handle.get();
    curl_easy_reset(handle);  // keeps the connection
    Exchange exchange{request, on_head, on_body, handle, {}};
    std::unique_ptr<curl_slist, FreeList> headers;
    for (const std::string& header : request.headers) {
        curl_slist* longer = curl_slist_append(headers.get(), header.c_str());
        check(longer != nullptr, "out of memory for a header");
        headers.release();
        headers.reset(longer);
    }
    char message[CURL_ERROR_SIZE] = {};
    curl_easy_setopt(handle, CURLOPT_URL, request.url.c_str());
    curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers.get());
    curl_easy_setopt(handle, CURLOPT_USERAGENT, "gpt-oss-node/" GPTOSS_VERSION);
    curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, message);
    curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);  // threads
    curl_easy_setopt(handle, CURLOPT_FOLLOWLOCATION, request.follows_redirects ? 1L : 0L);
    curl_easy_setopt(handle, CURLOPT_MAXREDIRS, 5L);
    curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(handle, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS, 15'000L);
    curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, static_cast<long>(request.timeout_ms));
    curl_easy_setopt(handle, CURLOPT_LOW_SPEED_LIMIT, 1024L);
    curl_easy_setopt(handle, CURLOPT_LOW_SPEED_TIME,
                     static_cast<long>(std::max<std::int64_t>(1, request.stall_timeout_ms / 1000)));
    curl_easy_setopt(handle, CURLOPT_MAX_RECV_SPEED_LARGE,
                     static_cast<curl_off_t>(request.bytes_per_second_max));
    curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(handle, CURLOPT_HEADERDATA, &exchange);
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(handle, CURLOPT_WRITEDATA, &exchange);
    if (request.keep_going) {
        curl_easy_setopt(handle, CURLOPT_NOPROGRESS, 0L);
        curl_easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, ask_whether_to_go_on);
        curl_easy_setopt(handle, CURLOPT_XFERINFODATA, &request);
    }
    if (!request.body.empty()) {
        curl_easy_setopt(handle, CURLOPT_POSTFIELDS, request.body.data());
        curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    }
    if (request.method == "HEAD")
        curl_easy_setopt(handle, CURLOPT_NOBODY, 1L);  // or it waits for one
    else if (!request.method.empty())
        curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, request.method.c_str());
    const CURLcode code = curl_easy_perform(handle);
    if (code == CURLE_OK) {
        exchange.give_head();  // an empty body never called take_body
    } else {
        long status = 0;
        curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
        exchange.reply.status = static_cast<int>(status);
        exchange.reply.network_error =
            exchange.too_large
                ? "the reply is larger than " + std::to_string(request.body_bytes_max) + " bytes"
            : message[0] ? message
                         : curl_easy_strerror(code);
    }
    return std::move(exchange.reply);
}

}  // namespace gptoss::provenance
