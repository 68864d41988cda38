#include "marketplace/socket_protocol.h"

#include <algorithm>

#include "api/error_reply.h"
#include "api/inference_request.h"
#include "api/random_id.h"
#include "base/limits.h"
#include "marketplace/frames.h"
#include "marketplace/message_fields.h"
#include "provenance/marketplace/sealed_payload.h"
#include "provenance/marketplace/session_init.h"

namespace gptoss::marketplace {

namespace protocol = provenance::marketplace;
namespace s5 = provenance::s5;
using api::Json;

namespace {

constexpr std::size_t kQuickBytes = 512;
constexpr std::int64_t kSavedTokens = 250;

template <typename Value>
Value unless_refused(OrRefusal<Value> answer) {
    if (auto* refusal = std::get_if<Refusal>(&answer)) throw *std::move(refusal);
    return std::get<Value>(std::move(answer));
}

// A request in JSON, or a prompt as it stands. Who sealed it may be anybody.
Json request_of(const std::string& plaintext) {
    Json request = Json::accept(plaintext) ? api::parse_json(plaintext) : Json();
    return request.is_object() ? request : Json{{"prompt", plaintext}};
}

}  // namespace

SocketProtocol::SocketProtocol(std::shared_ptr<Market> market, FindService find_service, api::Caller caller)
    : market_(std::move(market)),
      find_service_(std::move(find_service)),
      caller_(std::move(caller)),
      connection_(market_->next_connection()) {}

SocketProtocol::~SocketProtocol() {
    for (Answer& answer : answers_) {
        charge(answer);
        answer.response_stream.reset();  // cancels it
        add_to_checkpoints(answer, true);
        market_->ledger().end_request(answer.request, "");
    }
    market_->book().detach(connection_, SessionBook::Clock::now());
    if (!answers_.empty() && market_->claims() != nullptr) market_->claims()->nudge();
}

std::string SocketProtocol::greeting() const {
    return api::to_text(connected_frame(market_->options().chain_id, market_->host_key() != nullptr));
}

bool SocketProtocol::is_quick(std::string_view message) {
    return message.size() <= kQuickBytes && message.find("\"stream_cancel\"") != std::string_view::npos;
}

void SocketProtocol::say(const Json& frame) {
    {
        const std::lock_guard lock(mutex_);
        waiting_.push_back(api::to_text(frame));
    }
    if (caller_.wake) caller_.wake();
}

void SocketProtocol::refuse(const Refusal& refusal, const Json& id) {
    say(error_frame(refusal.code, refusal.message, id));
}

void SocketProtocol::refuse(const Error& error, const Json& id) {
    say(error_frame(error, id));
}

chain::Word SocketProtocol::served_model() const {
    const Json& card = find_service_()->served_model().card;
    const auto provenance = card.find("provenance");
    if (provenance == card.end()) return {};
    return chain::word_from_hex(provenance->value("model_id", "")).value_or(chain::Word{});
}

void SocketProtocol::receive(std::string_view text, Charge charge) {
    Json id;
    try {
        const Json message = api::parse_json(text);
        if (!message.is_object()) throw Refusal{"INVALID_PAYLOAD", "A message is a JSON object."};
        id = id_of(message);
        const auto type = message.find("type");
        const std::string name = type != message.end() && type->is_string() ? type->get<std::string>() : "";
        if (name == "session_init") return open_plain(message);
        if (name == "encrypted_session_init") return open_encrypted(message, text);
        if (name == "encrypted_message") return ask_encrypted(message, text, std::move(charge));
        if (name == "prompt" || name == "inference") return ask_plain(message, std::move(charge));
        if (name == "stream_cancel") return cancel(message);
        if (name == "ping") return say({{"type", "pong"}});
        throw Refusal{"UNKNOWN_MESSAGE_TYPE",
                      "The types are encrypted_session_init, encrypted_message, session_init, prompt, "
                      "inference, stream_cancel and ping."};
    } catch (const Refusal& refusal) {
        refuse(refusal, id);
    } catch (const Error& error) {
        refuse(error, id);
    }
}

void SocketProtocol::open_plain(const Json& message) {
    if (!market_->options().plaintext_sessions)
        throw Refusal{"ENCRYPTION_REQUIRED", "This node takes encrypted sessions alone."};
    Session session;
    session.id = session_id_of(message);
    session.client = caller_.name;
    session.keys = std::make_shared<const SessionKeys>();
    if (const auto refusal = market_->book().open(session, connection_, SessionBook::Clock::now()))
        throw Refusal(*refusal);
    say(ack_frame(session.id, name_in(message, "job_id", "jobId").value_or(""), market_->options().chain_id,
                  "", id_of(message)));
}

void SocketProtocol::open_encrypted(const Json& message, std::string_view text) {
    const chain::PrivateKey* host_key = market_->host_key();
    if (host_key == nullptr)
        throw Refusal{"ENCRYPTION_NOT_SUPPORTED", "This node has no key to agree on one with."};
    const auto now = SessionBook::Clock::now();
    Session session;
    session.id = session_id_of(message);
    const auto init = unless_refused(protocol::open_session_init(nlohmann::json::parse(text), *host_key));
    const auto job = unless_refused(market_->paying_job(init.job_id, served_model()));
    chain::Address client = init.possible_signers.front();
    if (job) {
        client = job->depositor;
        if (std::ranges::find(init.possible_signers, client) == init.possible_signers.end())
            throw Refusal{"SESSION_AUTH_DENIED", "The job was paid by another than who signed this message."};
        session.job = init.job_id;
    }
    // Of an unpaid session's two possible signers one is nobody, and another one each time.
    session.client = job ? chain::to_checksum_text(client) : caller_.name;
    session.setup = message["payload"]["nonceHex"].get<std::string>();
    const auto keys = std::make_shared<SessionKeys>();
    keys->key = init.session_key;
    keys->encrypted = true;
    keys->recovery_public_key = init.recovery_public_key.value_or("");
    session.keys = keys;
    const std::string payer = job ? init.job_id : Market::kUnpaid + session.id;
    const auto known = market_->book().find(session.id, now);
    const bool again = known && known->setup == session.setup && known->client == session.client;
    if (!again) {
        const auto first = market_->ledger().begin_request(payer, "init " + session.setup);
        if (!first) throw Refusal{"MESSAGE_REPLAYED", "This session was opened with this message before."};
        market_->ledger().end_request(*first, "");
        if (const auto refusal = market_->book().open(session, connection_, now)) throw Refusal(*refusal);
        if (job)
            market_->ledger().open_job(session.job, session.id, static_cast<std::int64_t>(job->tokens_used));
        if (job && market_->checkpoints() != nullptr)
            market_->checkpoints()->open(session.job, session.id, keys->recovery_public_key);
    }
    say(ack_frame(session.id, init.job_id, market_->options().chain_id, chain::to_checksum_text(client),
                  id_of(message)));
}

void SocketProtocol::ask_encrypted(const Json& message, std::string_view text, Charge charge) {
    const std::string id = session_id_of(message);
    const auto session = market_->book().find(id, SessionBook::Clock::now());
    if (!session || !session->keys->encrypted)
        throw Refusal{"SESSION_KEY_NOT_FOUND",
                      "There is no such session, or its key is too old: open it again."};
    if (!message.contains("payload") || !message["payload"].is_object())
        throw Refusal{"MISSING_PAYLOAD", "The message has no payload."};
    const auto opened =
        unless_refused(protocol::open_message(nlohmann::json::parse(text)["payload"], session->keys->key));
    const auto count = count_of(opened.associated_data);
    if (count && !market_->book().advance(id, *count))
        throw Refusal{"MESSAGE_REORDERED", "A message with this number, or a later one, has come before."};
    market_->book().attach(id, connection_);
    Json request = request_of(opened.plaintext);
    add_options(request, message);
    begin(*session, protocol::to_hexadecimal(opened.nonce), std::move(request), id_of(message),
          std::move(charge));
}

void SocketProtocol::ask_plain(const Json& message, Charge charge) {
    if (!market_->options().plaintext_sessions)
        throw Refusal{"ENCRYPTION_REQUIRED", "This node takes encrypted sessions alone."};
    Session session;
    if (const auto named = name_in(message, "session_id", "sessionId")) {
        const auto known = market_->book().find(*named, SessionBook::Clock::now());
        if (known && (known->keys->encrypted || known->client != caller_.name))
            throw Refusal{"ENCRYPTION_REQUIRED", "This session is encrypted, or another client's."};
        session.id = *named;
    }
    session.keys = std::make_shared<const SessionKeys>();
    Json request =
        message.contains("request") && message["request"].is_object() ? message["request"] : message;
    if (!request.contains("prompt") && message.contains("prompt")) request["prompt"] = message["prompt"];
    add_options(request, message);
    for (const char* field : {"job_id", "jobId", "chain_id", "chainId"}) request.erase(field);
    begin(session, "", std::move(request), id_of(message), std::move(charge));
}

void SocketProtocol::begin(const Session& session, std::string_view nonce, Json request, const Json& id,
                           Charge charge) {
    api::InferenceRequest wanted = api::read_inference_request(request);
    {
        const std::lock_guard lock(mutex_);
        const bool busy = std::ranges::any_of(answers_, [&](const Answer& each) {
            return !each.session.id.empty() && each.session.id == session.id && !each.cancelled;
        });
        if (busy)
            throw Refusal{"REQUEST_IN_PROGRESS", "This session's last request is still being answered."};
        if (answers_.size() >= limits::kSocketAnswers)
            throw Refusal{"TOO_MANY_REQUESTS", "Too many answers at once on this connection."};
    }
    const auto service = find_service_();
    if (!session.job.empty()) {
        const auto job = unless_refused(market_->paying_job(session.job, served_model()));
        if (!job) throw Refusal{"JOB_NOT_ACTIVE", "The job does not pay any more."};
        const std::int64_t billed = market_->ledger().job(session.job).value_or(LedgerJob{}).billed;
        const auto paid = static_cast<std::int64_t>(
            std::min<chain::Amount>(job->tokens_used + job->tokens_left(), INT64_MAX));
        std::int64_t left = paid - billed;
        if (market_->options().billed == BilledTokens::all)
            left -= static_cast<std::int64_t>(service->render(wanted.conversation).size());
        if (left <= 0)
            throw Refusal{"JOB_DEPOSIT_EXHAUSTED",
                          "The job's deposit does not pay for this request: " + std::to_string(paid) +
                              " tokens are paid for, " + std::to_string(billed) + " were used."};
        wanted.generation.max_tokens = static_cast<std::int32_t>(
            std::min<std::int64_t>(wanted.generation.max_tokens.value_or(INT32_MAX), left));
    }
    const std::string payer = session.job.empty() ? Market::kUnpaid + session.id : session.job;
    const std::string name = nonce.empty() ? api::random_id("plain ") : std::string(nonce);
    const auto number = market_->ledger().begin_request(payer, name);
    if (!number) throw Refusal{"MESSAGE_REPLAYED", "This message was answered before."};
    Answer answer;
    answer.session = session;
    answer.id = id.is_null() ? Json(wanted.request_id) : id;
    answer.request = *number;
    answer.charge = std::move(charge);
    try {
        answer.response_stream = service->inference(wanted, caller_);
    } catch (...) {
        market_->ledger().end_request(*number, "");
        throw;
    }
    if (market_->checkpoints() != nullptr && !session.job.empty())
        market_->checkpoints()->add_message(session.job, "user", request.value("prompt", ""), false);
    {
        const std::lock_guard lock(mutex_);
        answers_.push_back(std::move(answer));
    }
    if (caller_.wake) caller_.wake();
}

// Before the last frame goes: whoever has it may ask again at once.
void SocketProtocol::charge(Answer& answer) {
    if (const auto charge = std::exchange(answer.charge, {})) charge(answer.response_stream->token_usage());
}

void SocketProtocol::cancel(const Json& message) {
    const std::string session = name_in(message, "session_id", "sessionId").value_or("");
    const std::lock_guard lock(mutex_);
    for (Answer& answer : answers_) {
        if (answer.session.id == session) answer.cancelled = answer.asks_to_cancel = true;
    }
}

bool SocketProtocol::is_generating() const {
    const std::lock_guard lock(mutex_);
    return !answers_.empty();
}

Frames SocketProtocol::take() {
    const std::lock_guard lock(mutex_);
    Frames out = std::move(waiting_);
    waiting_.clear();
    for (auto answer = answers_.begin(); answer != answers_.end();) {
        bool finished = false;
        advance(*answer, finished, out);
        answer = finished ? answers_.erase(answer) : std::next(answer);
    }
    return out;
}

void SocketProtocol::advance(Answer& answer, bool& finished, Frames& out) {
    if (std::exchange(answer.asks_to_cancel, false)) answer.response_stream->cancel();
    const api::ResponseStream::Output output = answer.response_stream->take();
    std::string text;
    Json last;
    std::optional<Json> failure;
    for (const api::Event& event : output.events) {
        Json frame = Json::parse(event.data, nullptr, false);
        if (!frame.is_object()) continue;  // the word that ends the stream
        if (frame.contains("error_type")) {
            failure = std::move(frame);
            continue;
        }
        text += frame.value("content", "");
        answer.tokens = std::max(answer.tokens, frame.value("tokens", std::int64_t{0}));
        if (!frame["finish_reason"].is_null()) last = std::move(frame);
    }
    if (!output.events.empty())
        market_->ledger().count(answer.request, answer.response_stream->token_usage().prompt_tokens,
                                answer.tokens);
    answer.unsaved += text;
    finished = output.finished;
    add_to_checkpoints(answer, finished);
    if (!text.empty()) add_chunk(answer, text, out);
    if (!finished) return;
    charge(answer);
    market_->ledger().end_request(answer.request, last.is_object() ? last.value("id", "") : "");
    if (!answer.session.job.empty() && market_->claims() != nullptr) market_->claims()->nudge();
    if (failure || !last.is_object()) {
        out.push_back(api::to_text(
            error_frame("INFERENCE_FAILED", failure ? failure->value("message", "") : "The answer broke off.",
                        answer.id)));
        return;
    }
    add_end(answer, last, out);
}

// In pieces, so that a proof in the middle of a long answer goes with what was said until then.
void SocketProtocol::add_to_checkpoints(Answer& answer, bool finished) const {
    if (market_->checkpoints() == nullptr || answer.session.job.empty()) return;
    const bool is_much = answer.tokens - answer.saved_tokens >= kSavedTokens;
    if (answer.unsaved.empty() || (!finished && !is_much)) return;
    market_->checkpoints()->add_message(answer.session.job, "assistant", answer.unsaved, !finished);
    answer.unsaved.clear();
    answer.saved_tokens = answer.tokens;
}

void SocketProtocol::keep_alive() {
    const std::lock_guard lock(mutex_);
    for (Answer& answer : answers_) add_chunk(answer, "", waiting_);
}

void SocketProtocol::add_chunk(Answer& answer, const std::string& text, Frames& out) const {
    const SessionKeys& keys = *answer.session.keys;
    Json frame =
        keys.encrypted
            ? encrypted_chunk_frame(protocol::seal_chunk(keys.key, s5::random_nonce(), text, answer.chunks))
            : chunk_frame(text);
    ++answer.chunks;
    frame["tokens"] = answer.tokens;
    frame["id"] = answer.id;
    if (!answer.session.id.empty()) frame["session_id"] = answer.session.id;
    out.push_back(api::to_text(frame));
}

void SocketProtocol::add_end(Answer& answer, const Json& last, Frames& out) const {
    const SessionKeys& keys = *answer.session.keys;
    const std::string reason = last.value("stop_reason", "stop");
    if (keys.encrypted) {
        Json sealed{{"type", "encrypted_response"},
                    {"id", answer.id},
                    {"session_id", answer.session.id},
                    {"payload", protocol::seal_end(keys.key, s5::random_nonce(), reason)}};
        out.push_back(api::to_text(sealed));
    }
    out.push_back(api::to_text(end_frame(reason, last, answer.session.id, answer.id)));
}

}  // namespace gptoss::marketplace
