#include "http/worker_pool.h"

#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <tuple>
#include <utility>

namespace gptoss::http {

namespace {

// Below that all clients count as equal: one that asks often does not wait behind one that never asked.
constexpr std::chrono::milliseconds kLittle{100};
constexpr std::chrono::duration<double> kHalfLife{30};  // of what is remembered
constexpr std::chrono::seconds kForgetIdleAfter{60};
constexpr std::size_t kMostClients = 10'000;

}  // namespace

WorkerPool::WorkerPool(WorkerPoolOptions options)
    : options_(options), most_running_each_(std::max(1, options.threads - 1)) {
    for (int i = 0; i < options.threads; ++i) {
        threads_.emplace_back([this] {
            pthread_setname_np(pthread_self(), options_.name.c_str());
            const auto self = static_cast<id_t>(gettid());
            if (options_.niceness != 0)
                setpriority(PRIO_PROCESS, self, getpriority(PRIO_PROCESS, self) + options_.niceness);
            work();
        });
    }
}

WorkerPool::~WorkerPool() {
    std::vector<std::deque<Job>> dropped;  // destroyed without the mutex
    {
        const std::lock_guard lock(mutex_);
        stop_ = true;
        for (auto& [name, client] : clients_) dropped.push_back(std::exchange(client.waiting, {}));
    }
    changed_.notify_all();
    for (std::thread& thread : threads_) thread.join();
}

bool WorkerPool::submit(const std::string& client_name, Job job, Limit limit) {
    {
        const std::lock_guard lock(mutex_);
        const Clock::time_point now = Clock::now();
        if (clients_.size() >= kMostClients) forget_idle_clients(now);
        if (stop_) return false;
        Client& client = clients_[client_name];
        decay(client, now);
        if (limit == Limit::queue && !has_room_for(&client)) return false;
        if (client.waiting.empty()) client.turn = ++turns_;
        client.waiting.push_back(std::move(job));
        ++waiting_;
    }
    changed_.notify_one();
    return true;
}

bool WorkerPool::would_take(const std::string& client_name) const {
    const std::lock_guard lock(mutex_);
    const auto found = clients_.find(client_name);
    return has_room_for(found == clients_.end() ? nullptr : &found->second);
}

bool WorkerPool::has_room_for(const Client* client) const {
    if (waiting_ >= options_.queue_limit) return false;
    const std::size_t half = std::max<std::size_t>(1, options_.queue_limit / 2);
    return client == nullptr ||
           (client->waiting.size() < half && (client->used <= kLittle || waiting_ < half));
}

WorkerPool::Clients::iterator WorkerPool::next_client() {
    auto best = clients_.end();
    const auto rank = [](const Client& client) {
        return std::tuple(client.used > kLittle ? client.used.count() : 0.0, client.turn);
    };
    for (auto each = clients_.begin(); each != clients_.end(); ++each) {
        if (each->second.waiting.empty() || each->second.running >= most_running_each_) continue;
        if (best == clients_.end() || rank(each->second) < rank(best->second)) best = each;
    }
    return best;
}

void WorkerPool::decay(Client& client, Clock::time_point now) {
    client.used *= std::exp2(-std::chrono::duration<double>(now - client.last_seen) / kHalfLife);
    client.last_seen = now;
}

void WorkerPool::forget_idle_clients(Clock::time_point now) {
    const auto is_idle_for = [now](Clock::duration least) {
        return [now, least](const auto& entry) {
            const Client& client = entry.second;
            return client.running == 0 && client.waiting.empty() && now - client.last_seen > least;
        };
    };
    std::erase_if(clients_, is_idle_for(kForgetIdleAfter));
    if (clients_.size() >= kMostClients) std::erase_if(clients_, is_idle_for(Clock::duration{0}));
}

void WorkerPool::work() {
    std::unique_lock lock(mutex_);
    while (!stop_) {
        const auto found = next_client();
        if (found == clients_.end()) {
            changed_.wait(lock);
            continue;
        }
        Client& client = found->second;  // stays where it is: it has a job running
        Job job = std::move(client.waiting.front());
        client.waiting.pop_front();
        client.turn = ++turns_;
        ++client.running;
        --waiting_;
        const Clock::time_point began = Clock::now();
        lock.unlock();
        job();
        job = nullptr;  // what it holds goes before the client's turn is over
        lock.lock();
        const Clock::time_point now = Clock::now();
        decay(client, now);
        client.used += now - began;
        --client.running;
        changed_.notify_one();  // this client may run another one
    }
}

}  // namespace gptoss::http
