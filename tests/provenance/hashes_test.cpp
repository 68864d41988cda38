#include <gtest/gtest.h>

#include "base/error.h"
#include "provenance/known_releases.h"
#include "provenance/part_hashes.h"
#include "provenance/sha256.h"
#include "support/files.h"
#include "support/temporary_folder.h"

namespace gptoss::provenance {
namespace {

std::string hash_of(const std::string& text) {
    return to_hex(sha256(std::as_bytes(std::span(text))));
}

TEST(Sha256, StandardVectors) {  // FIPS 180-4 examples
    EXPECT_EQ(hash_of(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    EXPECT_EQ(hash_of("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_EQ(hash_of(std::string(1'000'000, 'a')),
              "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, HashesAreNormalised) {
    const std::string hash = hash_of("abc");
    std::string upper = hash;
    for (char& c : upper) c = static_cast<char>(std::toupper(c));
    EXPECT_EQ(normalise_hash("0x" + upper), hash);
    EXPECT_EQ(normalise_hash(hash), hash);
    EXPECT_EQ(normalise_hash(hash.substr(1)), "");
    EXPECT_EQ(normalise_hash("g" + hash.substr(1)), "");
    EXPECT_EQ(normalise_hash(""), "");
}

TEST(Composite, The120bsPublishedPartsGiveItsRegisteredForm) {
    const KnownRelease* release = find_release("gpt-oss-120b");
    ASSERT_NE(release, nullptr);
    std::vector<PartHash> parts;
    for (const auto hash : release->part_sha256) parts.push_back({"part", 1, std::string(hash)});
    EXPECT_EQ(composite_hash(parts), "532e271965fdf309c6d51f063b83162bea63858ca56c9bca9c884fd6803352a7");
    EXPECT_EQ(release->composite, composite_hash(parts));
    std::swap(parts[1], parts[2]);  // the order matters
    EXPECT_NE(composite_hash(parts), release->composite);
}

TEST(Composite, ASingleFileIsItsOwnHash) {
    const KnownRelease* release = find_release("gpt-oss-20b");
    const std::vector<PartHash> parts = {{"file", 1, std::string(release->part_sha256[0])}};
    EXPECT_EQ(composite_hash(parts), release->composite);
}

TEST(HashParts, ManyPartsAtOnceInOrder) {
    const test::TemporaryFolder folder;
    std::vector<std::filesystem::path> paths;
    for (int i = 0; i < 5; ++i) {
        paths.push_back(folder.path() / std::to_string(i));
        test::write_file(paths.back(), std::vector<char>(static_cast<std::size_t>(3'000'000 * i + i),
                                                         static_cast<char>('a' + i)));
    }
    std::uint64_t last = 0, total = 0;
    const auto parts =
        hash_parts(std::span(paths).first(1), [&](std::uint64_t, std::uint64_t) { return true; });
    EXPECT_EQ(parts[0].sha256, hash_of(""));
    const auto all = hash_parts(paths);
    for (int i = 0; i < 5; ++i) {
        EXPECT_EQ(
            all[static_cast<std::size_t>(i)].sha256,
            hash_of(std::string(static_cast<std::size_t>(3'000'000 * i + i), static_cast<char>('a' + i))));
        EXPECT_EQ(all[static_cast<std::size_t>(i)].size_bytes, static_cast<std::uint64_t>(3'000'000 * i + i));
    }
    hash_parts(std::span(paths).subspan(4), [&](std::uint64_t done, std::uint64_t all_bytes) {
        EXPECT_GT(done, last);
        last = done;
        total = all_bytes;
        return true;
    });
    EXPECT_EQ(last, total);
}

TEST(HashParts, StopsAndFails) {
    const test::TemporaryFolder folder;
    const std::vector<std::filesystem::path> paths = {folder.path() / "there", folder.path() / "absent"};
    test::write_file(paths[0], std::vector<char>(5'000'000, 'x'));
    try {
        hash_parts(paths);
        FAIL();
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::file_not_found);
        EXPECT_NE(std::string(error.what()).find("absent"), std::string::npos);
    }
    try {
        hash_parts(std::span(paths).first(1), [](std::uint64_t, std::uint64_t) { return false; });
        FAIL();
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::cancelled);
    }
}

}  // namespace
}  // namespace gptoss::provenance
