// Events a second over the last few seconds, in a ring of one-second buckets.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>

namespace gptoss::engine {

class RateMeter {
  public:
    using TimePoint = std::chrono::steady_clock::time_point;

    void add(std::int64_t count, TimePoint now) { bucket_of(now).count += count; }

    // Over the last four whole seconds: the one just begun would pull it down.
    double per_second(TimePoint now) const {
        const std::int64_t second = second_of(now);
        std::int64_t sum = 0;
        for (const Bucket& bucket : buckets_)
            if (bucket.second < second && bucket.second >= second - kSeconds) sum += bucket.count;
        return static_cast<double>(sum) / kSeconds;
    }

  private:
    static constexpr std::int64_t kSeconds = 4;
    struct Bucket {
        std::int64_t second = -1;
        std::int64_t count = 0;
    };
    static std::int64_t second_of(TimePoint now) {
        return std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
    }
    Bucket& bucket_of(TimePoint now) {
        const std::int64_t second = second_of(now);
        Bucket& bucket = buckets_[static_cast<std::size_t>(second) % buckets_.size()];
        if (bucket.second != second) bucket = {second, 0};
        return bucket;
    }

    std::array<Bucket, kSeconds + 1> buckets_{};
};

}  // namespace gptoss::engine
