#include "gguf/part_reader.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <set>

#include "base/error.h"
#include "gguf/value_type.h"

namespace gptoss::gguf {
namespace {

// Bounds that no gpt-oss file comes near: they stop a corrupt count before it becomes an allocation.
constexpr std::uint64_t kTensorsMax = 65536;
constexpr std::uint64_t kKeysMax = 65536;
constexpr std::uint64_t kNameBytesMax = 256;
constexpr std::uint64_t kTextBytesMax = 256 << 20;  // an embedded tokenizer.json takes 28 MB
constexpr std::uint64_t kArrayBytesMax = 1 << 30;   // once read: numbers are widened

class Cursor {
  public:
    Cursor(std::span<const std::byte> bytes, const std::string& name) : bytes_(bytes), name_(name) {}

    std::size_t offset() const { return offset_; }
    std::size_t left() const { return bytes_.size() - offset_; }

    [[noreturn]] void fail(const std::string& what) const { fail_at(offset_, what); }
    [[noreturn]] void fail_at(std::size_t offset, const std::string& what) const {
        throw Error(ErrorCode::file_corrupt,
                    name_ + ": " + what + " (at byte " + std::to_string(offset) + ")",
                    "The file is damaged or cut short; download it again and check its hash.",
                    {{"part", name_}, {"byte", std::to_string(offset)}});
    }

    template <typename T>
    T take(const char* what) {
        if (left() < sizeof(T)) fail(std::string("the file ends inside ") + what);
        T value;
        std::memcpy(&value, bytes_.data() + offset_, sizeof value);
        offset_ += sizeof value;
        return value;
    }

    std::string text(const char* what, std::uint64_t bytes_max) {
        const std::size_t start = offset_;
        const auto length = take<std::uint64_t>(what);
        if (length > bytes_max || length > left())
            fail_at(start, std::string(what) + " claims " + std::to_string(length) + " bytes");
        std::string value(reinterpret_cast<const char*>(bytes_.data() + offset_), length);
        offset_ += length;
        return value;
    }

    void skip(std::size_t count) { offset_ += count; }

