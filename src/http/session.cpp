#include "http/session.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/http/error.hpp>

#include "api/messages_format.h"
#include "http/handler_call.h"
#include "http/replies.h"
#include "http/request_log.h"
#include "http/request_target.h"
#include "http/server_sent_events.h"
#include "http/upgrade.h"

namespace gptoss::http {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

constexpr std::chrono::seconds kLingering{2};
constexpr std::chrono::seconds kHandshake{10};
constexpr std::chrono::seconds kDiskPatience{5};
constexpr int kClientWentAway = 499;  // as others count them

std::string sign_of_life(const api::ResponseStream& response_stream) {
    const api::Events events = response_stream.keep_alive();
    return events.empty() ? std::string(kKeepAliveComment) : server_sent_events(events);
}

// Anthropic's clients send it always, and expect their errors and ids on every path.
bool is_anthropics(const HttpRequest& request) {
    return request.headers.find("Anthropic-Version").has_value();
}

api::HttpResponse in_own_shape(const RequestContext& context, api::HttpResponse reply) {
    if (reply.status < 400) return reply;
    if (context.route != nullptr && context.route->error_shape != nullptr)
        return context.route->error_shape(std::move(reply));
    return is_anthropics(context.request) ? api::in_messages_shape(std::move(reply)) : reply;
}

}  // namespace

Session::Session(Server::State& server, tcp::socket socket)
    : server_(server),
      config_(server.current_config()),
      connection_(std::move(socket), config_->tls),
      reader_(connection_, config_->options.header_limit_bytes, server_.read_pace),
      writer_(connection_),
      signal_(connection_.executor()) {
    const std::lock_guard lock(server_.mutex);
    server_.sessions.insert(this);
}

Session::~Session() {
    const std::lock_guard lock(server_.mutex);
    server_.sessions.erase(this);
}

asio::awaitable<void> Session::run() {
    connection_.expires_after(kHandshake);
    bool goes_on = !co_await connection_.handshake();
    connection_.expires_never();
    while (goes_on && !closing_ && !server_.draining) goes_on = co_await serve_one();
    co_await connection_.close();
}

void Session::close(bool only_if_idle) {
    asio::post(executor(), [self = shared_from_this(), only_if_idle] {
        self->closing_ = true;
        self->signalled_ = true;  // a WebSocket's conversation looks whether it should end
        self->signal_.cancel();
        if (only_if_idle && !self->waits_for_request_) return;
        self->gone_ = true;
        self->connection_.abort();
    });
}

asio::awaitable<bool> Session::serve_one() {
    waits_for_request_ = true;
    waits_since_ = std::chrono::steady_clock::now().time_since_epoch().count();
    if (!co_await watch_is_over()) co_return false;
    connection_.expires_after(config_->options.idle_timeout);
    const auto problem = co_await reader_.read_header();
    connection_.expires_never();
    waits_since_ = 0;
    waits_for_request_ = false;
    config_ = server_.current_config();  // waiting may have taken long
    RequestContext context = make_context(reader_.parsed().request());
    set_manner(context);
    if (problem) {
        if (auto reply = unreadable_reply(problem, config_->options)) {
            server_.meter.on_reply("(unreadable)", reply->status);
            co_await refuse_and_close(*std::move(reply));
        }
        co_return false;
    }
    const CountedRequest counted(server_);
    co_return co_await answer(std::move(context));
}

asio::awaitable<bool> Session::answer(RequestContext context) {
    std::optional<api::HttpResponse> reply = pass_header_steps(server_, *config_, context);
    // What is malformed may have a body that nobody knows the end of.
    const bool is_malformed = reply && (reply->status == 400 || reply->status == 501);
    bool is_read = !is_malformed && !context.request.has_body();
    if (!reply && context.route->upgrade && asks_for_websocket(context.request))
        co_return co_await take_over(context);
    if (!reply && !is_read) is_read = co_await read_body(context, reply);
    if (!reply && !is_read) co_return false;  // the client ended it
    if (!is_read) {
        finish(context, reply->status);
        co_await refuse_and_close(in_own_shape(context, *std::move(reply)));
        co_return false;
    }
    std::optional<api::HandlerResult> answer;
    if (reply) {
        answer = *std::move(reply);
    } else {
        answer = co_await handle(context);
    }
    if (!answer) {
        finish(context, kClientWentAway);
        co_return false;
    }
    bool intact = true;
    if (const auto* response_stream = std::get_if<std::unique_ptr<api::ResponseStream>>(&*answer)) {
        const ListedRequest listed(server_.active, context.record);
        intact = co_await converse(**response_stream, context);
        context.admission.finish(context.record->prompt_tokens, context.record->completion_tokens);
    } else {
        const api::HttpResponse whole =
            in_own_shape(context, std::get<api::HttpResponse>(*std::move(answer)));
        finish(context, whole.status);
        context.admission.finish(0, 0);  // before the bytes go: whoever has them may ask again at once
        intact = co_await writer_.write_reply(whole);
    }
    co_return intact&& writer_.manner.keep_alive && !server_.draining;
}

