// Other settings and other models for a running node, with the demo model on the CPU.
#include "node/reload.h"

#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <thread>

#include "base/error.h"
#include "http/http_client.h"
#include "node/application/routes.h"
#include "node/server_setup.h"
#include "support/files.h"
#include "support/temporary_folder.h"

namespace gptoss::node {
namespace {

using namespace std::chrono_literals;

TEST(Reload, SortsChangesByWhatTheyTake) {
    Settings before, after;
    EXPECT_TRUE(compare(before, after).at_once.empty());
    after.cors_origin = "*";
    after.model_name = "other";
    after.queue_limit = 7;
    after.port = 9;
    after.chain_id = 1;
    after.date = "none";
    const SettingsChange change = compare(before, after);
    EXPECT_EQ(change.at_once, (std::vector<std::string>{"GPTOSS_CORS_ORIGIN", "GPTOSS_DATE"}));
    EXPECT_EQ(change.with_the_model, (std::vector<std::string>{"GPTOSS_MODEL_NAME", "GPTOSS_QUEUE_LIMIT"}));
    EXPECT_EQ(change.after_restart, (std::vector<std::string>{"API_PORT", "CHAIN_ID"}));
}

// The demo model on the CPU; whether it may be loaded is decided by the test.
struct SwapTest : testing::Test {
    SwapTest()
        : devices{{"cpu",
                   [this](const model::Weights& weights, const model::PlanRequest& request) {
                       if (may_load) may_load(request.context_length);
                       return backend::cpu_needs(weights.hyperparameters, request);
                   },
                   [](const model::Weights& weights, const backend::BackendOptions& options,
                      const backend::LoadProgress&) { return backend::make_cpu_backend(weights, options); }}},
          swap(devices, state, make) {
        current.max_context_length = 1024;
        current.max_sequences = 2;
        current.threads = 1;
        current.batch_tokens = 64;  // what larger steps take is measured at each load
        next = current;
        next.max_context_length = 2048;
        next.model_name = "next";
        state.set_ready(make(
            current, load_model(current, devices, [](const std::string&, std::int64_t, std::int64_t) {})));
    }

    static std::shared_ptr<api::Service> make(const Settings&, LoadedModel model) {
        return std::make_shared<api::Service>(std::move(model.engine), std::move(model.served),
                                              api::ServiceOptions{}, nullptr);
    }
    std::string status_after() {
        for (;;) {  // however busy the machine is; what never comes ends with ctest's patience
            const std::string status = swap.status();
            if (status == "done" || status.starts_with("failed")) return status;
            std::this_thread::sleep_for(1ms);
        }
    }
    std::int32_t context() { return state.service()->engine().options().context_length; }

