#include "api/background_runs.h"

#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "base/error.h"

namespace gptoss::api {

// What a run said so far. Its events are numbered from 0, as their sequence_number is.
class BackgroundRun {
  public:
    void add(Events events, bool finished) {
        std::vector<std::function<void()>> wakes;
        {
            const std::lock_guard lock(mutex_);
            for (Event& event : events) events_.push_back(std::move(event));
            finished_ = finished_ || finished;
            for (const auto& [number, wake] : followers_) wakes.push_back(wake);
        }
        for (const auto& wake : wakes) wake();
    }

    ResponseStream::Output from(std::size_t place) const {
        const std::lock_guard lock(mutex_);
        ResponseStream::Output output;
        for (; place < events_.size(); ++place) output.events.push_back(events_[place]);
        output.finished = finished_;
        return output;
    }

    Events all() const {
        const std::lock_guard lock(mutex_);
        return events_;
    }

    int add_follower(std::function<void()> wake) {
        const std::lock_guard lock(mutex_);
        followers_.emplace(++last_follower_, std::move(wake));
        return last_follower_;
    }
    void remove_follower(int number) {
        const std::lock_guard lock(mutex_);
        followers_.erase(number);
    }

  private:
    mutable std::mutex mutex_;
    Events events_;
    bool finished_ = false;
    std::map<int, std::function<void()>> followers_;
    int last_follower_ = 0;
};

namespace {

class Follower final : public ResponseStream {
  public:
    Follower(std::shared_ptr<BackgroundRun> run, std::size_t place, std::function<void()> wake)
        : run_(std::move(run)), place_(place), number_(run_->add_follower(std::move(wake))) {}
    ~Follower() override { run_->remove_follower(number_); }

    bool streams() const override { return true; }
    Output take() override {
        Output output = run_->from(place_);
        place_ += output.events.size();
        return output;
    }
    // The last event once more: it counts as a sign of life, and its number says that it is no new one.
    Events keep_alive() const override {
        if (place_ == 0) return {};
        Output output = run_->from(place_ - 1);
        return output.events.empty() ? Events() : Events{output.events.front()};
    }

  private:
    std::shared_ptr<BackgroundRun> run_;
    std::size_t place_;
    int number_;
};

std::size_t place_behind(std::int64_t after) {
    return after < 0 ? 0 : static_cast<std::size_t>(after) + 1;
}

}  // namespace

struct BackgroundRuns::State {
    struct Running {
        std::string owner;
        std::shared_ptr<BackgroundRun> said = std::make_shared<BackgroundRun>();
        std::unique_ptr<ResponseStream> response_stream;  // the thread's alone, once it is there
        const std::chrono::steady_clock::time_point began = std::chrono::steady_clock::now();
        const std::shared_ptr<PromptRead> prompt_read = std::make_shared<PromptRead>(kWaitsForItsTurn);
        ResponseStream::TokenUsage spent;
        bool woken = true;
        bool cancelled = false;
    };
    // Outlives the state: an engine may still ring when everything else is gone.
    struct Bell {
        std::mutex mutex;
        std::condition_variable condition;
        std::map<std::string, std::shared_ptr<Running>> runs;
        bool stopping = false;
    };

    explicit State(Finished given) : finished(std::move(given)), thread([this] { loop(); }) {}
    void stop() {
        std::map<std::string, std::shared_ptr<Running>> left;
        {
            const std::lock_guard lock(bell->mutex);
            bell->stopping = true;
        }
        bell->condition.notify_all();
        if (thread.joinable()) thread.join();
        {
            const std::lock_guard lock(bell->mutex);
            left.swap(bell->runs);
        }
        // Outside the lock: a generation that is cancelled may ring.
        left.clear();
    }

    // The next run that has something to take, or null when it is time to stop.
    std::shared_ptr<Running> wait(std::string& id) const {
        std::unique_lock lock(bell->mutex);
        for (;;) {
            if (bell->stopping) return nullptr;
            for (auto& [name, run] : bell->runs) {
                if (run->response_stream == nullptr || !std::exchange(run->woken, false)) continue;
                id = name;
                return run;
            }
            bell->condition.wait(lock);
        }
    }

    void loop() const {
        std::string id;
        while (const auto run = wait(id)) {
            bool cancel = false;
            {
                const std::lock_guard lock(bell->mutex);
                cancel = std::exchange(run->cancelled, false);
            }
            if (cancel) run->response_stream->cancel();
            ResponseStream::Output output = run->response_stream->take();
            const ResponseStream::TokenUsage spent = run->response_stream->token_usage();
            const bool over = output.finished;
            // Stored before it is sent: whoever sees the last event finds the response in the store.
            if (over) {
                Events all = run->said->all();
                for (const Event& event : output.events) all.push_back(event);
                finished(id, all);
                run->response_stream.reset();
            }
            run->said->add(std::move(output.events), over);
            const std::lock_guard lock(bell->mutex);
            run->spent = spent;
            if (over) bell->runs.erase(id);
        }
    }