asio::awaitable<bool> Session::read_body(RequestContext& context, std::optional<api::HttpResponse>& reply) {
    connection_.expires_after(config_->options.body_timeout);
    const bool waits_for_continue =
        context.request.headers.find("Expect") && context.request.minor_version > 0;
    if (waits_for_continue && !reader_.has_bytes()) {
        if (!co_await writer_.write_continue()) co_return false;
        connection_.expires_after(config_->options.body_timeout);
    }
    BodyBudget::Share share(server_.bodies, context.client.name);
    const auto problem = co_await reader_.read_body(body_limit_of(context, *config_), std::move(share));
    connection_.expires_never();
    if (problem) {
        reader_.take_body();  // what has come of it is not held while the client reads the refusal
        reply = unreadable_reply(problem, config_->options);
    }
    co_return !problem;
}

asio::awaitable<void> Session::refuse_and_close(api::HttpResponse reply) {
    writer_.manner.keep_alive = false;
    co_await writer_.write_reply(reply);
    // Closing with unread bytes would reset the connection and take the reply with it.
    connection_.end_sending();
    connection_.expires_after(kLingering);
    co_await reader_.drop_rest();
    connection_.abort();
}

asio::awaitable<bool> Session::take_over(RequestContext& context) {
    const api::Caller caller = context.caller();
    std::optional<api::HttpResponse> refusal = refuse_handshake(context.request);
    std::unique_ptr<Upgrade> upgrade;
    try {
        if (!refusal) upgrade = context.route->upgrade(context.request, caller);
    } catch (const Error& error) {
        refusal = error_reply(error);
    }
    finish(context, refusal ? refusal->status : 101);
    if (refusal) co_return co_await writer_.write_reply(*refusal) && writer_.manner.keep_alive;
    const ListedRequest listed(server_.active, context.record);
    writer_.manner.fields.emplace_back(kRequestIdField, context.record->id);
    const auto admit = [&] {
        const auto config = server_.current_config();  // a connection may last for days
        const auto client = context.route->open
                                ? context.client
                                : authenticate(config->keys, context.request, connection_.peer_address());
        if (!client) throw Error(ErrorCode::unauthorized, "The API key is not one of the server's any more.");
        return server_.clients.admit(client->name, client->limit.value_or(config->options.client_limit));
    };
    UpgradedConnection upgraded{connection_,
                                reader_.unread(),
                                [this] { return closing_ || server_.draining; },
                                context.request,
                                writer_.manner.fields,
                                config_->options,
                                signal_,
                                signalled_,
                                caller,
                                *context.record,
                                server_.active,
                                server_.meter,
                                server_.bodies,
                                server_.workers,
                                admit};
    co_await upgrade->run(std::move(upgraded));
    co_return false;
}

asio::awaitable<std::optional<api::HandlerResult>> Session::handle(RequestContext& context) {
    if (context.route->runs_on != RunsOn::io_thread) co_return co_await handle_on_worker(context);
    if (context.request.has_body()) context.request.body = std::move(reader_.take_body().text);
    co_return call_handler(context.route->handler, context.request, context.caller());
}

asio::awaitable<std::optional<api::HandlerResult>> Session::handle_on_worker(RequestContext& context) {
    auto job = std::make_shared<HandlerJob>();
    job->handler = &context.route->handler;
    job->request = context.request;
    if (job->request.has_body()) {
        BoundedBody::value_type body = reader_.take_body();
        job->request.body = std::move(body.text);
        job->body_share = std::move(body.share);
    }
    job->caller = context.caller();
    const RunsOn where = context.route->runs_on;
    const bool waits_for_disk = where == RunsOn::disk;
    const std::size_t body_bytes = job->request.body.size();
    signalled_ = false;
    if (!server_.workers.submit(where, context.client.name, body_bytes, [job] { job->run(); }))
        co_return workers_busy_reply();
    watch_for_disconnect();
    const auto deadline = std::chrono::steady_clock::now() + kDiskPatience;
    bool is_late = false;
    while (!job->is_done && !gone_ && !is_late) {
        co_await wait_for_signal(kDiskPatience);
        is_late = waits_for_disk && std::chrono::steady_clock::now() >= deadline;
    }
    if (!job->is_done) {
        job->is_abandoned = true;
        if (gone_) co_return std::nullopt;
        co_return workers_busy_reply();
    }
    co_return std::move(job->answer);
}

