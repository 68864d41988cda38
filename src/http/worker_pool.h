// A few threads for handlers that compute or wait for a disk, so that the threads that read and write sockets
// never do. Clients take turns, and no client has all threads: who sends a hundred costly requests waits for
// oneself. Thread-safe.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace gptoss::http {

class WorkerPool {
  public:
    using Job = std::function<void()>;  // must not throw

    // `queue_limit`: jobs that may wait, over all clients; one client may have half of them waiting.
    WorkerPool(int threads, std::size_t queue_limit);
    ~WorkerPool();  // jobs that wait are dropped; those that run are waited for

    // False when too many wait already. The job is called on one of the threads, or destroyed uncalled.
    bool submit(const std::string& client, Job job);

  private:
    struct Client {
        std::deque<Job> waiting;
        int running = 0;
    };
    void work();
    // The next client in turn that may run a job; null when there is none.
    std::map<std::string, Client>::iterator next_client();

    const std::size_t queue_limit_;
    int most_running_each_ = 1;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::map<std::string, Client> clients_;  // only those with jobs
    std::string last_served_;
    std::size_t waiting_ = 0;
    bool stop_ = false;
    std::vector<std::thread> threads_;
};

}  // namespace gptoss::http
