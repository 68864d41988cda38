#include "model/plan.h"

#include <algorithm>
#include <cstdio>

#include "base/error.h"

namespace gptoss::model {
namespace {

std::int64_t blocks_for(std::int64_t tokens) {
    return (tokens + kBlockTokens - 1) / kBlockTokens;
}

// Keys and values of one layer for one block.
std::int64_t block_bytes(const Hyperparameters& shape, KvType type) {
    return std::int64_t{kBlockTokens} * 2 * shape.kv_width() * kv_element_bytes(type);
}

// A window straddles one block more than it fills.
std::int64_t window_blocks(const Hyperparameters& shape) {
    return blocks_for(shape.sliding_window) + 1;
}

// Blocks of the sliding pool for those who run: their windows, a block each that the next rows begin, and the
// rows of one step before the old ones are released.
std::int64_t running_sliding_blocks(const Hyperparameters& shape, const PlanRequest& request) {
    return (window_blocks(shape) + 1) * request.max_sequences + blocks_for(request.max_batch_tokens);
}

// And for the prefix cache's branch points.
std::int64_t kept_sliding_blocks(const Hyperparameters& shape, const PlanRequest& request) {
    return window_blocks(shape) * (request.kept_windows > 0 ? request.kept_windows : request.max_sequences);
}

}  // namespace

const char* name_of(const KvTypes& types) {
    if (types == kF8OnFullLayers) return "f8_full";
    if (types.full == KvType::f8) return "f8";
    return types.full == KvType::f16 ? "f16" : "bf16";
}

KvTypes kv_types_named(std::string_view name) {
    for (const KvTypes& types :
         {KvTypes(KvType::bf16), KvTypes(KvType::f16), KvTypes(KvType::f8), kF8OnFullLayers})
        if (name == name_of(types)) return types;
    if (name == "q8_0") return KvType::f8;
    throw Error(ErrorCode::setting_invalid, "there is no KV cache type \"" + std::string(name) + "\"",
                "Name one of bf16, f16, f8 and f8_full.", {{"kv_cache_type", std::string(name)}});
}

LayerRange device_layers(const Hyperparameters& shape, const PlanRequest& request) {
    const bool split = request.gpu_layers > 0 && request.gpu_layers < shape.layers;
    return {split ? shape.layers - request.gpu_layers : 0, shape.layers};
}

MemoryPlan plan(const Hyperparameters& shape, const PlanRequest& request, std::int64_t weight_bytes,
                std::int64_t workspace_bytes, std::int64_t runtime_bytes, const HostShare& host) {
    MemoryPlan result;
    result.request = request;
    const LayerRange on_device = device_layers(shape, request), on_host{0, on_device.first};
    const std::int64_t cache_tokens = std::max<std::int64_t>(request.cache_tokens, request.context_length);
    // One block a sequence more: each ends in a block it fills only in part.
    result.full_blocks = static_cast<std::int32_t>(blocks_for(cache_tokens) + request.max_sequences - 1);
    const std::int64_t kept_blocks = kept_sliding_blocks(shape, request);
    result.sliding_blocks = static_cast<std::int32_t>(running_sliding_blocks(shape, request) + kept_blocks);
    const std::int64_t full_bytes = block_bytes(shape, request.kv_types.full),
                       sliding_bytes = block_bytes(shape, request.kv_types.sliding);
    result.full_kv_bytes = result.full_blocks * full_bytes * on_device.full_layers();
    result.sliding_kv_bytes = result.sliding_blocks * sliding_bytes * on_device.sliding_layers();
    result.kept_kv_bytes = kept_blocks * sliding_bytes * on_device.sliding_layers();
    result.host = host;
    result.host.layers = on_host.end;
    result.host.full_kv_bytes = result.full_blocks * full_bytes * on_host.full_layers();
    result.host.sliding_kv_bytes = result.sliding_blocks * sliding_bytes * on_host.sliding_layers();
    result.weight_bytes = weight_bytes;
    result.workspace_bytes = workspace_bytes;
    result.runtime_bytes = runtime_bytes;
    return result;
}

namespace {

std::int64_t q8_0_bytes(std::int64_t elements) {
    return elements / 32 * 34;
}
std::int64_t f32_bytes(std::int64_t elements) {
    return elements * 4;
}

}  // namespace

std::int64_t published_layer_bytes(const Hyperparameters& shape) {
    const std::int64_t hidden = shape.hidden, width = shape.intermediate_size, experts = shape.experts;
    const auto mxfp4 = [](std::int64_t elements) { return elements / 32 * 17; };
    const std::int64_t attention =
        q8_0_bytes(hidden * (shape.query_width() + 2LL * shape.kv_width())) +
        q8_0_bytes(hidden * shape.query_width()) +
        f32_bytes(shape.query_width() + 2LL * shape.kv_width() + hidden + shape.query_heads);
    const std::int64_t moe = mxfp4(experts * 3 * hidden * width) + f32_bytes(experts * (2 * width + hidden)) +
                             f32_bytes(experts * hidden + experts);
    return attention + moe + f32_bytes(2 * hidden);
}

std::int64_t published_embedding_bytes(const Hyperparameters& shape) {
    return q8_0_bytes(std::int64_t{shape.hidden} * shape.vocabulary);
}

std::int64_t published_weight_bytes(const Hyperparameters& shape) {
    return shape.layers * published_layer_bytes(shape) + 2 * published_embedding_bytes(shape) +
           f32_bytes(shape.hidden);
}

std::int32_t largest_context_that_fits(const Hyperparameters& shape, PlanRequest request,
                                       std::int64_t weight_bytes, std::int64_t workspace_bytes,
                                       std::int64_t runtime_bytes, std::int64_t free_bytes,
                                       const HostShare& host) {
    std::int32_t fits = 0, too_many = shape.context_length / kBlockTokens + 1;  // in blocks
    request.cache_tokens = 0;
    while (too_many - fits > 1) {
        const std::int32_t middle = fits + (too_many - fits) / 2;
        request.context_length = middle * kBlockTokens;
        const MemoryPlan candidate = plan(shape, request, weight_bytes, workspace_bytes, runtime_bytes, host);
        (candidate.fits(free_bytes) ? fits : too_many) = middle;
    }
    return fits * kBlockTokens;
}

void require_fit(const MemoryPlan& plan, const Hyperparameters& shape, std::int64_t free_bytes,
                 const std::string& device, std::int32_t gpu_layers) {
    if (plan.fits(free_bytes)) return;
    const std::int32_t largest =
        largest_context_that_fits(shape, plan.request, plan.weight_bytes, plan.workspace_bytes,
                                  plan.runtime_bytes, free_bytes, plan.host);
    std::string hint =
        largest > 0
            ? "The largest context that fits is " + std::to_string(largest) +
                  " tokens (MAX_CONTEXT_LENGTH); fewer sequences (GPTOSS_MAX_SEQUENCES) or rows a step "
                  "(LLAMA_BATCH_SIZE) leave more."
            : "Not even the smallest context fits: the weights alone are too large.";
    if (gpu_layers > 0)
        hint += " GPU_LAYERS=" + std::to_string(gpu_layers) +
                " fits: the other layers are then computed by the CPU, which is slower.";
    const std::string& where = plan.total_bytes() > free_bytes ? device : "the host";
    throw Error(ErrorCode::does_not_fit,
                "the model does not fit into the memory of " + where + ":\n" + to_table(plan, free_bytes),
                hint,
                {{"total_bytes", std::to_string(plan.total_bytes())},
                 {"free_bytes", std::to_string(free_bytes)},
                 {"largest_context_length", std::to_string(largest)}});
}

std::string to_table(const MemoryPlan& plan, std::int64_t free_bytes) {
    std::string table;
    const auto line = [&](const char* what, std::int64_t bytes, const std::string& remark) {
        char text[160];
        std::snprintf(text, sizeof text, "  %-22s %12.1f MB   %s\n", what, static_cast<double>(bytes) / 1e6,
                      remark.c_str());
        table += text;
    };
    const auto blocks = [](std::int32_t count) {
        return std::to_string(count) + " blocks of " + std::to_string(kBlockTokens) + " tokens";
    };
    const auto place = [&](std::int64_t total_bytes, std::int64_t free) {
        if (free <= 0) return;
        line("free", free, total_bytes <= free ? "fits" : "DOES NOT FIT");
        if (total_bytes <= free) line("left", free - total_bytes, "");
    };
    const std::string rows = std::to_string(plan.request.max_batch_tokens) + " rows a step";
    const std::string context =
        "up to " + std::to_string(plan.request.context_length) + " tokens in one conversation";
    const HostShare& host = plan.host;
    line("weights", plan.weight_bytes,
         host.layers > 0 ? "the last " + std::to_string(plan.request.gpu_layers) + " layers and the head"
                         : "");
    line("KV, full layers", plan.full_kv_bytes,
         std::to_string(plan.cache_tokens()) + " tokens over all conversations");
    line("KV, windows in use", plan.sliding_kv_bytes - plan.kept_kv_bytes,
         std::to_string(plan.request.max_sequences) + " conversations computed at a time");
    line("KV, windows kept", plan.kept_kv_bytes, "for conversations that go on later");
    line("workspace", plan.workspace_bytes, rows);
    if (plan.runtime_bytes > 0) line("device runtime", plan.runtime_bytes, "");
    line("total", plan.total_bytes(), context);
    place(plan.total_bytes(), free_bytes);
    if (host.layers == 0) return table;
    table += "and on the host:\n";
    line("weights", host.weight_bytes,
         "the embedding and the first " + std::to_string(host.layers) + " layers");
    line("KV, full layers", host.full_kv_bytes, blocks(plan.full_blocks));
    line("KV, sliding layers", host.sliding_kv_bytes, blocks(plan.sliding_blocks));
    line("workspace", host.workspace_bytes, rows);
    line("total", host.total_bytes(), context);
    place(host.total_bytes(), host.free_bytes);
    return table;
}

}  // namespace gptoss::model
