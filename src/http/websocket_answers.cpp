#include "http/websocket_answers.h"

#include <chrono>
#include <memory>
#include <optional>
#include <utility>

#include "base/limits.h"
#include "http/handler_call.h"
#include "http/replies.h"
#include "http/request_log.h"

namespace gptoss::http {

namespace asio = boost::asio;

namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kSilence(limits::kSocketIdle_s * 1000);
constexpr std::size_t kLongestCancel_bytes = 1000;
constexpr int kClientLeft = 499;  // as others count them

class SocketAnswers {
  public:
    SocketAnswers(UpgradedConnection& upgraded, WebSocket& socket, const SocketService& service)
        : upgraded_(upgraded), socket_(socket), service_(service) {}

    asio::awaitable<void> run() {
        auto last_message = SteadyClock::now();
        while (socket_.is_open() && !upgraded_.is_shutting_down()) {
            if (auto message = next_message()) {
                co_await answer(*std::move(message));
                last_message = SteadyClock::now();
                continue;
            }
            const auto silent = SteadyClock::now() - last_message;
            if (silent >= kSilence || upgraded_.record.cancelled) {
                co_await socket_.write(service_.farewell);
                co_return;
            }
            co_await socket_.wait(std::chrono::ceil<std::chrono::milliseconds>(kSilence - silent));
        }
    }

  private:
    std::optional<WebSocket::Message> next_message() {
        auto message = std::exchange(put_off_, std::nullopt);
        if (!message) message = socket_.take();
        return message && is_cancel(message->text) ? std::nullopt : std::move(message);
    }

    bool is_cancel(std::string_view message) const {
        return message.size() <= kLongestCancel_bytes && service_.is_cancel(message);
    }

    // Looks at one message ahead: whether it asks for an early end.
    bool cancel_came() {
        if (!put_off_) put_off_ = socket_.take();
        if (!put_off_ || !is_cancel(put_off_->text)) return false;
        put_off_.reset();
        return true;
    }

    asio::awaitable<void> answer(WebSocket::Message message) {
        const auto record = std::make_shared<ActiveRequest>();
        record->id = upgraded_.record.id + "." + std::to_string(++answered_);
        record->client = upgraded_.caller.name;
        record->method = "WEBSOCKET";
        record->path = upgraded_.record.path;
        record->wake = upgraded_.caller.wake;
        ClientLimits::Admission admission;
        std::optional<api::HttpResponse> refusal;
        try {
            admission = upgraded_.admit();
        } catch (const Error& error) {
            refusal = error_reply(error);
        }
        if (refusal) {
            co_await refuse(*refusal, *record);
            co_return;
        }
        const ListedRequest listed(upgraded_.active, record);
        std::optional<api::HandlerResult> answer =
            co_await call(std::move(message), {record, &record->prompt_read});
        if (!answer) {
            log_request(*record, kClientLeft);
        } else if (const auto* reply = std::get_if<api::HttpResponse>(&*answer)) {
            admission.finish(0, 0);
            co_await refuse(*reply, *record);
        } else {
            co_await converse(*std::get<std::unique_ptr<api::ResponseStream>>(*answer), admission, *record);
        }
    }

    asio::awaitable<void> refuse(const api::HttpResponse& reply, const ActiveRequest& record) {
        upgraded_.meter.on_reply(record.path, reply.status);
        log_request(record, reply.status);
        co_await socket_.write(service_.error_message(reply));
    }

    // Nothing when the client left meanwhile.
    asio::awaitable<std::optional<api::HandlerResult>> call(WebSocket::Message message,
                                                            std::shared_ptr<api::PromptRead> prompt_read) {
        auto job = std::make_shared<HandlerJob>();
        job->request = upgraded_.request;
        job->request.body = std::move(message.text);
        job->body_share = std::move(message.share);
        job->caller = upgraded_.caller;
        job->caller.prompt_read = std::move(prompt_read);
        // The service is the connection's, and a job may outlive it.
        job->keep = std::make_shared<Handler>(service_.answer);
        job->handler = job->keep.get();
        const std::size_t body_bytes = job->request.body.size();
        if (!upgraded_.workers.submit(RunsOn::worker, upgraded_.caller.name, body_bytes,
                                      [job] { job->run(); }))
            co_return workers_busy_reply();
        while (!job->is_done && socket_.is_open())
            co_await socket_.wait(upgraded_.options.keep_alive_interval);
        if (!job->is_done) {
            job->is_abandoned = true;
            co_return std::nullopt;
        }
        co_return std::move(job->answer);
    }

    asio::awaitable<void> converse(api::ResponseStream& response_stream, ClientLimits::Admission& admission,
                                   ActiveRequest& record) {
        upgraded_.meter.on_reply(record.path, 200);
        const std::chrono::milliseconds patience = upgraded_.options.keep_alive_interval;
        bool over = false;
        auto last_word = SteadyClock::now();
        while (!over && socket_.is_open()) {
            if (record.cancelled.exchange(false) || cancel_came()) response_stream.cancel();
            const api::ResponseStream::Output output = response_stream.take();
            const api::ResponseStream::TokenUsage spent = response_stream.token_usage();
            record.prompt_tokens = spent.prompt_tokens;
            record.cached_tokens = spent.cached_tokens;
            record.completion_tokens = spent.completion_tokens;
            over = output.finished;
            if (over) admission.finish(record.prompt_tokens, record.completion_tokens);
            if (!output.events.empty()) last_word = SteadyClock::now();
            if (!co_await write(output.events) || over) break;
            co_await socket_.wait(patience);
            if (SteadyClock::now() - last_word < patience) continue;
            last_word = SteadyClock::now();
            if (!co_await write(response_stream.keep_alive())) break;
        }
        admission.finish(record.prompt_tokens, record.completion_tokens);
        log_request(record, over ? 200 : kClientLeft);
    }

    asio::awaitable<bool> write(const api::Events& events) {
        for (const api::Event& event : events) {
            if (!co_await socket_.write(event.data)) co_return false;
        }
        co_return true;
    }

    UpgradedConnection& upgraded_;
    WebSocket& socket_;
    const SocketService& service_;
    std::optional<WebSocket::Message> put_off_;  // came while another was answered
    std::int64_t answered_ = 0;
};

}  // namespace

asio::awaitable<void> answer_messages(UpgradedConnection& upgraded, WebSocket& socket,
                                      const SocketService& service) {
    SocketAnswers answers(upgraded, socket, service);
    co_await answers.run();
}

}  // namespace gptoss::http
