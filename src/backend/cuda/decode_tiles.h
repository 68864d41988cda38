// The stages of a step whose weights the copy engine brings as whole tiles (row_tile_stream.cuh): what decode_stages.h
// launches where the plan says so.
#pragma once

#include "backend/cuda/decode_stages.h"

namespace gptoss::backend::cuda {

void launch_query_key_value_tiles(const DecodeContext& context, const LayerStage& stage, cudaStream_t stream);
void launch_output_tiles(const DecodeContext& context, const LayerStage& stage, cudaStream_t stream);
void launch_gate_up_tiles(const DecodeContext& context, const LayerStage& stage, cudaStream_t stream);
void launch_down_tiles(const DecodeContext& context, const LayerStage& stage, cudaStream_t stream);

void prepare_query_key_value_tiles();
void prepare_output_tiles();
void prepare_gate_up_tiles();
void prepare_down_tiles();

}  // namespace gptoss::backend::cuda
