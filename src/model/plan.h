// What a model and a context will cost, in bytes, before anything is loaded.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "model/hyperparameters.h"
#include "model/layer_range.h"

namespace gptoss::model {

enum class KvType { bf16, f16, f8 };
constexpr std::int32_t kv_element_bytes(KvType type) {
    return type == KvType::f8 ? 1 : 2;
}

// Of a model's two kinds of layers. Long contexts are read in the full ones alone, so these may take fewer bits.
struct KvTypes {
    KvType full = KvType::bf16, sliding = KvType::bf16;

    constexpr KvTypes() = default;
    constexpr KvTypes(KvType both) : full(both), sliding(both) {}
    constexpr KvTypes(KvType of_full, KvType of_sliding) : full(of_full), sliding(of_sliding) {}
    constexpr KvType of(bool slides) const { return slides ? sliding : full; }
    constexpr bool has(KvType type) const { return full == type || sliding == type; }
    bool operator==(const KvTypes&) const = default;
};
inline constexpr KvTypes kF8OnFullLayers{KvType::f8, KvType::bf16};
const char* name_of(const KvTypes& types);  // as in KV_CACHE_TYPE
// The types that KV_CACHE_TYPE and the commands' flags mean; "q8_0" of older deployments is f8. Throws
// Error(setting_invalid) with the names for anything else.
KvTypes kv_types_named(std::string_view name);

// Tokens in a block of KV cache, in both pools. 64 tokens keep the share that a sequence wastes under 2 % of
// its window and make a block of one layer 128 KiB at bf16: large enough to stream, small enough to share.
inline constexpr std::int32_t kBlockTokens = 64;

struct PlanRequest {
    std::int32_t context_length = 131072;  // of one sequence
    std::int64_t cache_tokens = 0;   // tokens the full pool holds over all sequences; 0 = one whole context
    std::int32_t max_sequences = 1;  // sequences that may be computed at the same time
    // Conversations whose sliding window the prefix cache can keep while they do not run; 0 = as many as run.
    std::int32_t kept_windows = 0;
    std::int32_t max_batch_tokens = 2048;  // rows of one step (LLAMA_BATCH_SIZE)
    KvTypes kv_types;
    // Planned for a GPU: it computes the last N layers and the head, the host the rest. 0 = not split.
    std::int32_t gpu_layers = 99;
    std::int32_t gpu_ordinal = 0;  // which GPU of the machine, in the driver's order
};

// The layers of the device that is planned for: the last ones, or all.
LayerRange device_layers(const Hyperparameters& shape, const PlanRequest& request);

// What the host holds of a model that is split between it and a GPU; nothing of one that is not.
struct HostShare {
    std::int64_t weight_bytes = 0;     // of its layers and the embedding
    std::int64_t workspace_bytes = 0;  // its activations
    std::int64_t free_bytes = 0;       // 0 = not known
    std::int32_t layers = 0;           // the first ones; plan() fills in this and what follows
    std::int64_t full_kv_bytes = 0, sliding_kv_bytes = 0;
    std::int64_t total_bytes() const {
        return weight_bytes + full_kv_bytes + sliding_kv_bytes + workspace_bytes;
    }
};

struct MemoryPlan {
    PlanRequest request;
    std::int32_t full_blocks = 0;  // KV blocks in the pool of the full-attention layers
    std::int32_t sliding_blocks =
        0;  // in the pool of the sliding layers: windows, one batch, and prefix snapshots
    std::int64_t weight_bytes = 0;
    std::int64_t full_kv_bytes = 0;
    std::int64_t sliding_kv_bytes = 0;  // of which kept_kv_bytes for what the prefix cache keeps
    std::int64_t kept_kv_bytes = 0;
    std::int64_t workspace_bytes = 0;  // activations, logits, staging; set by the backend it is planned for
    std::int64_t runtime_bytes = 0;    // the device runtime's own share (context, modules); 0 on the CPU
    HostShare host;                    // everything above is the device's
    std::int64_t total_bytes() const {
        return weight_bytes + full_kv_bytes + sliding_kv_bytes + workspace_bytes + runtime_bytes;
    }
    // Tokens over all sequences.
    std::int64_t cache_tokens() const { return std::int64_t{full_blocks} * kBlockTokens; }
    bool fits(std::int64_t free_bytes) const { return total_bytes() <= free_bytes && fits_host(); }
    bool fits_host() const { return host.free_bytes == 0 || host.total_bytes() <= host.free_bytes; }
};

// Blocks and KV bytes follow from the request and the shape; `weight_bytes` is what the weights take where
// they are placed, `workspace_bytes` and `runtime_bytes` what the backend says it needs, `host` what the host
// needs when the request splits the model.
MemoryPlan plan(const Hyperparameters& shape, const PlanRequest& request, std::int64_t weight_bytes,
                std::int64_t workspace_bytes, std::int64_t runtime_bytes, const HostShare& host = {});

// Bytes of the weights as ggml-org publishes them (experts MXFP4, dense part Q8_0, the rest F32): of all, of
// a layer, and of the embedding, which is as large as the head.
std::int64_t published_weight_bytes(const Hyperparameters& shape);
std::int64_t published_layer_bytes(const Hyperparameters& shape);
std::int64_t published_embedding_bytes(const Hyperparameters& shape);

// The largest context length (a multiple of kBlockTokens) whose plan fits `free_bytes`; 0 when none does.
std::int32_t largest_context_that_fits(const Hyperparameters& shape, PlanRequest request,
                                       std::int64_t weight_bytes, std::int64_t workspace_bytes,
                                       std::int64_t runtime_bytes, std::int64_t free_bytes,
                                       const HostShare& host = {});

// Throws Error(does_not_fit) with the table and the largest context that would fit. `gpu_layers`: how many
// layers would fit with the context as it is, for the hint; 0 = not known.
void require_fit(const MemoryPlan& plan, const Hyperparameters& shape, std::int64_t free_bytes,
                 const std::string& device, std::int32_t gpu_layers = 0);

// The table `plan` and start-up print.
std::string to_table(const MemoryPlan& plan, std::int64_t free_bytes);

}  // namespace gptoss::model
