#include "acceptance/load_generator.h"

#include <curl/curl.h>

#include <algorithm>
#include <chrono>
#include <list>
#include <memory>
#include <queue>

#include "base/error.h"

namespace gptoss::acceptance {
namespace {

using namespace std::chrono_literals;

struct EasyClose {
    void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};
struct MultiClose {
    void operator()(CURLM* handle) const { curl_multi_cleanup(handle); }
};
struct HeadersClose {
    void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using Easy = std::unique_ptr<CURL, EasyClose>;
using Multi = std::unique_ptr<CURLM, MultiClose>;
using Headers = std::unique_ptr<curl_slist, HeadersClose>;

// One stream under way.
struct Stream {
    Easy handle;
    std::string body, refusal;
    Clock::time_point asked;
    EventReader reader;
    std::vector<Event> events;
    Answer answer;
    LoadReply reply;
};

class LoadGenerator {
  public:
    explicit LoadGenerator(const LoadOptions& options) : options_(options), multi_(curl_multi_init()) {
        if (multi_ == nullptr) throw Error(ErrorCode::network_failed, "libcurl cannot start");
        curl_slist* headers = curl_slist_append(nullptr, "Content-Type: application/json");
        headers = curl_slist_append(headers, "Expect:");  // no leave is asked before a long prompt is sent
        if (!options.api_key.empty())
            headers = curl_slist_append(headers, ("Authorization: Bearer " + options.api_key).c_str());
        headers_.reset(headers);
    }
    ~LoadGenerator() {
        for (const auto& stream : streams_) curl_multi_remove_handle(multi_.get(), stream->handle.get());
    }
    LoadGenerator(const LoadGenerator&) = delete;
    LoadGenerator& operator=(const LoadGenerator&) = delete;

    double now_s() const { return seconds(Clock::now()); }
    std::size_t running() const { return streams_.size(); }

    void ask(const LoadRequest& request) {
        auto stream = std::make_unique<Stream>();
        Json json = options_.more.is_object() ? options_.more : Json::object();
        if (!options_.model.empty()) json["model"] = options_.model;
        if (request.tokens.empty())
            json["messages"] = Json::array({{{"role", "user"}, {"content", request.prompt}}});
        else
            json["prompt"] = request.tokens;
        const char* path = request.tokens.empty() ? "/v1/chat/completions" : "/v1/completions";
        json["max_tokens"] = request.answer;
        json["stream"] = true;
        json["stream_options"] = {{"include_usage", true}};
        stream->body = json.dump();
        stream->handle.reset(curl_easy_init());
        CURL* handle = stream->handle.get();
        curl_easy_setopt(handle, CURLOPT_URL, (options_.url + path).c_str());
        curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers_.get());
        curl_easy_setopt(handle, CURLOPT_POSTFIELDS, stream->body.c_str());
        curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(stream->body.size()));
        curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, &LoadGenerator::take);
        curl_easy_setopt(handle, CURLOPT_WRITEDATA, stream.get());
        curl_easy_setopt(handle, CURLOPT_PRIVATE, stream.get());
        curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
        stream->asked = Clock::now();
        stream->reply.asked_s = seconds(stream->asked);
        curl_multi_add_handle(multi_.get(), handle);
        streams_.push_back(std::move(stream));
    }

    // Lets the streams go on until something comes or `wait` has passed; replies that are complete are appended.
    void advance(std::chrono::milliseconds wait, std::vector<LoadReply>& complete) {
        int running = 0, left = 0;
        curl_multi_poll(multi_.get(), nullptr, 0, static_cast<int>(wait.count()), nullptr);
        curl_multi_perform(multi_.get(), &running);
        while (const CURLMsg* message = curl_multi_info_read(multi_.get(), &left)) {
            if (message->msg != CURLMSG_DONE) continue;
            const CURLcode code = message->data.result;
            CURL* handle = message->easy_handle;
            const auto place = std::ranges::find_if(
                streams_, [&](const auto& stream) { return stream->handle.get() == handle; });
            curl_multi_remove_handle(multi_.get(), handle);
            complete.push_back(finish(**place, code));
            streams_.erase(place);
        }
    }

    std::size_t take_event_count() {
        std::size_t count = 0;
        for (const auto& stream : streams_) count += stream->answer.delta_times_ms.size();
        count += events_of_complete_;
        const std::size_t fresh = count - events_told_;
        events_told_ = count;
        return fresh;
    }