    std::function<void(std::int32_t context_length)> may_load;
    std::vector<Device> devices;
    NodeState state;
    Settings current, next;
    ModelSwap swap;
};

TEST_F(SwapTest, ServesTheNewOneWhileTheOldOneFinishes) {
    auto held = state.service();  // as a stream under way holds it
    const std::weak_ptr<api::Service> old = held;
    swap.start(current, next, true);
    while (state.service()->served_model().id != "next") std::this_thread::sleep_for(1ms);
    EXPECT_THROW(swap.start(current, next, true), Error);  // one at a time
    EXPECT_EQ(held->engine().failure(), "");
    EXPECT_FALSE(old.expired());
    held.reset();
    EXPECT_EQ(status_after(), "done");
    EXPECT_TRUE(old.expired());
    EXPECT_EQ(context(), 2048);
}

TEST_F(SwapTest, WaitsForTheOldOneWhereMemoryDoesNotHoldBoth) {
    may_load = [this](std::int32_t) {
        if (state.find_service() != nullptr) throw Error(ErrorCode::does_not_fit, "full");
    };
    auto held = state.service();
    swap.start(current, next, true);
    while (swap.status() != "waiting for the old model's streams") std::this_thread::sleep_for(1ms);
    EXPECT_THROW(state.service(), Error);  // 503 with Retry-After for whoever comes now
    held.reset();
    EXPECT_EQ(status_after(), "done");
    EXPECT_EQ(context(), 2048);
}

TEST_F(SwapTest, KeepsOrRestoresTheOldOneWhenTheNewOneFails) {
    may_load = [](std::int32_t context_length) {
        if (context_length == 2048) throw Error(ErrorCode::device_failed, "broken");
    };
    swap.start(current, next, true);
    EXPECT_EQ(status_after(), "failed: broken");
    EXPECT_EQ(context(), 1024);
    swap.start(current, next, false);
    EXPECT_EQ(status_after(), "failed: broken");
    EXPECT_EQ(context(), 1024);
}

TEST_F(SwapTest, SaysThatNothingCanBeLoadedUntilSomethingIs) {
    may_load = [](std::int32_t) { throw Error(ErrorCode::device_failed, "broken"); };
    swap.start(current, next, false);
    EXPECT_EQ(status_after(), "failed: broken");
    EXPECT_EQ(state.failure(), "broken");
    EXPECT_EQ(state.to_json()["status"], "failed");
    EXPECT_THROW(state.service(), Error);
    may_load = [](std::int32_t) {};
    swap.start(current, next, false);
    EXPECT_EQ(status_after(), "done");
    EXPECT_EQ(state.failure(), "");
    EXPECT_EQ(context(), 2048);
}

// A reload of keys and model together.
struct ReloadTest : SwapTest {
    void write_keys(const std::string& key) {
        const std::string line = "one " + key + "\n";
        test::write_file(folder.path() / "keys", {line.begin(), line.end()});
    }
    int status_with(const std::string& key) {
        return test::ask(server->port(), "GET", "/v1/models", "", "Authorization: Bearer " + key + "\r\n")
            .status;
    }
    void SetUp() override {
        write_keys("first-key-0123456789");
        current.api_keys_file = next.api_keys_file = (folder.path() / "keys").string();
        http::ServerOptions options = server_options(current);
        options.port = 0;
        server = std::make_unique<http::Server>(options, router, api_keys(current), metrics);
        reload = std::make_unique<Reload>(
            current, [this] { return next; }, *server, state, swap);
    }
    void TearDown() override { swap.stop(); }

    test::TemporaryFolder folder;
    Metrics metrics;
    http::Router router = make_routes(state, metrics);
    std::unique_ptr<http::Server> server;
    std::unique_ptr<Reload> reload;
};

TEST_F(ReloadTest, KeysWaitForTheModelTheyCameWith) {
    auto held = state.service();
    write_keys("second-key-0123456789");
    std::promise<void> gate;
    may_load = [opened = gate.get_future().share()](std::int32_t context_length) {
        if (context_length == 2048) opened.wait();
    };
    reload->apply();
    EXPECT_EQ(status_with("first-key-0123456789"), 200);
    EXPECT_EQ(status_with("second-key-0123456789"), 401);
    write_keys("third-key-0123456789");
    EXPECT_THROW(reload->apply(), Error);  // one is under way: nothing of this one
    gate.set_value();
    held.reset();
    EXPECT_EQ(status_after(), "done");
    EXPECT_EQ(status_with("second-key-0123456789"), 200);
    EXPECT_EQ(status_with("third-key-0123456789"), 401);
    EXPECT_EQ(reload->current().max_context_length, 2048);
}

TEST_F(ReloadTest, AModelThatCannotBeLoadedLeavesEverythingAsItWas) {
    may_load = [](std::int32_t context_length) {
        if (context_length == 2048) throw Error(ErrorCode::device_failed, "broken");
    };
    write_keys("second-key-0123456789");
    reload->apply();
    EXPECT_EQ(status_after(), "failed: broken");
    EXPECT_EQ(status_with("first-key-0123456789"), 200);
    EXPECT_EQ(status_with("second-key-0123456789"), 401);
    EXPECT_EQ(reload->current().max_context_length, 1024);
    may_load = [](std::int32_t) {};
    reload->apply();  // the same settings again: tried again
    EXPECT_EQ(status_after(), "done");
    EXPECT_EQ(status_with("second-key-0123456789"), 200);
}

TEST_F(ReloadTest, BadKeysChangeNothing) {
    next = current;
    next.cors_origin = "*";
    write_keys("short");
    EXPECT_THROW(reload->apply(), Error);
    EXPECT_EQ(status_with("first-key-0123456789"), 200);
    EXPECT_EQ(reload->current().cors_origin, "");
}

}  // namespace
}  // namespace gptoss::node