    std::shared_ptr<Running> find(const std::string& owner, const std::string& id) const {
        const std::lock_guard lock(bell->mutex);
        const auto found = bell->runs.find(id);
        return found != bell->runs.end() && found->second->owner == owner ? found->second : nullptr;
    }

    // The bell's mutex is held.
    static Standing standing(const std::string& id, const Running& run) {
        return {id, run.owner, run.began, *run.prompt_read, run.spent};
    }

    void ask_to_end(const std::shared_ptr<Running>& run) const {
        {
            const std::lock_guard lock(bell->mutex);
            run->cancelled = true;
            run->woken = true;
        }
        bell->condition.notify_all();
    }

    Finished finished;
    std::size_t most_runs = 0;
    std::shared_ptr<Bell> bell = std::make_shared<Bell>();
    std::thread thread;  // last: it uses the others
};

BackgroundRuns::BackgroundRuns(std::size_t most_runs, Finished finished)
    : state_(std::make_unique<State>(std::move(finished))) {
    state_->most_runs = most_runs;
}
BackgroundRuns::~BackgroundRuns() {
    stop();
}

void BackgroundRuns::stop() {
    state_->stop();
}

void BackgroundRuns::start(
    const std::string& owner, const std::string& id,
    const std::function<std::unique_ptr<ResponseStream>(const Caller& caller)>& begin) {
    const auto run = std::make_shared<State::Running>();
    run->owner = owner;
    const auto bell = state_->bell;
    {
        const std::lock_guard lock(bell->mutex);
        if (bell->stopping) throw Error(ErrorCode::shutting_down, "The node is shutting down.");
        if (bell->runs.size() >= state_->most_runs) {
            throw Error(ErrorCode::queue_full,
                        "There are " + std::to_string(state_->most_runs) + " background responses already.",
                        "Wait until some are complete, or cancel them.");
        }
        bell->runs.emplace(id, run);
    }
    const auto wake = [bell, weak = std::weak_ptr(run)] {
        const auto woken = weak.lock();
        if (woken == nullptr) return;
        {
            const std::lock_guard lock(bell->mutex);
            woken->woken = true;
        }
        bell->condition.notify_all();
    };
    try {
        auto response_stream = begin({owner, wake, run->prompt_read});
        const std::lock_guard lock(bell->mutex);
        run->response_stream = std::move(response_stream);
    } catch (...) {
        const std::lock_guard lock(bell->mutex);
        bell->runs.erase(id);
        throw;
    }
    wake();
}

std::unique_ptr<ResponseStream> BackgroundRuns::follow(const std::string& owner, const std::string& id,
                                                       std::int64_t after, std::function<void()> wake) {
    const auto run = state_->find(owner, id);
    if (run == nullptr) return nullptr;
    return std::make_unique<Follower>(run->said, place_behind(after), std::move(wake));
}

bool BackgroundRuns::cancel(const std::string& owner, const std::string& id) {
    const auto run = state_->find(owner, id);
    if (run == nullptr) return false;
    state_->ask_to_end(run);
    return true;
}

bool BackgroundRuns::cancel(const std::string& id) {
    for (const Standing& run : all())
        if (run.id == id) return cancel(run.owner, id);
    return false;
}

std::vector<BackgroundRuns::Standing> BackgroundRuns::all() const {
    std::vector<Standing> list;
    const std::lock_guard lock(state_->bell->mutex);
    for (const auto& [id, run] : state_->bell->runs) list.push_back(State::standing(id, *run));
    return list;
}

std::optional<BackgroundRuns::Standing> BackgroundRuns::find(const std::string& owner,
                                                             const std::string& id) const {
    const auto run = state_->find(owner, id);
    if (run == nullptr) return std::nullopt;
    const std::lock_guard lock(state_->bell->mutex);
    return State::standing(id, *run);
}

std::unique_ptr<ResponseStream> replay_events(const std::vector<std::string>& events, std::int64_t after) {
    const auto run = std::make_shared<BackgroundRun>();
    Events all;
    for (const std::string& data : events)
        all.push_back({Json::parse(data, nullptr, false).value("type", ""), data});
    run->add(std::move(all), true);
    return std::make_unique<Follower>(run, place_behind(after), [] {});
}

}  // namespace gptoss::api
