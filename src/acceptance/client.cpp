#include "acceptance/client.h"

#include "provenance/http_client.h"

namespace gptoss::acceptance {
namespace {

constexpr const char* kChatPath = "/v1/chat/completions";

double ms_since(Clock::time_point start, Clock::time_point now) {
    return std::chrono::duration<double, std::milli>(now - start).count();
}

provenance::HttpRequest make_request(const ClientOptions& options, const std::string& path,
                                     std::string body) {
    provenance::HttpRequest request;
    request.url = options.url + path;
    request.body = std::move(body);
    request.timeout_ms = options.timeout_ms;
    request.stall_timeout_ms = options.timeout_ms;  // a model that thinks sends less than any rate
    // "Expect:" without a value keeps libcurl from asking for leave before it sends a long prompt.
    request.headers = {"Content-Type: application/json", "Expect:"};
    if (!options.api_key.empty()) request.headers.push_back("Authorization: Bearer " + options.api_key);
    return request;
}

std::string refusal(int status, const std::string& body) {
    return "HTTP " + std::to_string(status) + ": " + body.substr(0, 200);
}

PlainReply exchange(const provenance::HttpRequest& request) {
    provenance::HttpReply reply = provenance::HttpClient().perform(request);
    PlainReply plain{reply.status, reply.network_error, std::move(reply.body), {}};
    plain.json = Json::parse(plain.body, nullptr, false);
    return plain;
}

}  // namespace

PlainReply Client::get(const std::string& path) const {
    return exchange(make_request(options_, path, ""));
}

PlainReply Client::post(const std::string& path, const std::string& body) const {
    return exchange(make_request(options_, path, body));
}

Answer Client::chat(const Json& request) const {
    const auto start = Clock::now();
    PlainReply reply = post(kChatPath, request.dump());
    Answer answer;
    answer.total_ms = ms_since(start, Clock::now());
    answer.status = reply.status;
    answer.body = std::move(reply.body);
    if (!reply.problem.empty()) {
        answer.problem = reply.problem;
    } else if (answer.status != 200) {
        answer.problem = refusal(answer.status, answer.body);
    } else {
        read_whole_answer(answer.body, answer);
    }
    return answer;
}

Answer Client::stream(Json request, const std::function<bool(const Answer&)>& keep_going) const {
    request["stream"] = true;
    request["stream_options"] = {{"include_usage", true}};
    Answer answer;
    EventReader reader;
    bool left = false;
    const auto start = Clock::now();
    const auto on_head = [&](const provenance::HttpReply& reply) {
        answer.status = reply.status;
        return true;
    };
    const auto on_body = [&](std::span<const std::byte> bytes) {
        const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
        if (answer.status != 200) {
            answer.body += text;
            return true;
        }
        std::vector<Event> events;
        reader.push(text, Clock::now(), events);
        for (const Event& event : events) {
            read_event(event, ms_since(start, event.arrived), answer);
            left = keep_going && !keep_going(answer);
            if (left) return false;
        }
        return true;
    };
    const provenance::HttpReply reply =
        provenance::HttpClient().perform(make_request(options_, kChatPath, request.dump()), on_head, on_body);
    answer.total_ms = ms_since(start, Clock::now());
    answer.status = reply.status;
    if (!reply.network_error.empty() && !left) {
        answer.problem = reply.network_error;
    } else if (answer.status != 200) {
        answer.problem = refusal(answer.status, answer.body);
    }
    return answer;
}

}  // namespace gptoss::acceptance
