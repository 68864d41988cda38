// What is said over GET /v1/ws: a client's messages in, frames out. No sockets: whoever has one hands each
// message to receive() and sends what take() gives.
//
// receive() may ask the chain and blocks; take() never does. Both may be called at once, from two threads, and
// each by one thread at a time.
#pragma once

#include <chrono>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "api/json_reader.h"
#include "api/response_stream.h"
#include "marketplace/market.h"

namespace gptoss::marketplace {

using Frames = std::vector<std::string>;  // JSON, each a message of the WebSocket

class SocketProtocol {
  public:
    // The service that answers now. Throws what NodeState::service() throws.
    using FindService = std::function<std::shared_ptr<api::Service>()>;

    SocketProtocol(std::shared_ptr<Market> market, FindService find_service, api::Caller caller);
    ~SocketProtocol();  // what still generates is cancelled; sessions wait for their clients

    std::string greeting() const;

    // True when the message is answered at once without asking anybody: a cancellation.
    static bool is_quick(std::string_view message);
    // `charge` is kept until the answer to the message, if it has one, is over, and is called with what that took.
    using Charge = std::function<void(const api::ResponseStream::TokenUsage& spent)>;
    void receive(std::string_view message, Charge charge = {});
    // A message that is not received, and why.
    void refuse(const Error& error) { refuse(error, {}); }

    Frames take();
    bool is_generating() const;
    // A piece of nothing for every answer that has been silent, so that clients go on waiting.
    void keep_alive();

  private:
    struct Answer {
        Session session;
        api::Json id;              // as the client calls its request; null: it has no name for it
        std::int64_t request = 0;  // in the ledger
        std::uint64_t chunks = 0;
        std::int64_t tokens = 0;
        std::string unsaved;  // of the text: what no checkpoint knows yet
        std::int64_t saved_tokens = 0;
        bool cancelled = false, asks_to_cancel = false;
        std::unique_ptr<api::ResponseStream> response_stream;
        Charge charge;  // may be empty
    };

    void open_plain(const api::Json& message);
    void open_encrypted(const api::Json& message, std::string_view text);
    void ask_encrypted(const api::Json& message, std::string_view text, Charge charge);
    void ask_plain(const api::Json& message, Charge charge);
    void begin(const Session& session, std::string_view nonce, api::Json request, const api::Json& id,
               Charge charge);
    static void charge(Answer& answer);
    void cancel(const api::Json& message);
    chain::Word served_model() const;

    void advance(Answer& answer, bool& finished, Frames& out);
    void add_to_checkpoints(Answer& answer, bool finished) const;  // to the checkpoints
    void add_chunk(Answer& answer, const std::string& text, Frames& out) const;
    void add_end(Answer& answer, const api::Json& last, Frames& out) const;
    void say(const api::Json& frame);
    void refuse(const Refusal& refusal, const api::Json& id);
    void refuse(const Error& error, const api::Json& id);

    const std::shared_ptr<Market> market_;
    const FindService find_service_;
    const api::Caller caller_;
    const ConnectionNumber connection_;

    mutable std::mutex mutex_;
    Frames waiting_;
    std::list<Answer> answers_;
};

}  // namespace gptoss::marketplace
