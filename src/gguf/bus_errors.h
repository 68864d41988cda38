// Reading a mapped page that the file no longer has (it was cut short, the disk failed) raises SIGBUS, which
// ends the process. For watched ranges it does not: the pages from there on read as zeros, and the range says
// that it is lost. Reading goes on at full speed; whoever used the bytes asks afterwards.
#pragma once

#include <cstddef>
#include <span>

namespace gptoss::gguf {

class WatchedRange {
  public:
    WatchedRange() = default;  // of nothing
    // `pages`: a whole mapping, from its first page on. Installs the process's SIGBUS handler with the first
    // range; signals elsewhere go to the handler that was there before.
    explicit WatchedRange(std::span<const std::byte> pages);
    ~WatchedRange();
    WatchedRange(WatchedRange&& other) noexcept;
    WatchedRange& operator=(WatchedRange&& other) noexcept;
    WatchedRange(const WatchedRange&) = delete;
    WatchedRange& operator=(const WatchedRange&) = delete;

    bool lost() const;

    struct Node;

  private:
    Node* node_ = nullptr;
};

}  // namespace gptoss::gguf
