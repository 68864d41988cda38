// Another model, or the same one with other settings, in place of the one that is served, without cutting a
// stream: the new one loads beside the old, takes the requests that come from then on, and the old one goes
// when its last stream has ended. Where memory does not hold both, new requests are refused with Retry-After
// while the old one finishes, and the new one loads after it.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "node/application/node_state.h"
#include "node/device.h"
#include "node/loaded_model.h"
#include "node/settings.h"

namespace gptoss::node {

class ModelSwap {
  public:
    using MakeService =
        std::function<std::shared_ptr<api::Service>(const Settings& settings, LoadedModel model)>;

    // `devices` and `state` must outlive the swap.
    ModelSwap(const std::vector<Device>& devices, NodeState& state, MakeService make_service)
        : devices_(devices), state_(state), make_service_(std::move(make_service)) {}
    ~ModelSwap() { stop(); }

    // Loads what `next` says, in the background; with `beside` false not before the old model is gone, for
    // one that has failed. When it cannot be loaded the old model stays, or is loaded again from `current`;
    // when that is not to be had either, the state says so.
    // `when_served` is called, on the swap's thread, once requests go to the new model; never when it fails.
    // Throws Error(queue_full) while an earlier one goes on.
    void start(const Settings& current, const Settings& next, bool beside,
               std::function<void()> when_served = {});

    // "none", "loading", "waiting for the old model's streams", "done" or "failed: …".
    std::string status() const;

    // The node shuts down: what loads is given up. Waits for it.
    void stop();

  private:
    void run(const Settings& current, const Settings& next, bool beside);
    LoadedModel load(const Settings& settings);
    void serve(std::shared_ptr<api::Service> service);
    bool load_beside(const Settings& next);
    void load_after(const Settings& current, const Settings& next);
    void retire(std::shared_ptr<api::Service> old);
    void set_status(std::string text);

    const std::vector<Device>& devices_;
    NodeState& state_;
    MakeService make_service_;
    std::atomic<bool> stop_ = false;
    std::atomic<bool> going_on_ = false;
    mutable std::mutex mutex_;
    std::string status_ = "none";
    std::function<void()> when_served_;  // of the swap that goes on
    std::thread thread_;
};

}  // namespace gptoss::node
