// A GGUF v3 model as it lies on disk: one file, or the parts NAME-00001-of-0000N.gguf found beside the one
// named. Memory-mapped; nothing is copied. Every offset, length and count is bounded against its part before
// use.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gguf/metadata.h"
#include "gguf/types.h"

namespace gptoss::gguf {

struct Tensor {
    std::string name;
    TensorType type{};
    std::array<std::uint64_t, 4> shape{1, 1, 1,
                                       1};  // shape[0] is contiguous: the reduction dimension of a matrix
    std::uint32_t dimensions = 0;
    std::uint32_t part = 0;           // index into File::parts()
    std::uint64_t file_offset = 0;    // of the first byte, in that part
    std::span<const std::byte> data;  // valid while the File lives

    std::uint64_t elements() const { return shape[0] * shape[1] * shape[2] * shape[3]; }
};

struct Part {
    std::filesystem::path path;
    std::uint64_t size_bytes = 0;
    std::span<const std::byte> bytes;  // the whole part, mapped
};

class File {
  public:
    // `path` names a single file or any part of a split model. Throws Error: file_not_found, file_unreadable,
    // file_corrupt, file_unsupported, part_missing, part_mismatch; each names the part and the fact.
    static File open(const std::filesystem::path& path);

    File(File&&) noexcept;
    File& operator=(File&&) noexcept;
    ~File();

    const Metadata& metadata() const;                 // of part 1, where all of it is
    std::span<const Part> parts() const;              // in order; one for an unsplit file
    std::span<const Tensor> tensors() const;          // of all parts, in file order
    const Tensor* find(std::string_view name) const;  // nullptr when absent

    // Asked after the tensors' bytes were used: throws when they may not have been the file's, because it was
    // cut short or written to meanwhile (MappedFile::require_unchanged).
    void require_unchanged() const;

  private:
    struct State;
    explicit File(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace gptoss::gguf
