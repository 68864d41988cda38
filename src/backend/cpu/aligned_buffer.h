// Large zeroed memory that lies on huge pages where the system has them: streaming weights over 4 KiB pages
// loses a tenth of the bandwidth to page walks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace gptoss::backend::cpu {

struct Unmap {
    std::size_t mapped_bytes = 0;
    void operator()(std::byte* memory) const;
};

class AlignedBuffer {
  public:
    AlignedBuffer() = default;
    // Zeroed, aligned to 64 bytes at least. Throws Error(does_not_fit) when the system refuses.
    explicit AlignedBuffer(std::size_t bytes);

    std::byte* data() const { return data_.get(); }
    std::size_t size() const { return bytes_; }

    template <typename T>
    std::span<T> as() const {
        return {reinterpret_cast<T*>(data()), bytes_ / sizeof(T)};
    }

  private:
    std::unique_ptr<std::byte, Unmap> data_;
    std::size_t bytes_ = 0;
};

}  // namespace gptoss::backend::cpu
