#include "gguf/writer.h"

#include <gtest/gtest.h>

#include <cstring>

#include "base/error.h"
#include "gguf/file.h"
#include "support/temporary_folder.h"

namespace gptoss::gguf {
namespace {

TensorToWrite constant(const std::string& name, std::vector<std::uint64_t> shape, char value) {
    return {name, TensorType::F32, std::move(shape),
            [value](std::span<std::byte> bytes) { std::memset(bytes.data(), value, bytes.size()); }};
}

Metadata every_kind_of_value() {
    Metadata metadata;
    metadata.set("general.architecture", std::string("gpt-oss"));
    metadata.set("a.flag", true);
    metadata.set("a.count", std::uint64_t{7});
    metadata.set("a.large", std::uint64_t{1} << 40);
    metadata.set("a.negative", std::int64_t{-7});
    metadata.set("a.real", 0.5);
    metadata.set("a.texts", std::vector<std::string>{"one", "", std::string("n\0l", 3)});
    metadata.set("a.integers", std::vector<std::int64_t>{-1, 2, 3});
    metadata.set("a.reals", std::vector<double>{0.25, -4});
    metadata.set("a.flags", std::vector<bool>{true, false});
    return metadata;
}

TEST(Writer, WhatIsWrittenIsReadBack) {
    const test::TemporaryFolder folder;
    const std::vector<TensorToWrite> tensors = {constant("one", {3, 5}, 1), constant("two", {7}, 2)};
    const auto paths = write(folder.path() / "model.gguf", every_kind_of_value(), tensors);
    ASSERT_EQ(paths.size(), 1U);
    const File file = File::open(paths[0]);
    EXPECT_EQ(file.metadata().all(), every_kind_of_value().all());
    ASSERT_EQ(file.tensors().size(), 2U);
    EXPECT_EQ(file.find("one")->shape, (std::array<std::uint64_t, 4>{3, 5, 1, 1}));
    EXPECT_EQ(file.find("two")->data.size(), 28U);
    EXPECT_EQ(file.find("two")->data[27], std::byte{2});
    EXPECT_FALSE(std::filesystem::exists(paths[0].string() + ".tmp"));
}

TEST(Writer, SplitsIntoPartsThatOpenTogether) {
    for (const bool tensors_first : {false, true}) {
        const test::TemporaryFolder folder;
        std::vector<TensorToWrite> tensors;
        for (int i = 0; i < 10; ++i)
            tensors.push_back(constant("t" + std::to_string(i), {64}, static_cast<char>(i)));
        const auto paths = write(folder.path() / "model.gguf", every_kind_of_value(), tensors,
                                 {.parts = 3, .tensors_in_first_part = tensors_first});
        ASSERT_EQ(paths.size(), 3U);
        EXPECT_EQ(paths[1].filename(), "model-00002-of-00003.gguf");
        const File file = File::open(paths[2]);
        ASSERT_EQ(file.tensors().size(), 10U);
        for (int i = 0; i < 10; ++i)
            EXPECT_EQ(file.find("t" + std::to_string(i))->data[5], static_cast<std::byte>(i));
        EXPECT_EQ(file.tensors().front().part, tensors_first ? 0U : 1U);
    }
}

TEST(Writer, AFolderThatIsNotThereIsAnError) {
    EXPECT_THROW(write("/nonexistent/folder/model.gguf", {}, {}), Error);
}

}  // namespace
}  // namespace gptoss::gguf
