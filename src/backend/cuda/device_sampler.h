// The host's side of sampling on the device: packs what rows need into one upload, remembers masks, brings
// tokens back.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "backend/backend.h"
#include "backend/cuda/memory.h"
#include "backend/cuda/sampling_kernels.h"

namespace gptoss::backend::cuda {

class DeviceSampler {
  public:
    // One longer than the two outstanding handles and the one whose result is still being read.
    static constexpr std::size_t kRing = 4;

    DeviceSampler(std::int32_t vocabulary, std::int32_t padding_from, std::int32_t max_rows);

    static std::int64_t workspace_bytes(std::int32_t vocabulary, std::int32_t max_rows);

    // Device array, by slot: the last sampled token.
    const std::int32_t* last_tokens() const { return last_tokens_; }

    // `logits`: device, rows `logits_stride` apart. At most max_rows rows.
    StepHandle sample(std::span<const SampleRow> rows, const float* logits, std::int64_t logits_stride,
                      cudaStream_t stream);
    StepHandle next_handle() const { return next_handle_; }  // of the next sample()
    std::span<SampledToken> wait(StepHandle handle);         // without hidden values

  private:
    struct Outstanding {
        PinnedMemory results;  // SampleResult a row, which the kernels write: no copy holds up the stream
        Event done;
        std::int32_t rows = 0;
        std::vector<SampledToken> tokens;
    };
    const std::uint32_t* mask_on_device(const SampleRow& row, std::int32_t index, cudaStream_t stream);

    std::int32_t vocabulary_, padding_from_, max_rows_;
    std::int64_t mask_words_;
    Arena arena_;
    std::int32_t* last_tokens_ = nullptr;
    SampleScratch* scratch_ = nullptr;
    SampleJob* jobs_ = nullptr;            // [max_rows]
    float* adjusted_ = nullptr;            // [max_rows][vocabulary]
    std::uint32_t* row_masks_ = nullptr;   // [max_rows][mask words]: masks without an id
    std::uint32_t* kept_masks_ = nullptr;  // [id_of_kept_.size()][mask words]
    std::byte* lists_ = nullptr;           // biases and counts of all rows
    std::int64_t lists_bytes_ = 0;
    DeviceMemory grown_lists_;  // when `lists_` is too small
    std::unordered_map<std::uint64_t, std::int32_t> kept_by_id_;
    std::vector<StepHandle> used_in_step_;  // by place: the step, from 1, that last read the mask there
    std::vector<std::uint64_t> id_of_kept_;
    std::int32_t next_kept_ = 0;
    std::array<Outstanding, kRing> outstanding_;
    StepHandle next_handle_ = 0;
};

}  // namespace gptoss::backend::cuda
