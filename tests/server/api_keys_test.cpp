#include "server/api_keys.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "support/files.h"
#include "support/temporary_folder.h"

namespace gptoss::server {
namespace {

ApiKeys keys_of(const std::string& text) {
    const test::TemporaryFolder folder;
    test::write_file(folder.path() / "keys", {text.begin(), text.end()});
    return ApiKeys::from_file(folder.path() / "keys");
}

TEST(ApiKeys, KnowsNamesOfKeys) {
    const ApiKeys keys = keys_of("# comment\n\nalice 0123456789abcdef\nfedcba9876543210\n");
    EXPECT_TRUE(keys.required());
    EXPECT_EQ(keys.name_of("0123456789abcdef"), "alice");
    EXPECT_EQ(keys.name_of("fedcba9876543210"), "key 4");
    EXPECT_EQ(keys.name_of("alice"), std::nullopt);
    EXPECT_EQ(keys.name_of(""), std::nullopt);
    EXPECT_FALSE(ApiKeys().required());
}

TEST(ApiKeys, RefusesFilesThatProtectNothing) {
    EXPECT_THROW(keys_of("# nothing\n"), Error);
    EXPECT_THROW(keys_of("short\n"), Error);
    EXPECT_THROW(ApiKeys::from_file("/nowhere/keys"), Error);
}

TEST(ApiKeys, ReadsBearerHeaders) {
    EXPECT_EQ(bearer_key("Bearer abc"), "abc");
    EXPECT_EQ(bearer_key("Basic abc"), "");
    EXPECT_EQ(bearer_key(""), "");
}

}  // namespace
}  // namespace gptoss::server