  private:
    double seconds(Clock::time_point time) const {
        return std::chrono::duration<double>(time - start_).count();
    }

    static std::size_t take(char* bytes, std::size_t size, std::size_t count, void* user) {
        auto& stream = *static_cast<Stream*>(user);
        const std::string_view piece(bytes, size * count);
        constexpr std::size_t kMostRefusal = 500;
        if (stream.events.empty() && stream.refusal.size() < kMostRefusal && piece.starts_with("{"))
            stream.refusal += piece.substr(0, kMostRefusal);
        const Clock::time_point now = Clock::now();
        const std::size_t before = stream.events.size();
        stream.reader.push(piece, now, stream.events);
        const std::chrono::duration<double, std::milli> since = now - stream.asked;
        for (std::size_t i = before; i < stream.events.size(); ++i) {
            read_event(stream.events[i], since.count(), stream.answer);
            stream.events[i].data.clear();  // what was said is of no interest
        }
        stream.answer.content.clear();
        stream.answer.reasoning.clear();
        return piece.size();
    }

    LoadReply finish(Stream& stream, CURLcode code) {
        LoadReply reply = std::move(stream.reply);
        long status = 0;
        curl_easy_getinfo(stream.handle.get(), CURLINFO_RESPONSE_CODE, &status);
        reply.status = static_cast<int>(status);
        reply.end_s = now_s();
        for (const double ms : stream.answer.delta_times_ms)
            reply.events_s.push_back(reply.asked_s + ms / 1000);
        reply.prompt_tokens = stream.answer.prompt_tokens;
        reply.cached_tokens = stream.answer.cached_tokens;
        reply.completion_tokens = stream.answer.completion_tokens;
        if (code != CURLE_OK)
            reply.problem = curl_easy_strerror(code);
        else if (reply.status != 200)
            reply.problem = "HTTP " + std::to_string(reply.status) + ": " + stream.refusal;
        else if (!stream.answer.done_marker)
            reply.problem = "the stream ended without [DONE]";
        else if (reply.events_s.empty())
            reply.problem = "the stream held no text";
        events_of_complete_ += reply.events_s.size();
        return reply;
    }

    const LoadOptions& options_;
    Multi multi_;
    Headers headers_;
    Clock::time_point start_ = Clock::now();
    std::list<std::unique_ptr<Stream>> streams_;
    std::size_t events_of_complete_ = 0, events_told_ = 0;
};

}  // namespace

std::vector<LoadReply> run_load(
    const LoadOptions& options, std::vector<LoadRequest> first,
    const std::function<std::optional<LoadRequest>(const LoadReply& reply, double now_s)>& next,
    const std::function<void(const LoadProgress&)>& report) {
    const auto later = [](const LoadRequest& a, const LoadRequest& b) { return a.at_s > b.at_s; };
    std::priority_queue<LoadRequest, std::vector<LoadRequest>, decltype(later)> requests(later,
                                                                                         std::move(first));
    LoadGenerator generator(options);
    std::vector<LoadReply> replies, complete;
    std::size_t failed = 0;
    double last_ask_s = 0, reported_s = 0;
    while (!requests.empty() || generator.running() > 0) {
        for (; !requests.empty() && requests.top().at_s <= generator.now_s(); requests.pop()) {
            generator.ask(requests.top());
            last_ask_s = generator.now_s();
        }
        if (requests.empty() && generator.now_s() - last_ask_s > options.drain_s) break;
        const double pause_s =
            requests.empty() ? 0.1 : std::clamp(requests.top().at_s - generator.now_s(), 0.0, 0.1);
        generator.advance(std::chrono::milliseconds(static_cast<int>(pause_s * 1000)), complete);
        for (LoadReply& reply : complete) {
            if (!reply.problem.empty()) ++failed;
            if (std::optional<LoadRequest> more = next(reply, generator.now_s()))
                requests.push(std::move(*more));
            replies.push_back(std::move(reply));
        }
        complete.clear();
        if (const double now_s = generator.now_s(); now_s - reported_s >= 1) {
            reported_s = now_s;
            report(
                {now_s, generator.running(), replies.size() - failed, failed, generator.take_event_count()});
        }
    }
    return replies;
}

}  // namespace gptoss::acceptance