  private:
    std::span<const std::byte> bytes_;
    const std::string& name_;
    std::size_t offset_ = 0;
};

std::size_t scalar_bytes(std::uint32_t type) {
    switch (type) {
        case kU8:
        case kI8:
        case kBool:
            return 1;
        case kU16:
        case kI16:
            return 2;
        case kU32:
        case kI32:
        case kF32:
            return 4;
        default:
            return 8;  // 64-bit numbers, and the length before a string
    }
}

std::size_t bytes_once_read(std::uint32_t type) {
    return type == kText ? sizeof(std::string) : sizeof(std::uint64_t);
}

bool boolean(Cursor& cursor) {
    const std::size_t start = cursor.offset();
    const auto byte = cursor.take<std::uint8_t>("a boolean");
    if (byte > 1) cursor.fail_at(start, "a boolean is " + std::to_string(byte) + ", neither 0 nor 1");
    return byte == 1;
}

std::uint64_t unsigned_number(Cursor& cursor, std::uint32_t type) {
    switch (type) {
        case kU8:
            return cursor.take<std::uint8_t>("a number");
        case kU16:
            return cursor.take<std::uint16_t>("a number");
        case kU32:
            return cursor.take<std::uint32_t>("a number");
        default:
            return cursor.take<std::uint64_t>("a number");
    }
}

std::int64_t signed_number(Cursor& cursor, std::uint32_t type) {
    switch (type) {
        case kI8:
            return cursor.take<std::int8_t>("a number");
        case kI16:
            return cursor.take<std::int16_t>("a number");
        case kI32:
            return cursor.take<std::int32_t>("a number");
        default:
            return cursor.take<std::int64_t>("a number");
    }
}

double real_number(Cursor& cursor, std::uint32_t type) {
    return type == kF32 ? static_cast<double>(cursor.take<float>("a number"))
                        : cursor.take<double>("a number");
}

bool is_unsigned(std::uint32_t type) {
    return type == kU8 || type == kU16 || type == kU32 || type == kU64;
}
bool is_signed(std::uint32_t type) {
    return type == kI8 || type == kI16 || type == kI32 || type == kI64;
}

template <typename T, typename Read>
std::vector<T> elements(std::uint64_t count, Read read) {
    std::vector<T> out;
    out.reserve(count);
    for (std::uint64_t i = 0; i < count; ++i) out.push_back(read());
    return out;
}

Value array(Cursor& cursor, const std::string& key) {
    const std::size_t start = cursor.offset();
    const auto type = cursor.take<std::uint32_t>("an array's type");
    const auto count = cursor.take<std::uint64_t>("an array's length");
    if (type >= kValueTypes || type == kArray)
        cursor.fail_at(start, "the array " + key + " has elements of unknown type " + std::to_string(type));
    if (count > cursor.left() / scalar_bytes(type) || count > kArrayBytesMax / bytes_once_read(type))
        cursor.fail_at(start, "the array " + key + " claims " + std::to_string(count) + " elements");
    if (is_unsigned(type))
        return elements<std::uint64_t>(count, [&] { return unsigned_number(cursor, type); });
    if (is_signed(type)) return elements<std::int64_t>(count, [&] { return signed_number(cursor, type); });
    if (type == kText)
        return elements<std::string>(count, [&] { return cursor.text("a string", kTextBytesMax); });
    if (type == kBool) return elements<bool>(count, [&] { return boolean(cursor); });
    return elements<double>(count, [&] { return real_number(cursor, type); });
}

Value value(Cursor& cursor, const std::string& key) {
    const std::size_t start = cursor.offset();
    const auto type = cursor.take<std::uint32_t>("a value's type");
    if (is_unsigned(type)) return unsigned_number(cursor, type);
    if (is_signed(type)) return signed_number(cursor, type);
    switch (type) {
        case kF32:
        case kF64:
            return real_number(cursor, type);
        case kBool:
            return boolean(cursor);
        case kText:
            return cursor.text("a string", kTextBytesMax);
        case kArray:
            return array(cursor, key);
        default:
            cursor.fail_at(start, "the key " + key + " has the unknown type " + std::to_string(type));
    }
}

Metadata read_metadata(Cursor& cursor, std::uint64_t count) {
    Metadata metadata;
    for (std::uint64_t i = 0; i < count; ++i) {
        const std::size_t start = cursor.offset();
        std::string key = cursor.text("a key", kNameBytesMax);
        if (key.empty()) cursor.fail_at(start, "an empty metadata key");
        if (metadata.contains(key)) cursor.fail_at(start, "the key " + key + " stands twice");
        Value read = value(cursor, key);
        metadata.set(std::move(key), std::move(read));
    }
    return metadata;
}

// Everything but the data span, which needs the end of the header first. Offsets are kept in file_offset,
// still relative to the data's start.
Tensor read_tensor(Cursor& cursor, std::uint32_t part, const std::string& name) {
    Tensor tensor;
    tensor.part = part;
    const std::size_t start = cursor.offset();
    tensor.name = cursor.text("a tensor's name", kNameBytesMax);
    if (tensor.name.empty()) cursor.fail_at(start, "a tensor without a name");
    tensor.dimensions = cursor.take<std::uint32_t>("a tensor's shape");
    if (tensor.dimensions == 0 || tensor.dimensions > 4)
        cursor.fail_at(start,
                       "tensor " + tensor.name + " has " + std::to_string(tensor.dimensions) + " dimensions");
    std::uint64_t total = 1;
    for (std::uint32_t i = 0; i < tensor.dimensions; ++i) {
        const auto extent = cursor.take<std::uint64_t>("a tensor's shape");
        if (extent == 0 || extent > (std::uint64_t{1} << 48) / total)
            cursor.fail_at(
                start, "tensor " + tensor.name + " has an impossible dimension " + std::to_string(extent));
        tensor.shape[i] = extent;
        total *= extent;
    }
    const auto type_id = cursor.take<std::uint32_t>("a tensor's type");
    const auto type = tensor_type_from_id(type_id);
    if (!type)
        throw Error(
            ErrorCode::file_unsupported,
            name + ": tensor " + tensor.name + " has the type number " + std::to_string(type_id) + " (" +
                std::string(ggml_type_name(type_id)) + "), which this node does not read",
            "The file was made for another program. Use a GGUF such as ggml-org's; docs/gguf.md lists "
            "the types.",
            {{"part", name}, {"tensor", tensor.name}, {"type", std::to_string(type_id)}});
    tensor.type = *type;
    if (tensor.shape[0] % traits(*type).block_elements != 0)
        cursor.fail_at(start, "tensor " + tensor.name + " of type " + std::string(traits(*type).name) +
                                  " has rows of " + std::to_string(tensor.shape[0]) +
                                  " elements, not whole blocks");
    tensor.file_offset = cursor.take<std::uint64_t>("a tensor's offset");
    return tensor;
}

}  // namespace

PartHeader read_part(std::span<const std::byte> bytes, const std::string& name, std::uint32_t part) {
    Cursor cursor(bytes, name);
    if (bytes.size() < 4 || std::memcmp(bytes.data(), "GGUF", 4) != 0)
        throw Error(
            ErrorCode::file_corrupt, name + ": not a GGUF file (the first four bytes are not \"GGUF\")",
            "Name a .gguf file. A download that failed often leaves a web page under the file's name.",
            {{"part", name}, {"byte", "0"}});
    cursor.skip(4);
    const auto version = cursor.take<std::uint32_t>("the version");
    if (version != 3)
        throw Error(ErrorCode::file_unsupported,
                    name + ": GGUF version " + std::to_string(version) + ", this node reads version 3" +
                        ((version & 0xFFFFU) == 0 ? " (the file looks big-endian)" : ""),
                    "Convert or download the model again.", {{"part", name}});
    const auto tensor_count = cursor.take<std::uint64_t>("the tensor count");
    const auto key_count = cursor.take<std::uint64_t>("the key count");
    if (tensor_count > kTensorsMax)
        cursor.fail_at(8, "an impossible tensor count " + std::to_string(tensor_count));
    if (key_count > kKeysMax) cursor.fail_at(16, "an impossible key count " + std::to_string(key_count));

    PartHeader header;
    header.metadata = read_metadata(cursor, key_count);
    std::set<std::string, std::less<>> names;
    for (std::uint64_t i = 0; i < tensor_count; ++i) {
        header.tensors.push_back(read_tensor(cursor, part, name));
        if (!names.insert(header.tensors.back().name).second)
            cursor.fail("tensor " + header.tensors.back().name + " stands twice");
    }

    const std::uint64_t alignment = header.metadata.find_unsigned_integer("general.alignment").value_or(32);
    if (alignment < 8 || alignment > 65536 || (alignment & (alignment - 1)) != 0)
        cursor.fail("general.alignment is " + std::to_string(alignment) +
                    ", not a power of two from 8 to 65536");
    const std::uint64_t data_start = (cursor.offset() + alignment - 1) / alignment * alignment;
    std::uint64_t expected = 0;  // offsets are the running sum of the padded sizes: no gaps, no overlaps
    for (Tensor& tensor : header.tensors) {
        const TypeTraits& shape = traits(tensor.type);
        const std::uint64_t size = tensor.elements() / shape.block_elements * shape.block_bytes;
        if (tensor.file_offset != expected)
            cursor.fail("tensor " + tensor.name + " lies at offset " + std::to_string(tensor.file_offset) +
                        ", expected " + std::to_string(expected));
        if (data_start > bytes.size() || size > bytes.size() - data_start ||
            expected > bytes.size() - data_start - size)
            throw Error(
                ErrorCode::file_corrupt,
                name + ": cut short: tensor " + tensor.name + " should end at byte " +
                    std::to_string(data_start + expected + size) + " but the file has " +
                    std::to_string(bytes.size()),
                "The download is incomplete; resume or repeat it.",
                {{"part", name}, {"tensor", tensor.name}, {"size_bytes", std::to_string(bytes.size())}});
        tensor.file_offset = data_start + expected;
        tensor.data = bytes.subspan(tensor.file_offset, size);
        expected += (size + alignment - 1) / alignment * alignment;
    }
    return header;
}

}  // namespace gptoss::gguf
