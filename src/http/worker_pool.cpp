#include "http/worker_pool.h"

#include <algorithm>
#include <utility>

namespace gptoss::http {

WorkerPool::WorkerPool(int threads, std::size_t queue_limit)
    : queue_limit_(queue_limit), most_running_each_(std::max(1, threads - 1)) {
    for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { work(); });
}

WorkerPool::~WorkerPool() {
    std::map<std::string, Client> dropped;  // destroyed without the mutex
    {
        const std::lock_guard lock(mutex_);
        stop_ = true;
        for (auto& [name, client] : clients_) dropped[name].waiting.swap(client.waiting);
    }
    changed_.notify_all();
    for (std::thread& thread : threads_) thread.join();
}

bool WorkerPool::submit(const std::string& client, Job job) {
    {
        const std::lock_guard lock(mutex_);
        if (stop_ || waiting_ >= queue_limit_) return false;
        const auto found = clients_.find(client);
        if (found != clients_.end() &&
            found->second.waiting.size() >= std::max<std::size_t>(1, queue_limit_ / 2))
            return false;
        clients_[client].waiting.push_back(std::move(job));
        ++waiting_;
    }
    changed_.notify_one();
    return true;
}

std::map<std::string, WorkerPool::Client>::iterator WorkerPool::next_client() {
    const auto may_run = [this](const auto& entry) {
        return !entry.second.waiting.empty() && entry.second.running < most_running_each_;
    };
    const auto after = clients_.upper_bound(last_served_);
    auto found = std::find_if(after, clients_.end(), may_run);
    if (found == clients_.end()) {
        found = std::find_if(clients_.begin(), after, may_run);
        if (found == after) return clients_.end();
    }
    return found;
}

void WorkerPool::work() {
    std::unique_lock lock(mutex_);
    while (!stop_) {
        const auto client = next_client();
        if (client == clients_.end()) {
            changed_.wait(lock);
            continue;
        }
        last_served_ = client->first;
        Job job = std::move(client->second.waiting.front());
        client->second.waiting.pop_front();
        ++client->second.running;
        --waiting_;
        lock.unlock();
        job();
        job = nullptr;  // what it holds goes before the client's turn is over
        lock.lock();
        if (--client->second.running == 0 && client->second.waiting.empty()) {
            clients_.erase(client);
        } else {
            changed_.notify_one();  // this client may run another one
        }
    }
}

}  // namespace gptoss::http
