// Who is admitted next. Sequences wait in line per client; among the clients' firsts the higher priority goes
// first, then the client with fewer sequences running, then the one whose last turn is longest ago.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <string>

#include "engine/sequence.h"

namespace gptoss::engine {

class FairQueue {
  public:
    // At the end of its client's line, behind those of its priority or a higher one.
    void push(Sequence& sequence);
    // Ahead of those of its priority in its client's line: a preempted sequence, which no longer counts as
    // running.
    void push_preempted(Sequence& sequence);
    // A waiting sequence is cancelled.
    void remove(Sequence& sequence);
    // A sequence that was taken is over.
    void finished(const Sequence& sequence);

    // One round: start(), then best() and take() or skip() until there is none or no more is wanted.
    void start_round();
    Sequence* best();
    void take(Sequence& sequence);  // it runs now
    void skip(Sequence& sequence);  // look past it for the rest of the round

    std::int32_t size() const { return size_; }
    // Everyone who waits, in no order that matters.
    void visit(const std::function<void(const Sequence&)>& look) const;

  private:
    struct Client {
        std::deque<Sequence*> waiting;
        std::size_t next = 0;  // in `waiting`, for this round
        std::int32_t running = 0;
        std::uint64_t last_turn = 0;
    };
    void drop_if_idle(const std::string& client);

    std::map<std::string, Client> clients_;  // only those that wait or run
    std::uint64_t turn_ = 0;
    std::int32_t size_ = 0;
};

}  // namespace gptoss::engine
