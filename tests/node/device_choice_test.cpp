// Where layers are placed: never silently elsewhere than asked for. The GPU of these tests is the CPU under
// another name, with a memory of its own; layers on both sides are two halves of one CPU.
#include <gtest/gtest.h>

#include "base/error.h"
#include "node/loaded_model.h"
#include "two_halves.h"

namespace gptoss::node {
namespace {

const LoadProgress kUnheard = [](const std::string&, std::int64_t, std::int64_t) {};

Device device(const std::string& name, const backend::DeviceNeeds& needs) {
    return {name, [needs](const model::Weights&, const model::PlanRequest&) { return needs; },
            [name](const model::Weights& weights, const backend::BackendOptions& options,
                   const backend::LoadProgress& progress) {
                if (name != "cpu") progress(1, 2);
                return make_in_two_halves(weights, options);
            }};
}

Device processor() {
    return device("cpu", {"CPU", 1 << 20, 0, 8LL << 30});
}

Device gpu(std::int64_t free_bytes = 8LL << 30) {
    return device("cuda", {"Fake GPU", 1 << 20, 1 << 20, free_bytes, 20 << 20, 16LL << 30, "0000:17:00.0"});
}

Device broken_gpu() {
    Device broken = gpu();
    broken.needs = [](const model::Weights&, const model::PlanRequest&) -> backend::DeviceNeeds {
        throw Error(ErrorCode::device_failed, "no usable GPU: no driver");
    };
    return broken;
}

Settings small() {
    Settings settings;
    settings.max_context_length = 1024;
    settings.max_sequences = 1;
    settings.cache_tokens = 1024;
    settings.batch_tokens = 64;  // what larger steps take is measured at each load
    settings.threads = 1;
    return settings;
}

// "cuda", "cpu", or the error's message.
std::string choice(const Settings& settings, const std::vector<Device>& devices) {
    try {
        return load_model(settings, devices, kUnheard).bus_id.empty() ? "cpu" : "cuda";
    } catch (const Error& error) {
        return error.what();
    }
}

TEST(DeviceChoice, TakesTheGpuWhereThereIsOne) {
    EXPECT_EQ(choice(small(), {gpu(), processor()}), "cuda");
    EXPECT_EQ(choice(small(), {broken_gpu(), processor()}), "cpu");
    EXPECT_EQ(choice(small(), {processor()}), "cpu");
}

TEST(DeviceChoice, GpuLayersAskedForAreNeverPutOnTheCpu) {
    Settings settings = small();
    settings.gpu_layers = 99;
    EXPECT_EQ(choice(settings, {gpu(), processor()}), "cuda");
    EXPECT_EQ(choice(settings, {broken_gpu(), processor()}), "no usable GPU: no driver");
    EXPECT_EQ(choice(settings, {processor()}),
              "GPU_LAYERS=99 asks for a GPU, but this build computes on the CPU alone");
    settings.gpu_layers = 0;
    EXPECT_EQ(choice(settings, {gpu(), processor()}), "cpu");
    settings = small();
    settings.device = DeviceChoice::cuda;
    EXPECT_EQ(choice(settings, {broken_gpu(), processor()}), "no usable GPU: no driver");
    settings.device = DeviceChoice::cpu;
    EXPECT_EQ(choice(settings, {gpu(), processor()}), "cpu");
}

TEST(DeviceChoice, DeterminismIsAskedOfTheDevice) {
    for (const Determinism asked : {Determinism::off, Determinism::on}) {
        Settings settings = small();
        settings.determinism = asked;
        bool wanted = false;
        Device card = gpu();
        card.make = [&, make = card.make](const model::Weights& weights,
                                          const backend::BackendOptions& options,
                                          const backend::LoadProgress& progress) {
            wanted = options.kernels.batch_invariant;
            return make(weights, options, progress);
        };
        EXPECT_EQ(choice(settings, {card, processor()}), "cuda");
        EXPECT_EQ(wanted, asked == Determinism::on);
    }
}

TEST(DeviceChoice, TheGpuWithTheNumberAskedForIsPlannedFor) {
    Settings settings = small();
    settings.gpu_ordinal = 3;
    std::int32_t asked = -1;
    Device card = gpu();
    card.needs = [&, needs = card.needs](const model::Weights& weights, const model::PlanRequest& request) {
        asked = request.gpu_ordinal;
        return needs(weights, request);
    };
    EXPECT_EQ(choice(settings, {card, processor()}), "cuda");
    EXPECT_EQ(asked, 3);
}

TEST(DeviceChoice, SomeGpuLayersAreExactlyThatMany) {
    Settings settings = small();
    settings.gpu_layers = 3;
    const LoadedModel loaded = load_model(settings, {gpu(), processor()}, kUnheard);
    EXPECT_EQ(loaded.engine->backend_info().placement,
              "layers 0-4 on the CPU, layers 5-7 and head on the CPU");
    EXPECT_EQ(loaded.plan.host.layers, 5);
    EXPECT_EQ(choice(settings, {broken_gpu(), processor()}), "no usable GPU: no driver");
    EXPECT_EQ(choice(settings, {processor()}),
              "GPU_LAYERS=3 asks for a GPU, but this build computes on the CPU alone");
}

TEST(DeviceChoice, WhatDoesNotFitTheGpuIsRefusedWithTheLayersThatDo) {
    Device small_gpu = gpu();
    small_gpu.needs = [](const model::Weights& weights, const model::PlanRequest& request) {
        backend::DeviceNeeds needs{"Fake GPU", 0, 0, 50 << 20, 0, 64 << 20, "0000:17:00.0"};
        const model::LayerRange layers = model::device_layers(weights.hyperparameters, request);
        needs.weight_bytes = std::int64_t{layers.end - layers.first} * (10 << 20);
        needs.host = backend::cpu_share(weights, request);
        return needs;
    };
    const auto hint = [&](const Settings& settings) -> std::string {
        try {
            load_model(settings, {small_gpu, processor()}, kUnheard);
        } catch (const Error& error) {
            EXPECT_EQ(error.code(), ErrorCode::does_not_fit);
            return error.hint();
        }
        return "it fits";
    };
    Settings settings = small();
    EXPECT_NE(hint(settings).find("GPU_LAYERS=4 fits"), std::string::npos) << hint(settings);
    settings.gpu_layers = 6;
    EXPECT_NE(hint(settings).find("GPU_LAYERS=4 fits"), std::string::npos) << hint(settings);
    settings.gpu_layers = 4;
    EXPECT_EQ(hint(settings), "it fits");
}

TEST(DeviceChoice, TheCeilingBoundsThePlanWithWhatOthersUse) {
    Settings settings = small();
    settings.vram_ceiling_mb = (8 << 10) + 512;  // 8 of 16 GiB are used by others: 512 MiB are left
    EXPECT_EQ(choice(settings, {gpu(), processor()}), "cuda");
    settings.vram_ceiling_mb = (8 << 10) + 16;  // the weights alone take 20
    EXPECT_NE(choice(settings, {gpu(), processor()}).find("does not fit"), std::string::npos);
}

TEST(DeviceChoice, TellsHowFarLoadingOntoTheGpuIs) {
    std::vector<std::string> stages;
    load_model(small(), {gpu(), processor()},
               [&](const std::string& stage, std::int64_t done, std::int64_t total) {
                   stages.push_back(stage + " " + std::to_string(done) + "/" + std::to_string(total));
               });
    EXPECT_EQ(stages.back(), "measuring steps 0/0");  // once it is loaded
    std::erase(stages, "measuring steps 0/0");
    EXPECT_EQ(stages.back(), "loading onto Fake GPU 1/2");
    EXPECT_EQ(std::ranges::count_if(stages, [](const std::string& s) { return s.starts_with("reading"); }),
              0);
}

}  // namespace
}  // namespace gptoss::node
