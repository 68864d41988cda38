// `plan`: what a model and a context will cost, before anything is loaded.
#include <algorithm>
#include <cstdio>
#include <functional>
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
#include "model/plan_size.h"
#include "model/weights.h"
#include "node/memory_ceiling.h"

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
    std::function<backend::DeviceNeeds(const model::PlanRequest&)>
        needs;  // weight_bytes: as the device lays them out
};

PlanSubject plan_subject_of(const PlanOptions& options) {
    PlanSubject subject;
    std::int64_t file_bytes = 0;
    std::shared_ptr<const gguf::File> file;
    if (options.model.empty()) {
        subject.name = options.preset;
        subject.shape = options.preset == "gpt-oss-120b" ? model::gpt_oss_120b() : model::gpt_oss_20b();
    } else {
        file = std::make_shared<const gguf::File>(gguf::File::open(options.model));
        subject.name = options.model;
        subject.shape = model::find_weights(*file).hyperparameters;
        for (const gguf::Tensor& tensor : file->tensors())
            file_bytes += static_cast<std::int64_t>(tensor.data.size());
    }
    subject.needs = [options, file, file_bytes, shape = subject.shape](const model::PlanRequest& request) {
        backend::DeviceNeeds needs;
        if (!options.gpu.empty()) {
            needs = backend::needs_of_card(options.gpu, shape, request, file_bytes);
            needs.host = backend::cpu_share(shape, request);
        } else {
            needs = file == nullptr
                        ? backend::device_needs(options.device, shape, request)
                        : backend::device_needs(options.device, model::find_weights(*file), request);
        }
        if (needs.weight_bytes == 0)
            needs.weight_bytes = file == nullptr ? model::published_weight_bytes(shape) : file_bytes;
        // As a node of default settings does: it uses a card of 96 GB up to a ceiling.
        const std::int64_t ceiling_bytes = node::memory_ceiling_bytes({}, needs.total_bytes);
        needs.free_bytes = node::below_ceiling(ceiling_bytes, needs);
        return needs;
    };
    return subject;
}

model::MemoryPlan plan_of(const PlanSubject& subject, const model::PlanRequest& request,
                          const backend::DeviceNeeds& needs) {
    return model::plan(subject.shape, request, needs.weight_bytes, needs.workspace_bytes, needs.runtime_bytes,
                       needs.host);
}

// As a node with this card to itself divides it. Where sizes are said, or on a CPU, one context.
model::PlanRequest request_of(const PlanOptions& options, const PlanSubject& subject) {
    model::PlanRequest request = options.request;
    request.context_length = std::min(request.context_length, subject.shape.context_length);
    const bool on_gpu = !options.gpu.empty() || options.device != "cpu";
    const bool split = model::device_layers(subject.shape, request).first > 0;
    const model::OpenSizes open{.sequences = request.max_sequences == 0 && !split,
                                .cache_tokens = request.cache_tokens == 0};
    const bool said = !open.sequences || !open.cache_tokens;
    if (request.max_sequences == 0) request.max_sequences = on_gpu && !said ? model::kFewestSequences : 1;
    if (!on_gpu || said) return request;
    const backend::DeviceNeeds first = subject.needs(request);
    return model::fill_memory(
        request, open, {.total_bytes = first.total_bytes, .free_bytes = first.free_bytes},
        [&](const model::PlanRequest& wanted) { return plan_of(subject, wanted, subject.needs(wanted)); });
}

nlohmann::ordered_json to_json(const PlanSubject& subject, const model::MemoryPlan& plan,
                               const backend::DeviceNeeds& needs, std::int32_t largest_context) {
    return {{"model", subject.name},
            {"device", needs.device},
            {"context_length", plan.request.context_length},
            {"max_sequences", plan.request.max_sequences},
            {"cache_tokens", plan.cache_tokens()},
            {"max_batch_tokens", plan.request.max_batch_tokens},
            {"weight_bytes", plan.weight_bytes},
            {"full_kv_bytes", plan.full_kv_bytes},
            {"sliding_kv_bytes", plan.sliding_kv_bytes},
            {"kept_kv_bytes", plan.kept_kv_bytes},
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
    options.request.kv_types = model::kv_types_named(options.kv_type);
    if (options.gpu.empty()) require_gpu_for_layers(options.device, options.request.gpu_layers);
    const PlanSubject subject = plan_subject_of(options);
    const model::PlanRequest request = request_of(options, subject);
    const backend::DeviceNeeds needs = subject.needs(request);
    const model::MemoryPlan plan = plan_of(subject, request, needs);
    const std::int32_t largest =
        model::largest_context_that_fits(subject.shape, request, needs.weight_bytes, needs.workspace_bytes,
                                         needs.runtime_bytes, needs.free_bytes, needs.host);
    if (options.json) {
        std::printf("%s\n", to_json(subject, plan, needs, largest).dump(2).c_str());
    } else {
        std::printf("%s on %s\n%s", subject.name.c_str(), needs.device.c_str(),
                    model::to_table(plan, needs.free_bytes).c_str());
        if (const std::int64_t ceiling_bytes = node::memory_ceiling_bytes({}, needs.total_bytes);
            ceiling_bytes > 0)
            std::printf("  Free below the ceiling of %.1f MB (VRAM_CEILING_MB); the card has %.1f MB.\n",
                        static_cast<double>(ceiling_bytes) / 1e6,
                        static_cast<double>(needs.total_bytes) / 1e6);
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
    command->add_option(
        "--cache-tokens", options->request.cache_tokens,
        "Tokens cached over all sequences (default: all a GPU has room for, as the node does; on a "
        "CPU one context)");
    options->request.max_sequences = 0;  // open
    command
        ->add_option("--sequences", options->request.max_sequences,
                     "Sequences computed at the same time (default: as the node does on a GPU; on a CPU one)")
        ->check(CLI::Range(1, 4096));
    command->add_option("--batch", options->request.max_batch_tokens, "Rows of one step")
        ->check(CLI::Range(1, 1 << 16));
    command->add_option("--kv-type", options->kv_type, "Type of the KV cache")
        ->check(CLI::IsMember({"bf16", "f16", "f8", "f8_full", "q8_0"}));
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
