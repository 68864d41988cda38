#include "backend/cuda/device_sampler.h"

#include <cuda_runtime.h>

#include <algorithm>
#include <cstring>

#include "base/check.h"

namespace gptoss::backend::cuda {
namespace {

// Places for masks that come again: at least as many as rows, so that no row of a step gives up another's.
constexpr std::int32_t kept_masks_for(std::int32_t max_rows) {
    return std::max(64, max_rows);
}
constexpr std::int64_t kListBytesARow = 64 << 10;  // 8,192 biases or counts before more must be claimed

std::int64_t mask_words(std::int32_t vocabulary) {
    return (vocabulary + 31) / 32;
}

}  // namespace

std::int64_t DeviceSampler::workspace_bytes(std::int32_t vocabulary, std::int32_t max_rows) {
    const std::int64_t rows = max_rows;
    std::int64_t total = 0;
    for (const std::int64_t piece :
         {rows * 4, rows * std::int64_t{sizeof(SampleScratch)}, rows * std::int64_t{sizeof(SampleHistogram)},
          rows * kListedKeys * 8, rows * std::int64_t{sizeof(SampleJob)}, rows * vocabulary * 4,
          rows * mask_words(vocabulary) * 4,
          std::int64_t{kept_masks_for(max_rows)} * mask_words(vocabulary) * 4, rows * kListBytesARow})
        total += Arena::padded(piece);
    return total;
}

DeviceSampler::DeviceSampler(std::int32_t vocabulary, std::int32_t padding_from, std::int32_t max_rows)
    : vocabulary_(vocabulary),
      padding_from_(padding_from),
      max_rows_(max_rows),
      mask_words_(mask_words(vocabulary)),
      arena_(workspace_bytes(vocabulary, max_rows)),
      lists_bytes_(max_rows * kListBytesARow),
      used_in_step_(static_cast<std::size_t>(kept_masks_for(max_rows)), 0),
      id_of_kept_(static_cast<std::size_t>(kept_masks_for(max_rows)), 0) {
    const std::int64_t rows = max_rows;
    last_tokens_ = arena_.take_array<std::int32_t>(rows);
    scratch_ = arena_.take_array<SampleScratch>(rows);
    auto* histograms = arena_.take_array<SampleHistogram>(rows);
    auto* lists = arena_.take_array<unsigned long long>(rows * kListedKeys);
    jobs_ = arena_.take_array<SampleJob>(rows);
    adjusted_ = arena_.take_array<float>(rows * vocabulary);
    row_masks_ = arena_.take_array<std::uint32_t>(rows * mask_words_);
    kept_masks_ = arena_.take_array<std::uint32_t>(kept_masks_for(max_rows) * mask_words_);
    lists_ = arena_.take(lists_bytes_);
    cuda_check(cudaMemset(last_tokens_, 0, static_cast<std::size_t>(rows) * sizeof(std::int32_t)));
    cuda_check(cudaMemset(histograms, 0, static_cast<std::size_t>(rows) * sizeof(SampleHistogram)));
    std::vector<SampleScratch> scratch(static_cast<std::size_t>(rows));
    for (std::int64_t row = 0; row < rows; ++row) {
        scratch[static_cast<std::size_t>(row)].list = lists + row * kListedKeys;
        scratch[static_cast<std::size_t>(row)].histogram = histograms + row;
    }
    cuda_check(
        cudaMemcpy(scratch_, scratch.data(), scratch.size() * sizeof(SampleScratch), cudaMemcpyHostToDevice));
    for (Outstanding& step : outstanding_) {
        step.results = allocate_pinned(rows * std::int64_t{sizeof(SampleResult)});
        step.done = make_event();
    }
    cuda_check(cudaDeviceSynchronize());
}

const std::uint32_t* DeviceSampler::mask_on_device(const SampleRow& row, std::int32_t index,
                                                   cudaStream_t stream) {
    if (row.allowed.empty()) return nullptr;
    check(static_cast<std::int64_t>(row.allowed.size()) >= mask_words_, "a token mask covers the vocabulary");
    std::uint32_t* place = row_masks_ + index * mask_words_;
    if (row.allowed_id != 0) {
        if (const auto found = kept_by_id_.find(row.allowed_id); found != kept_by_id_.end()) {
            used_in_step_[static_cast<std::size_t>(found->second)] = next_handle_ + 1;
            return kept_masks_ + found->second * mask_words_;
        }
        // Round robin, around what other rows of this step read; stream order keeps earlier steps right.
        const auto places = static_cast<std::int32_t>(id_of_kept_.size());
        while (used_in_step_[static_cast<std::size_t>(next_kept_)] == next_handle_ + 1)
            next_kept_ = (next_kept_ + 1) % places;
        const std::int32_t kept = next_kept_;
        next_kept_ = (next_kept_ + 1) % places;
        kept_by_id_.erase(id_of_kept_[static_cast<std::size_t>(kept)]);
        id_of_kept_[static_cast<std::size_t>(kept)] = row.allowed_id;
        used_in_step_[static_cast<std::size_t>(kept)] = next_handle_ + 1;
        kept_by_id_.emplace(row.allowed_id, kept);
        place = kept_masks_ + kept * mask_words_;
    }
    cuda_check(cudaMemcpyAsync(place, row.allowed.data(), static_cast<std::size_t>(mask_words_) * 4,
                               cudaMemcpyHostToDevice, stream));
    return place;
}

StepHandle DeviceSampler::sample(std::span<const SampleRow> rows, const float* logits,
                                 std::int64_t logits_stride, cudaStream_t stream) {
    check(static_cast<std::int64_t>(rows.size()) <= max_rows_, "more rows to sample than sequences");
    Outstanding& step = outstanding_[next_handle_ % kRing];
    step.rows = static_cast<std::int32_t>(rows.size());
    if (!rows.empty()) {
        // Lists of all rows in one buffer, uploaded at once.
        std::vector<std::byte> lists;
        auto append = [&lists](const auto& list) {
            const std::size_t at = lists.size();
            lists.resize(at + list.size_bytes());
            if (!list.empty()) std::memcpy(lists.data() + at, list.data(), list.size_bytes());
            return at;
        };
        std::vector<SampleJob> jobs(rows.size());
        std::vector<std::pair<std::size_t, std::size_t>> places;
        SamplingWork work;
        for (std::size_t i = 0; i < rows.size(); ++i) {
            const SampleRow& row = rows[i];
            SampleJob& job = jobs[i];
            const auto index = static_cast<std::int32_t>(i);
            job.allowed = mask_on_device(row, index, stream);
            job.logits = logits + row.logits_index * logits_stride;
            job.slot = row.slot;
            job.parameters = row.parameters;
            job.step = row.step;
            job.bias_count = static_cast<std::int32_t>(row.biases.size());
            job.count_count = static_cast<std::int32_t>(row.counts.size());
            job.last_is_uncounted = row.last_is_uncounted;
            if (job.bias_count + job.count_count > 0 || job.last_is_uncounted) {
                job.adjusted = adjusted_ + index * std::int64_t{vocabulary_};
                work.adjusts = true;
            }
            const std::size_t biases_at = append(row.biases);
            places.emplace_back(biases_at, append(row.counts));
            work.cuts = work.cuts || needs_cuts(row.parameters);
            work.logprobs = work.logprobs || row.parameters.top_logprobs >= 0;
        }
        std::byte* lists_place = lists_;
        if (static_cast<std::int64_t>(lists.size()) > lists_bytes_) {
            cuda_check(cudaStreamSynchronize(stream));  // the old place may still be read
            lists_bytes_ = 2 * static_cast<std::int64_t>(lists.size());
            grown_lists_ = allocate_device(lists_bytes_);
            lists_ = lists_place = grown_lists_.get();
        }
        for (std::size_t i = 0; i < rows.size(); ++i) {
            jobs[i].biases = reinterpret_cast<const TokenBias*>(lists_place + places[i].first);
            jobs[i].counts = reinterpret_cast<const TokenCount*>(lists_place + places[i].second);
        }
        // Copies from pageable memory: the driver has taken the bytes when the calls return.
        if (!lists.empty())
            cuda_check(
                cudaMemcpyAsync(lists_place, lists.data(), lists.size(), cudaMemcpyHostToDevice, stream));
        SampleJobs of_step;
        if (step.rows <= SampleJobs::kFew) {
            std::copy(jobs.begin(), jobs.end(), of_step.few);
        } else {
            cuda_check(cudaMemcpyAsync(jobs_, jobs.data(), jobs.size() * sizeof(SampleJob),
                                       cudaMemcpyHostToDevice, stream));
            of_step.many = jobs_;
        }
        launch_sampling(of_step, step.rows, vocabulary_, padding_from_, work, scratch_,
                        reinterpret_cast<SampleResult*>(step.results.get()), last_tokens_, stream);
    }
    cuda_check(cudaEventRecord(step.done.get(), stream));
    return next_handle_++;
}

std::span<SampledToken> DeviceSampler::wait(StepHandle handle) {
    check(handle < next_handle_ && handle + kRing > next_handle_, "a handle that is too old");
    Outstanding& step = outstanding_[handle % kRing];
    cuda_check(cudaEventSynchronize(step.done.get()));
    step.tokens.resize(static_cast<std::size_t>(step.rows));
    const auto* results = reinterpret_cast<const SampleResult*>(step.results.get());
    for (std::size_t i = 0; i < step.tokens.size(); ++i) {
        SampledToken& token = step.tokens[i];
        token.token = results[i].token;
        token.logprob = results[i].logprob;
        token.top.assign(results[i].top, results[i].top + std::max(results[i].top_count, 0));
        token.hidden.clear();
    }
    return step.tokens;
}

}  // namespace gptoss::backend::cuda
