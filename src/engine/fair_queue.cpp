#include "engine/fair_queue.h"

#include <algorithm>
#include <tuple>

#include "base/check.h"

namespace gptoss::engine {

void FairQueue::push(Sequence& sequence) {
    std::deque<Sequence*>& line = clients_[sequence.client].waiting;
    const auto behind = std::find_if(line.rbegin(), line.rend(), [&](const Sequence* other) {
        return other->priority >= sequence.priority;
    });
    line.insert(behind.base(), &sequence);
    ++size_;
}

void FairQueue::push_preempted(Sequence& sequence) {
    finished(sequence);
    std::deque<Sequence*>& line = clients_[sequence.client].waiting;
    const auto behind = std::ranges::find_if(
        line, [&](const Sequence* other) { return other->priority <= sequence.priority; });
    line.insert(behind, &sequence);
    ++size_;
}

void FairQueue::remove(Sequence& sequence) {
    std::deque<Sequence*>& line = clients_[sequence.client].waiting;
    const auto place = std::ranges::find(line, &sequence);
    check(place != line.end(), "only a waiting sequence leaves the queue");
    line.erase(place);
    --size_;
    drop_if_idle(sequence.client);
}

void FairQueue::finished(const Sequence& sequence) {
    Client& client = clients_[sequence.client];
    check(client.running > 0, "a client's running sequences are counted");
    --client.running;
    drop_if_idle(sequence.client);
}

void FairQueue::start_round() {
    for (auto& [name, client] : clients_) client.next = 0;
}

Sequence* FairQueue::best() {
    Client* best = nullptr;
    auto rank = [](const Client& client) {
        return std::tuple(-client.waiting[client.next]->priority, client.running, client.last_turn);
    };
    for (auto& [name, client] : clients_) {
        if (client.next >= client.waiting.size()) continue;
        if (best == nullptr || rank(client) < rank(*best)) best = &client;
    }
    return best == nullptr ? nullptr : best->waiting[best->next];
}

void FairQueue::take(Sequence& sequence) {
    Client& client = clients_[sequence.client];
    check(client.next < client.waiting.size() && client.waiting[client.next] == &sequence,
          "what is taken was offered");
    client.waiting.erase(client.waiting.begin() + static_cast<std::ptrdiff_t>(client.next));
    --size_;
    ++client.running;
    client.last_turn = ++turn_;
}

void FairQueue::skip(Sequence& sequence) {
    ++clients_[sequence.client].next;
}

void FairQueue::visit(const std::function<void(const Sequence&)>& look) const {
    for (const auto& [name, client] : clients_)
        for (const Sequence* sequence : client.waiting) look(*sequence);
}

void FairQueue::drop_if_idle(const std::string& name) {
    const auto client = clients_.find(name);
    if (client->second.waiting.empty() && client->second.running == 0) clients_.erase(client);
}

}  // namespace gptoss::engine
