// A few threads for handlers that compute or wait for a disk, so that the threads that read and write sockets
// never do. Who has used the least time comes first and no client has all threads: who sends a hundred costly
// requests waits for oneself. Thread-safe.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace gptoss::http {

struct WorkerPoolOptions {
    int threads = 2;
    std::size_t queue_limit = 1024;  // jobs that may wait; half of them by one client, or by costly clients
    int niceness = 0;                // of the threads, beside this process's own
    std::string name = "workers";    // of the threads, at most 15 bytes: what tools show
};

class WorkerPool {
  public:
    using Job = std::function<void()>;  // must not throw

    explicit WorkerPool(WorkerPoolOptions options);
    ~WorkerPool();  // jobs that wait are dropped; those that run are waited for

    enum class Limit { queue, none };
    // False when too many wait already. The job is called on one of the threads, or destroyed uncalled.
    bool submit(const std::string& client, Job job, Limit limit = Limit::queue);
    // Whether submit() would take one at this moment.
    bool would_take(const std::string& client) const;

  private:
    using Clock = std::chrono::steady_clock;
    struct Client {
        std::deque<Job> waiting;
        int running = 0;
        std::chrono::duration<double> used{0};  // by its jobs; halves every 30 s
        Clock::time_point last_seen;
        std::uint64_t turn = 0;  // when its first waiting job came, or its last one was begun
    };
    using Clients = std::map<std::string, Client>;

    void work();
    // `client` null: one that was never seen.
    bool has_room_for(const Client* client) const;
    Clients::iterator next_client();  // that may run a job; end() when there is none
    static void decay(Client& client, Clock::time_point now);
    void forget_idle_clients(Clock::time_point now);

    const WorkerPoolOptions options_;
    const int most_running_each_;
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    Clients clients_;
    std::size_t waiting_ = 0;
    std::uint64_t turns_ = 0;
    bool stop_ = false;
    std::vector<std::thread> threads_;
};

}  // namespace gptoss::http
