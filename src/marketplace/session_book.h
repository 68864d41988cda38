// The sessions that clients have opened, by their ids: keys, whose job pays, and what was accepted already. A
// session outlives its connection for a grace time. Bounded; thread-safe.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/limits.h"
#include "provenance/marketplace/hexadecimal.h"
#include "provenance/marketplace/refusal.h"

namespace gptoss::marketplace {

// What does not change while a session has its key. The key is wiped when the last who uses it is done.
struct SessionKeys {
    provenance::marketplace::Bytes32 key{};
    bool encrypted = false;
    std::string recovery_public_key;  // of the client, for its checkpoints; may be empty

    SessionKeys() = default;
    ~SessionKeys();
    SessionKeys(const SessionKeys&) = delete;
    SessionKeys& operator=(const SessionKeys&) = delete;
};

struct Session {
    std::string id;
    std::string job;     // its number; empty: nobody pays
    std::string client;  // who opened it: its address, for unpaid ones the connection's
    std::string setup;   // the init's own nonce: the same init again changes nothing
    std::shared_ptr<const SessionKeys> keys;
};

// A connection, as the book knows it.
using ConnectionNumber = std::uint64_t;

struct BookLimits {
    std::size_t sessions = limits::kSessions;
    std::size_t sessions_each = limits::kSessionsOfClient;
    std::chrono::seconds grace{120};
    std::chrono::seconds lifetime{24 * 3600};  // of a key
};

class SessionBook {
  public:
    using Clock = std::chrono::steady_clock;
    explicit SessionBook(BookLimits limits) : limits_(limits) {}

    // A new session, or the same one again with a fresh key. SESSION_IN_USE: another client's, or another
    // session of the job is attached to a connection; TOO_MANY_SESSIONS.
    std::optional<provenance::marketplace::Refusal> open(Session session, ConnectionNumber connection,
                                                         Clock::time_point now);
    std::optional<Session> find(const std::string& id, Clock::time_point now);

    // The client's count of its messages ("message_{n}"): must grow. False when it does not.
    bool advance(const std::string& id, std::uint64_t message);

    // What a client speaks of on a connection belongs to it, until it ends.
    void attach(const std::string& id, ConnectionNumber connection);
    void detach(ConnectionNumber connection, Clock::time_point now);

    // Sessions whose key is too old, or whose client stayed away too long: they are forgotten.
    std::vector<Session> expire(Clock::time_point now);
    bool has_job(const std::string& job) const;
    std::size_t size() const;

  private:
    struct Entry {
        Session session;
        ConnectionNumber connection = 0;  // 0: none
        Clock::time_point detached, expires;
        std::optional<std::uint64_t> last_message;
    };
    const BookLimits limits_;
    mutable std::mutex mutex_;
    std::map<std::string, Entry> entries_;
};

}  // namespace gptoss::marketplace