asio::awaitable<bool> Session::converse(api::ResponseStream& response_stream, RequestContext& context) {
    watch_for_disconnect();
    bool intact = true;
    if (response_stream.streams()) {
        server_.meter.on_reply(context.label, 200);
        for (auto& field : response_stream.headers()) writer_.manner.fields.push_back(std::move(field));
        intact = co_await writer_.begin_stream();
    }
    ActiveRequest& record = *context.record;
    while (intact && !gone_) {
        signalled_ = false;
        if (record.cancelled.exchange(false)) response_stream.cancel();
        api::ResponseStream::Output output = response_stream.take();
        const api::ResponseStream::TokenUsage spent = response_stream.token_usage();
        record.prompt_tokens = spent.prompt_tokens;
        record.cached_tokens = spent.cached_tokens;
        record.completion_tokens = spent.completion_tokens;
        // Before the last bytes go: whoever has them may ask again at once.
        if (output.finished) context.admission.finish(record.prompt_tokens, record.completion_tokens);
        if (!output.events.empty()) intact = co_await writer_.write_piece(server_sent_events(output.events));
        if (!intact) break;
        if (output.finished) {
            if (response_stream.streams()) {
                log_request(record, 200);
                co_return co_await writer_.end_stream();
            }
            finish(context, output.reply.status);
            co_return co_await writer_.write_reply(output.reply);
        }
        // Everything that comes in until the signal goes out in one write.
        const bool was_signalled = signalled_;
        if (!was_signalled) co_await wait_for_signal(config_->options.keep_alive_interval);
        if (!was_signalled && !signalled_ && !gone_ && response_stream.streams())
            intact = co_await writer_.write_piece(sign_of_life(response_stream));
    }
    if (response_stream.streams()) {
        log_request(record, kClientWentAway);
    } else {
        finish(context, kClientWentAway);
    }
    co_return false;
}

RequestContext Session::make_context(HttpRequest request) {
    RequestContext context;
    context.request = std::move(request);
    context.request.authority = std::string(context.request.headers.value("Host"));
    if (auto target = read_request_target(reader_.parsed().target())) {
        context.request.path = std::move(target->path);
        context.request.query = std::move(target->query);
        context.request.absolute_target = !target->authority.empty();
        if (context.request.absolute_target) context.request.authority = std::move(target->authority);
    }
    context.record = std::make_shared<ActiveRequest>();
    context.record->id = request_id_of(context.request.headers.value(kRequestIdField),
                                       context.request.headers.value(kClientRequestIdField));
    context.record->client = context.client.name = connection_.peer_address();
    context.record->method = context.request.method;
    context.record->path = context.label;
    context.record->wake = wake_function();
    return context;
}

void Session::set_manner(const RequestContext& context) {
    writer_.manner.request_id = context.record->id;
    writer_.manner.keep_alive = reader_.parsed().keep_alive() && !server_.draining;
    writer_.manner.chunked = context.request.minor_version >= 1;
    writer_.manner.head_only = context.request.method == "HEAD";
    writer_.manner.began = context.record->began;
    writer_.manner.fields = cors_fields(config_->origin_rules, context.request);
    if (is_anthropics(context.request)) writer_.manner.fields.emplace_back("Request-Id", context.record->id);
    const auto& everywhere = config_->options.headers;
    writer_.manner.fields.insert(writer_.manner.fields.end(), everywhere.begin(), everywhere.end());
    if (const auto given = context.request.headers.value(kClientRequestIdField); is_request_id(given))
        writer_.manner.fields.emplace_back(kClientRequestIdField, given);
    writer_.manner.timeout = config_->options.write_timeout;
}

void Session::finish(const RequestContext& context, int status) {
    server_.meter.on_reply(context.label, status);
    log_request(*context.record, status);
}

std::function<void()> Session::wake_function() {
    return [gate = server_.wake_gate, weak = weak_from_this()] {
        gate->pass([&] {
            if (auto self = weak.lock()) wake(std::move(self));
        });
    };
}

void Session::wake(std::shared_ptr<Session> self) {
    Server::State& server = self->server_;
    if (!server.woken.add(std::move(self))) return;
    // Each goes on on a strand, and so on an I/O thread, of its own.
    asio::post(server.context, [&server] {
        for (std::shared_ptr<Session>& woken : server.woken.take()) {
            const auto executor = woken->executor();
            asio::post(executor, [session = std::move(woken)] {
                session->signalled_ = true;
                session->signal_.cancel();
            });
        }
    });
}

asio::awaitable<void> Session::wait_for_signal(std::chrono::milliseconds limit) {
    signal_.expires_after(limit);
    co_await signal_.async_wait(kTuple);
}

// While an answer is made one read stays pending, to notice that the client goes away. The bytes it may bring
// begin the next request, so it is not cancelled when the answer is done: the next request waits for it.
void Session::watch_for_disconnect() {
    if (watching_ || reader_.has_bytes()) return;  // sent ahead already: this client is there
    watching_ = true;
    asio::co_spawn(
        executor(),
        [self = shared_from_this()]() -> asio::awaitable<void> {
            const bool alive = co_await self->reader_.wait_for_bytes();
            self->watching_ = false;
            if (!alive) self->gone_ = true;
            self->signal_.cancel();
        },
        asio::detached);
}

// Waits until that read has brought something. False when the client is gone or silent for too long.
asio::awaitable<bool> Session::watch_is_over() {
    const auto deadline = std::chrono::steady_clock::now() + config_->options.idle_timeout;
    while (watching_ && !gone_ && std::chrono::steady_clock::now() < deadline) {
        signal_.expires_at(deadline);
        co_await signal_.async_wait(kTuple);
    }
    co_return !watching_ && !gone_;
}

}  // namespace gptoss::http
