#include "marketplace/session_book.h"

#include <algorithm>

#include "provenance/s5/key_pair.h"

namespace gptoss::marketplace {

using provenance::marketplace::Refusal;

SessionKeys::~SessionKeys() {
    provenance::s5::wipe(key);
}

std::optional<Refusal> SessionBook::open(Session session, ConnectionNumber connection,
                                         Clock::time_point now) {
    const std::lock_guard lock(mutex_);
    std::size_t of_client = 0;
    for (const auto& [id, entry] : entries_) {
        const bool same = id == session.id;
        if (same && (entry.session.client != session.client || entry.session.job != session.job))
            return Refusal{"SESSION_IN_USE", "This session is another client's, or another job's."};
        if (!same && !session.job.empty() && entry.session.job == session.job && entry.connection != 0)
            return Refusal{"SESSION_IN_USE", "Another session of this job is open."};
        if (!same && entry.session.client == session.client) ++of_client;
    }
    const bool is_new = !entries_.contains(session.id);
    if (is_new && (entries_.size() >= limits_.sessions || of_client >= limits_.sessions_each))
        return Refusal{"TOO_MANY_SESSIONS", "Too many sessions are open; try again later."};
    // One session a job: what it was called before is forgotten.
    if (!session.job.empty())
        std::erase_if(entries_, [&](const auto& each) {
            return each.first != session.id && each.second.session.job == session.job;
        });
    const std::string id = session.id;
    entries_[id] = Entry{std::move(session), connection, {}, now + limits_.lifetime, std::nullopt};
    return std::nullopt;
}

std::optional<Session> SessionBook::find(const std::string& id, Clock::time_point now) {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(id);
    if (found == entries_.end() || found->second.expires <= now) return std::nullopt;
    return found->second.session;
}

bool SessionBook::advance(const std::string& id, std::uint64_t message) {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(id);
    if (found == entries_.end()) return false;
    auto& last = found->second.last_message;
    if (last && message <= *last) return false;
    last = message;
    return true;
}

void SessionBook::attach(const std::string& id, ConnectionNumber connection) {
    const std::lock_guard lock(mutex_);
    if (const auto found = entries_.find(id); found != entries_.end()) found->second.connection = connection;
}

void SessionBook::detach(ConnectionNumber connection, Clock::time_point now) {
    const std::lock_guard lock(mutex_);
    for (auto& [id, entry] : entries_) {
        if (entry.connection != connection) continue;
        entry.connection = 0;
        entry.detached = now;
    }
}

std::vector<Session> SessionBook::expire(Clock::time_point now) {
    const std::lock_guard lock(mutex_);
    std::vector<Session> gone;
    std::erase_if(entries_, [&](auto& each) {
        const Entry& entry = each.second;
        const bool left = entry.connection == 0 && now >= entry.detached + limits_.grace;
        if (!left && now < entry.expires) return false;
        gone.push_back(entry.session);
        return true;
    });
    return gone;
}

bool SessionBook::has_job(const std::string& job) const {
    const std::lock_guard lock(mutex_);
    return std::ranges::any_of(entries_, [&](const auto& each) { return each.second.session.job == job; });
}

std::size_t SessionBook::size() const {
    const std::lock_guard lock(mutex_);
    return entries_.size();
}

}  // namespace gptoss::marketplace
