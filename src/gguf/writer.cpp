#include "gguf/writer.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "base/check.h"
#include "base/error.h"
#include "gguf/split_name.h"
#include "gguf/value_type.h"

namespace gptoss::gguf {
namespace {

constexpr std::uint64_t kAlignment = 32;  // GGUF's default; no general.alignment key is written
std::uint64_t padded(std::uint64_t bytes) {
    return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

std::uint64_t tensor_bytes(const TensorToWrite& tensor) {
    const TypeTraits& shape = traits(tensor.type);
    std::uint64_t elements = 1;
    for (const std::uint64_t extent : tensor.shape) elements *= extent;
    check(!tensor.shape.empty() && tensor.shape.size() <= 4 && elements > 0,
          "writer: a tensor without a shape");
    check(tensor.shape[0] % shape.block_elements == 0, "writer: rows must be whole blocks");
    return elements / shape.block_elements * shape.block_bytes;
}

class Output {
  public:
    explicit Output(const std::filesystem::path& path) : path_(path), file_(std::fopen(path.c_str(), "wb")) {
        if (!file_) fail();
    }
    void write(const void* bytes, std::size_t count) {
        if (std::fwrite(bytes, 1, count, file_.get()) != count) fail();
        offset_ += count;
    }
    template <typename T>
    void number(T value) {
        write(&value, sizeof value);
    }
    void text(const std::string& value) {
        number<std::uint64_t>(value.size());
        write(value.data(), value.size());
    }
    void pad() {
        static constexpr char kZeros[kAlignment] = {};
        write(kZeros, padded(offset_) - offset_);
    }
    void close() {
        if (std::fclose(file_.release()) != 0) fail();
    }

  private:
    [[noreturn]] void fail() const {
        throw Error(errno == ENOSPC ? ErrorCode::disk_full : ErrorCode::file_unreadable,
                    path_.string() + ": cannot write: " + std::strerror(errno),
                    "Check the disk and its permissions.", {{"path", path_.string()}});
    }
    struct Close {
        void operator()(std::FILE* file) const { std::fclose(file); }
    };
    std::filesystem::path path_;
    std::unique_ptr<std::FILE, Close> file_;
    std::uint64_t offset_ = 0;
};

// Integers are written in the widths llama.cpp expects of its own keys: u32, i32, f32 unless the value needs
// more; split.no and split.count are u16 by convention.
struct ValueWriter {
    Output& out;
    const std::string& key;

    void operator()(bool value) const { out.number(std::uint32_t{kBool}), out.number(std::uint8_t{value}); }
    void operator()(std::uint64_t value) const {
        if (key == "split.no" || key == "split.count") {
            out.number(std::uint32_t{kU16}), out.number(static_cast<std::uint16_t>(value));
        } else if (value <= UINT32_MAX) {
            out.number(std::uint32_t{kU32}), out.number(static_cast<std::uint32_t>(value));
        } else {
            out.number(std::uint32_t{kU64}), out.number(value);
        }
    }
    void operator()(std::int64_t value) const {
        if (value >= INT32_MIN && value <= INT32_MAX) {
            out.number(std::uint32_t{kI32}), out.number(static_cast<std::int32_t>(value));
        } else {
            out.number(std::uint32_t{kI64}), out.number(value);
        }
    }
    void operator()(double value) const {
        out.number(std::uint32_t{kF32}), out.number(static_cast<float>(value));
    }
    void operator()(const std::string& value) const { out.number(std::uint32_t{kText}), out.text(value); }

    void begin_array(std::uint32_t type, std::size_t count) const {
        out.number(std::uint32_t{kArray}), out.number(type), out.number<std::uint64_t>(count);
    }
    void operator()(const std::vector<bool>& values) const {
        begin_array(kBool, values.size());
        for (const bool value : values) out.number(std::uint8_t{value});
    }
    void operator()(const std::vector<std::uint64_t>& values) const {
        begin_array(kU64, values.size());
        for (const std::uint64_t value : values) out.number(value);
    }
    void operator()(const std::vector<std::int64_t>& values) const {  // token types: i32 where it is enough
        bool narrow = true;
        for (const std::int64_t value : values) narrow = narrow && value >= INT32_MIN && value <= INT32_MAX;
        begin_array(narrow ? kI32 : kI64, values.size());
        for (const std::int64_t value : values) {
            if (narrow) {
                out.number(static_cast<std::int32_t>(value));
            } else {
                out.number(value);
            }
        }
    }
    void operator()(const std::vector<double>& values) const {
        begin_array(kF32, values.size());
        for (const double value : values) out.number(static_cast<float>(value));
    }
    void operator()(const std::vector<std::string>& values) const {
        begin_array(kText, values.size());
        for (const std::string& value : values) out.text(value);
    }
};

void write_part(const std::filesystem::path& path, const Metadata& metadata,
                std::span<const TensorToWrite> tensors) {
    Output out(path);
    out.write("GGUF", 4);
    out.number(std::uint32_t{3});
    out.number<std::uint64_t>(tensors.size());
    out.number<std::uint64_t>(metadata.all().size());
    for (const auto& [key, value] : metadata.all()) {
        out.text(key);
        std::visit(ValueWriter{out, key}, value);
    }
    std::uint64_t offset = 0;
    for (const TensorToWrite& tensor : tensors) {
        out.text(tensor.name);
        out.number(static_cast<std::uint32_t>(tensor.shape.size()));
        for (const std::uint64_t extent : tensor.shape) out.number(extent);
        out.number(static_cast<std::uint32_t>(tensor.type));
        out.number(offset);
        offset += padded(tensor_bytes(tensor));
    }
    out.pad();
    std::vector<std::byte> bytes;
    for (const TensorToWrite& tensor : tensors) {
        bytes.resize(tensor_bytes(tensor));
        tensor.fill(bytes);
        out.write(bytes.data(), bytes.size());
        out.pad();
    }
    out.close();
}

// Consecutive tensors, close to equal bytes a part.
std::vector<std::span<const TensorToWrite>> share_out(std::span<const TensorToWrite> tensors,
                                                      const WriteOptions& options) {
    std::vector<std::span<const TensorToWrite>> shares;
    if (options.parts > 1 && !options.tensors_in_first_part) shares.emplace_back();
    const std::size_t carriers = options.parts - shares.size();
    std::uint64_t left = 0;
    for (const TensorToWrite& tensor : tensors) left += tensor_bytes(tensor);
    std::size_t begin = 0;
    for (std::size_t i = 0; i < carriers; ++i) {
        const std::uint64_t target = left / (carriers - i);
        std::size_t end = i + 1 == carriers ? tensors.size() : begin;
        std::uint64_t taken = 0;
        while (end < tensors.size() && taken < target) taken += tensor_bytes(tensors[end++]);
        left -= std::min(left, taken);
        shares.push_back(tensors.subspan(begin, end - begin));
        begin = end;
    }
    return shares;
}

}  // namespace

std::vector<std::filesystem::path> write(const std::filesystem::path& path, const Metadata& metadata,
                                         std::span<const TensorToWrite> tensors,
                                         const WriteOptions& options) {
    check(options.parts >= 1 && options.parts <= 99999, "writer: impossible number of parts");
    std::filesystem::path prefix = path;
    if (prefix.extension() == ".gguf") prefix.replace_extension();
    const SplitName names{prefix, 1, options.parts};
    const auto shares = share_out(tensors, options);
    std::vector<std::filesystem::path> written;
    for (std::uint32_t index = 0; index < options.parts; ++index) {
        Metadata part_metadata = index == 0 ? metadata : Metadata{};
        if (options.parts > 1) {
            part_metadata.set("split.no", std::uint64_t{index});
            part_metadata.set("split.count", std::uint64_t{options.parts});
            part_metadata.set("split.tensors.count", static_cast<std::int64_t>(tensors.size()));
        }
        written.push_back(options.parts > 1 ? names.part(index + 1) : path);
        const std::filesystem::path temporary = written.back().string() + ".tmp";
        write_part(temporary, part_metadata, shares[index]);
        std::filesystem::rename(temporary, written.back());
    }
    return written;
}

}  // namespace gptoss::gguf
