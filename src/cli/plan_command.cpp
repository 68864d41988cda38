// `plan`: what a model and a context will cost, before anything is loaded.
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "backend/cuda/plan/execution_plan.h"
#include "backend/devices/devices.h"
#include "backend/gpu_cards.h"
#include "backend/needs.h"
#include "base/error.h"
#include "cli/commands.h"
#include "cli/gpu_layers.h"
#include "gguf/file.h"
#include "model/plan.h"
#include "model/weights.h"

namespace gptoss::cli {
namespace {

struct PlanOptions {
    std::string model, preset, device = "cpu", gpu, kv_type = "bf16";  // gpu: a card that is not here
    std::string kernels;                                               // of this card; empty = not asked for
    model::PlanRequest request;
    bool json = false;
};

struct PlanSubject {
    std::string name;
    model::Hyperparameters shape;
    std::int64_t weight_bytes = 0;  // as the device lays them out
    backend::DeviceNeeds needs;
};

PlanSubject plan_subject_of(PlanOptions& options) {
    const auto cut_context = [&](const model::Hyperparameters& shape) {
        options.request.context_length = std::min(options.request.context_length, shape.context_length);
    };
    PlanSubject subject;
    if (options.model.empty()) {
        subject.name = options.preset;
        subject.shape = options.preset == "gpt-oss-120b" ? model::gpt_oss_120b() : model::gpt_oss_20b();
        cut_context(subject.shape);
        subject.needs = options.gpu.empty()
                            ? backend::device_needs(options.device, subject.shape, options.request)
                            : backend::needs_of_card(options.gpu, subject.shape, options.request, 0);
        subject.weight_bytes = model::published_weight_bytes(subject.shape);
    } else {
        const gguf::File file = gguf::File::open(options.model);
        const model::Weights weights = model::find_weights(file);
        subject.name = options.model;
        subject.shape = weights.hyperparameters;
        cut_context(subject.shape);
        for (const gguf::Tensor& tensor : file.tensors())
            subject.weight_bytes += static_cast<std::int64_t>(tensor.data.size());
        subject.needs = options.gpu.empty() ? backend::device_needs(options.device, weights, options.request)
                                            : backend::needs_of_card(options.gpu, subject.shape,
                                                                     options.request, subject.weight_bytes);
    }
    if (!options.gpu.empty()) subject.needs.host = backend::cpu_share(subject.shape, options.request);
    if (subject.needs.weight_bytes > 0) subject.weight_bytes = subject.needs.weight_bytes;
    return subject;
}

nlohmann::ordered_json to_json(const PlanSubject& subject, const model::MemoryPlan& plan,
                               const backend::DeviceNeeds& needs, std::int32_t largest_context) {
    return {{"model", subject.name},
            {"device", needs.device},
            {"context_length", plan.request.context_length},
            {"max_sequences", plan.request.max_sequences},
            {"max_batch_tokens", plan.request.max_batch_tokens},
            {"weight_bytes", plan.weight_bytes},
            {"full_kv_bytes", plan.full_kv_bytes},
            {"sliding_kv_bytes", plan.sliding_kv_bytes},
            {"workspace_bytes", plan.workspace_bytes},
            {"runtime_bytes", plan.runtime_bytes},
            {"total_bytes", plan.total_bytes()},
            {"free_bytes", needs.free_bytes},
            {"host_layers", plan.host.layers},
            {"host_total_bytes", plan.host.total_bytes()},
            {"fits", plan.fits(needs.free_bytes)},
            {"largest_context_length", largest_context}};
}

int print_kernels(const PlanOptions& options) {
    backend::cuda::PlanOptions model;
    model.shape = options.preset == "gpt-oss-20b" ? model::gpt_oss_20b() : model::gpt_oss_120b();
    if (!options.model.empty()) {
        const gguf::File file = gguf::File::open(options.model);
        const model::Weights weights = model::find_weights(file);
        model.shape = weights.hyperparameters;
        const auto is_mxfp4 = [](const model::Matrix& matrix) {
            return matrix.tensor->type == gguf::TensorType::MXFP4;
        };
        for (const model::LayerWeights& layer : weights.layers)
            model.experts_are_mxfp4 =
                model.experts_are_mxfp4 && is_mxfp4(layer.gate) && is_mxfp4(layer.up) && is_mxfp4(layer.down);
    }
    const std::int32_t context = std::min(options.request.context_length, model.shape.context_length);
    const std::string table =
        backend::cuda::kernel_table(backend::cuda::card_named(options.kernels), model, context);
    std::printf("%s on a %s, sequences of up to %d tokens; tiles are weight rows x tokens\n%s",
                (options.model.empty() ? options.preset : options.model).c_str(), options.kernels.c_str(),
                context, table.c_str());
    return 0;
}

int run(PlanOptions options) {
    if (!options.kernels.empty()) return print_kernels(options);
    options.request.kv_type = options.kv_type == "f8" || options.kv_type == "q8_0" ? model::KvType::f8
                              : options.kv_type == "f16"                           ? model::KvType::f16
                                                                                   : model::KvType::bf16;
    if (options.gpu.empty()) require_gpu_for_layers(options.device, options.request.gpu_layers);
    const PlanSubject subject = plan_subject_of(options);
    const backend::DeviceNeeds& needs = subject.needs;
    const model::MemoryPlan plan = model::plan(subject.shape, options.request, subject.weight_bytes,
                                               needs.workspace_bytes, needs.runtime_bytes, needs.host);
    const std::int32_t largest = model::largest_context_that_fits(
        subject.shape, options.request, subject.weight_bytes, needs.workspace_bytes, needs.runtime_bytes,
        needs.free_bytes, needs.host);
    if (options.json) {
        std::printf("%s\n", to_json(subject, plan, needs, largest).dump(2).c_str());
    } else {
        std::printf("%s on %s\n%s", subject.name.c_str(), needs.device.c_str(),
                    model::to_table(plan, needs.free_bytes).c_str());
        if (!plan.fits(needs.free_bytes))
            std::printf(
                largest > 0
                    ? "  The largest context that fits is %d tokens.\n"
                    : "  Not even the smallest context fits (%d tokens): the weights alone are too large.\n",
                largest);
    }
    return plan.fits(needs.free_bytes) ? 0 : 2;
}

}  // namespace

void add_plan(CLI::App& app, int& exit_code) {
    auto* command =
        app.add_subcommand("plan", "Show what a model and a context will cost, before anything is loaded");
    auto options = std::make_shared<PlanOptions>();
    auto* source = command->add_option_group("model", "What to plan for");
    source->add_option("--model", options->model, "A GGUF file, or any part of a split one");
    source->add_option("--preset", options->preset, "A published model, before any file is there")
        ->check(CLI::IsMember({"gpt-oss-120b", "gpt-oss-20b"}));
    source->require_option(1);
    command->add_option("--context", options->request.context_length, "Tokens of context of one sequence")
        ->check(CLI::Range(1, 1 << 24));
    command->add_option("--cache-tokens", options->request.cache_tokens,
                        "Tokens cached over all sequences (default: one context)");
    command->add_option("--sequences", options->request.max_sequences, "Sequences computed at the same time")
        ->check(CLI::Range(1, 4096));
    command->add_option("--batch", options->request.max_batch_tokens, "Rows of one step")
        ->check(CLI::Range(1, 1 << 16));
    command->add_option("--kv-type", options->kv_type, "Type of the KV cache")
        ->check(CLI::IsMember({"bf16", "f16", "f8", "q8_0"}));
    auto* device = command->add_option("--device", options->device, "cpu or cuda");
    command
        ->add_option(
            "--gpu", options->gpu,
            "A card that is not here: h100, h200, pro6000, 4090, ...; or the bytes free on it (24GB)")
        ->excludes(device);
    add_gpu_layers(*command, options->request.gpu_layers);
    command->add_option(
        "--kernels", options->kernels,
        "Print instead which CUDA kernels would compute 1 to 8,192 tokens on this card (a100, "
        "a6000, l40s, h100, h200, b200, rtx-pro-6000); needs no GPU");
    command->add_flag("--json", options->json, "For machines");
    command->footer("Exit status: 0 it fits, 2 it does not.");
    command->callback([options, &exit_code] { exit_code = run(*options); });
}

}  // namespace gptoss::cli
