// What a gpt-oss is: the numbers that shape it, read from the file and checked against each other.
#pragma once

#include <cstdint>

#include "gguf/metadata.h"

namespace gptoss::model {

struct Hyperparameters {
    std::int32_t layers = 0;
    std::int32_t hidden = 0;  // width of the residual stream
    std::int32_t query_heads = 0;
    std::int32_t kv_heads = 0;
    std::int32_t head_size = 0;  // 64; never hidden / heads
    std::int32_t experts = 0;
    std::int32_t experts_per_token = 0;  // 4
    std::int32_t intermediate_size = 0;  // rows of gate and up
    std::int32_t vocabulary = 0;         // rows of the head, padding included
    std::int32_t sliding_window = 0;     // keys seen by even layers, the token itself included
    std::int32_t context_length = 0;     // tokens the model was made for
    std::int32_t original_context_length = 0;
    double rope_base = 0;
    double rope_scaling_factor = 0;
    double rope_attention_factor = 1;  // on top of YaRN's own, for q and for k
    double rms_epsilon = 0;

    static constexpr float kSwigluAlpha = 1.702F;
    static constexpr float kSwigluLimit = 7.0F;

    // Even layers slide, odd layers see everything (openai/gpt-oss gpt_oss/torch/model.py).
    bool slides(std::int32_t layer) const { return layer % 2 == 0; }
    std::int32_t query_width() const { return query_heads * head_size; }
    std::int32_t kv_width() const { return kv_heads * head_size; }
    std::int32_t full_layers() const { return layers / 2; }
    std::int32_t sliding_layers() const { return layers - layers / 2; }
    bool operator==(const Hyperparameters&) const = default;
};

// Throws Error(key_missing), Error(key_invalid), Error(file_unsupported) for another architecture and for
// keys that ask for other arithmetic (fixed_keys.h). Counts of a layer may be written once or once for every
// layer. The vocabulary is the second dimension of token_embd.weight, so it comes from the tensors, not from
// here.
Hyperparameters read_hyperparameters(const gguf::Metadata& metadata, std::int32_t vocabulary);

// The published shapes, for plans and synthetic models before any file is there.
Hyperparameters gpt_oss_120b();
Hyperparameters gpt_oss_20b();

}  // namespace gptoss::model
