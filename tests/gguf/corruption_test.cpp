// Every byte of every header, damaged in several ways, must give an error or a readable file: never a crash,
// a hang or a read outside the part (which the sanitizer build would show).
#include <gtest/gtest.h>

#include <cstring>

#include "base/error.h"
#include "gguf/file.h"
#include "gguf/part_reader.h"
#include "support/files.h"

namespace gptoss::gguf {
namespace {

const std::filesystem::path kWholeModel = GPTOSS_SOURCE_DIR "/tests/data/oracle";

std::span<const std::byte> bytes_of(const std::vector<char>& file) {
    return std::as_bytes(std::span(file));
}

// What reading gives: nothing for a readable part, otherwise the code. Anything but Error fails the test.
std::optional<ErrorCode> outcome(const std::vector<char>& file) {
    try {
        const PartHeader header = read_part(bytes_of(file), "part", 0);
        for (const Tensor& tensor : header.tensors) {
            EXPECT_GE(tensor.data.data(), bytes_of(file).data());
            EXPECT_LE(tensor.data.data() + tensor.data.size(), bytes_of(file).data() + file.size());
        }
        return std::nullopt;
    } catch (const Error& error) {
        EXPECT_NE(std::string(error.what()).find("part"), std::string::npos);
        return error.code();
    }
}

class Corruption : public ::testing::TestWithParam<int> {
  protected:
    const std::vector<char> good_ =
        test::read_file(kWholeModel / ("small-0000" + std::to_string(GetParam()) + "-of-00003.gguf"));
    std::vector<char> bad_ =
        good_;  // damaged and mended in place: a copy for each of 100,000 cases takes minutes

    template <typename T>
    std::optional<ErrorCode> outcome_with(std::size_t offset, T value) {
        std::memcpy(bad_.data() + offset, &value, sizeof value);
        const std::optional<ErrorCode> result = outcome(bad_);
        std::memcpy(bad_.data() + offset, good_.data() + offset, sizeof value);
        return result;
    }

    std::size_t header_bytes() const {
        const PartHeader header = read_part(bytes_of(good_), "part", 0);
        return header.tensors.empty() ? good_.size() : header.tensors.front().file_offset;
    }
};

TEST_P(Corruption, EveryHeaderByteChanged) {
    const std::size_t end = header_bytes();
    ASSERT_GT(end, 100U);
    std::size_t refused = 0;
    for (std::size_t offset = 0; offset < end; ++offset)
        for (const int change : {0x01, 0x80, 0xFF})
            refused += outcome_with(offset, static_cast<char>(good_[offset] ^ change)).has_value();
    EXPECT_GT(refused, end / 2);  // names and values may change unnoticed; structure may not
}

TEST_P(Corruption, CutAnywhereInTheHeader) {
    for (std::size_t length = 0; length < header_bytes(); length += 7) {
        const std::vector<char> cut(good_.begin(), good_.begin() + static_cast<std::ptrdiff_t>(length));
        EXPECT_EQ(outcome(cut), ErrorCode::file_corrupt) << length;
    }
}

TEST_P(Corruption, HugeNumbersEverywhere) {
    for (std::size_t offset = 4; offset + 8 <= header_bytes(); offset += 4) {
        outcome_with(offset, ~std::uint64_t{0});
        outcome_with(offset, std::uint64_t{1} << 40);
        outcome_with(offset, std::uint64_t{0});
    }
}

TEST_P(Corruption, FixedHeaderFields) {
    EXPECT_EQ(outcome(good_), std::nullopt);
    EXPECT_EQ(outcome_with(0, 'X'), ErrorCode::file_corrupt);
    EXPECT_EQ(outcome_with(4, std::uint32_t{2}), ErrorCode::file_unsupported);
    EXPECT_EQ(outcome_with(4, std::uint32_t{3} << 24),
              ErrorCode::file_unsupported);  // other byte order
    EXPECT_EQ(outcome_with(8, ~std::uint64_t{0}), ErrorCode::file_corrupt);
    EXPECT_EQ(outcome_with(16, ~std::uint64_t{0}), ErrorCode::file_corrupt);
}

INSTANTIATE_TEST_SUITE_P(Parts, Corruption, ::testing::Values(1, 2, 3));

}  // namespace
}  // namespace gptoss::gguf
