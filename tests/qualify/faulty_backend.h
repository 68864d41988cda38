// A backend that computes right, but for one planted fault: what `qualify` must catch.
#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <memory>
#include <thread>
#include <vector>

#include "backend/backend.h"
#include "base/error.h"

namespace gptoss::test {

enum class Fault {
    none,
    wrong_lane,         // one of 32 rows of a tile
    race,               // a missing barrier: now and then a sum is read too early
    wrong_at_one_size,  // a tile at 129 tokens alone
    wrong_when_deep,    // above 65,536 positions
    stale_workspace,    // what a larger step left is added to a smaller one
    rare_not_a_number,  // where the input has a certain value
    wrong_keys,         // a row alone in its step leaves other keys and values than it attends to itself
    slow,               // three times as long
    driver_fails,
};

class FaultyBackend final : public backend::Backend {
  public:
    FaultyBackend(std::unique_ptr<backend::Backend> inner, Fault fault)
        : inner_(std::move(inner)), fault_(fault) {}

    const backend::BackendInfo& info() const override { return inner_->info(); }
    void forward(const backend::Batch& batch) override {
        if (fault_ == Fault::driver_fails)
            throw Error(ErrorCode::device_failed, "an illegal memory access was encountered");
        last_tokens_ = tokens_;
        tokens_ = static_cast<std::int32_t>(batch.tokens.size());
        depth_ = 0;
        for (const backend::Segment& segment : batch.segments)
            depth_ = std::max(depth_, segment.first_position);
        rare_ = std::ranges::any_of(batch.tokens, [](TokenId token) { return token == 77; });
        const auto begin = std::chrono::steady_clock::now();
        inner_->forward(batch);
        if (fault_ == Fault::wrong_keys && batch.segments.size() == 1 && tokens_ == 1 &&
            batch.logits_rows.empty()) {
            const TokenId other = batch.tokens[0] == 0 ? 1 : 0;
            inner_->wait(inner_->sample({}));
            inner_->forward({{&other, 1}, batch.segments, {}});
        }
        if (fault_ == Fault::slow)
            std::this_thread::sleep_for(2 * (std::chrono::steady_clock::now() - begin) +
                                        std::chrono::milliseconds(2));
    }
    backend::StepHandle sample(std::span<const backend::SampleRow> rows) override {
        return inner_->sample(rows);
    }
    std::span<const backend::SampledToken> wait(backend::StepHandle handle) override {
        return inner_->wait(handle);
    }
    void read_logits(std::int32_t logits_index, std::span<float> out) override {
        inner_->read_logits(logits_index, out);
        ++reads_;
        for (std::size_t i = 0; i < out.size(); ++i) out[i] = spoilt(out[i], i);
    }
    void copy_block(backend::Pool pool, backend::BlockId from, backend::BlockId to) override {
        inner_->copy_block(pool, from, to);
    }

  private:
    float spoilt(float logit, std::size_t at) const {
        switch (fault_) {
            case Fault::wrong_lane:
                return at % 32 == 5 ? logit * 2 : logit;
            case Fault::race:
                return reads_ % 17 == 0 && at == 100 ? logit + 1e-3F : logit;
            case Fault::wrong_at_one_size:
                return tokens_ == 129 && at / 64 == 3 ? 0 : logit;
            case Fault::wrong_when_deep:
                return depth_ > 65'536 ? logit * 1.5F : logit;
            case Fault::stale_workspace:
                return last_tokens_ > tokens_ ? logit + 1e-3F : logit;
            case Fault::rare_not_a_number:
                return rare_ ? std::numeric_limits<float>::quiet_NaN() : logit;
            default:
                return logit;
        }
    }

    std::unique_ptr<backend::Backend> inner_;
    Fault fault_;
    std::int32_t tokens_ = 0, last_tokens_ = 0, depth_ = 0;
    std::int64_t reads_ = 0;
    bool rare_ = false;
};

}  // namespace gptoss::test
