// The model in the box, found, loaded and asked, in this process.
#include "node/demo_model.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <thread>

#include "base/error.h"
#include "node/loaded_model.h"
#include "support/temporary_folder.h"
#include "two_halves.h"

namespace gptoss::node {
namespace {

std::vector<Device> cpu() {
    return {{"cpu",
             [](const model::Weights& weights, const model::PlanRequest& request) {
                 return backend::cpu_needs(weights.hyperparameters, request);
             },
             [](const model::Weights& weights, const backend::BackendOptions& options,
                const backend::LoadProgress&) { return backend::make_cpu_backend(weights, options); }}};
}

const LoadProgress kSilent = [](const std::string&, std::int64_t, std::int64_t) {};

api::Json answer_of(const LoadedModel& model) {
    api::ServiceOptions options;
    options.date = "2026-11-22";
    const auto service = std::make_shared<api::Service>(model.engine, model.served, options, nullptr);
    auto answer = service->chat(
        R"({"messages": [{"role": "user", "content": "What is 2+2?"}], "temperature": 0, "max_tokens": 400})",
        {"test", [] {}});
    auto& response_stream = *std::get<std::unique_ptr<api::ResponseStream>>(answer);
    api::ResponseStream::Output output;
    while (!(output = response_stream.take()).finished)
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    EXPECT_EQ(output.reply.status, 200);
    return api::Json::parse(output.reply.body)["choices"][0]["message"];
}

TEST(DemoModel, IsFoundAndAnswers) {
    Settings settings;
    settings.max_context_length = 2048;
    settings.max_sequences = 2;
    settings.batch_tokens = 64;  // what larger steps take is measured at each load
    settings.threads = 1;
    std::string stages;
    LoadedModel model =
        load_model(settings, cpu(),
                   [&](const std::string& stage, std::int64_t, std::int64_t) { stages += stage + "\n"; });
    EXPECT_NE(stages.find("reading weights"), std::string::npos);
    EXPECT_EQ(model.engine->options().context_length, 2048);
    EXPECT_GE(model.plan.request.cache_tokens, 2048);

    const api::Json message = answer_of(model);
    EXPECT_NE(message["content"].get<std::string>().find('4'), std::string::npos) << message;
    EXPECT_FALSE(message.value("reasoning", std::string()).empty());
}

// Not just nearly: both halves are the same arithmetic.
// For a program that was copied away from its tree.
TEST(DemoModel, IsWhereTheEnvironmentSays) {
    const std::filesystem::path usual = find_demo_model();
    const test::TemporaryFolder folder;
    setenv("DEMO_MODEL_PATH", folder.path().c_str(), 1);
    EXPECT_THROW(find_demo_model(), Error) << "it is empty";
    std::ofstream(folder.path() / "b.gguf") << "later part";
    std::ofstream(folder.path() / "a.gguf") << "first part";
    EXPECT_EQ(find_demo_model(), folder.path() / "a.gguf");
    unsetenv("DEMO_MODEL_PATH");
    EXPECT_EQ(find_demo_model(), usual);
}

TEST(DemoModel, SaysTheSameInTwoPlaces) {
    std::vector<Device> two{
        {"cuda",
         [](const model::Weights& weights, const model::PlanRequest& request) {
             backend::DeviceNeeds needs = backend::cpu_needs(weights.hyperparameters, request);
             needs.host = backend::cpu_share(weights, request);
             return needs;
         },
         [](const model::Weights& weights, const backend::BackendOptions& options,
            const backend::LoadProgress&) { return make_in_two_halves(weights, options); }}};
    Settings settings;
    settings.max_context_length = 2048;
    settings.max_sequences = 2;
    settings.batch_tokens = 64;  // what larger steps take is measured at each load
    settings.threads = 1;
    const api::Json whole = answer_of(load_model(settings, cpu(), kSilent));
    settings.gpu_layers = 5;
    const LoadedModel model = load_model(settings, two, kSilent);
    EXPECT_EQ(model.engine->backend_info().placement,
              "layers 0-2 on the CPU, layers 3-7 and head on the CPU");
    EXPECT_GT(model.served.card["memory"]["host_bytes"], 0);
    EXPECT_EQ(answer_of(model), whole);
}

TEST(DemoModel, RefusesWhatDoesNotFitOrContradictsTheModel) {
    const auto code = [](const Settings& settings) {
        try {
            load_model(settings, cpu(), kSilent);
            return std::string("loaded");
        } catch (const Error& error) {
            return std::string(to_string(error.code()));
        }
    };
    Settings settings;
    settings.max_context_length = 1 << 20;
    EXPECT_EQ(code(settings), "setting_invalid");
    settings = {};
    settings.max_sequences = 4096;
    settings.batch_tokens = 65536;
    settings.cache_tokens = std::numeric_limits<std::int32_t>::max();
    EXPECT_EQ(code(settings), "does_not_fit");
    settings = {};
    settings.device = DeviceChoice::cuda;
    EXPECT_EQ(code(settings), "setting_invalid");
    settings = {};
    settings.model_path = "/nowhere.gguf";
    EXPECT_EQ(code(settings), "file_not_found");
}

TEST(DemoModel, StopsLoadingWhenTold) {
    EXPECT_THROW(load_model({}, cpu(),
                            [](const std::string&, std::int64_t, std::int64_t) {
                                throw Error(ErrorCode::cancelled, "enough");
                            }),
                 Error);
}

}  // namespace
}  // namespace gptoss::node
