#include "http/api_keys.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "http/authenticate.h"
#include "http/keys_of.h"

namespace gptoss::http {
namespace {

using test::keys_of;

TEST(ApiKeys, KnowsNamesOfKeys) {
    const ApiKeys keys = keys_of("# comment\n\nalice 0123456789abcdef # new\nfedcba9876543210\n");
    EXPECT_TRUE(keys.required());
    ASSERT_NE(keys.find("0123456789abcdef"), nullptr);
    EXPECT_EQ(keys.find("0123456789abcdef")->name, "alice");
    EXPECT_EQ(keys.find("fedcba9876543210")->name, "key 4");
    EXPECT_EQ(keys.find("alice"), nullptr);
    EXPECT_EQ(keys.find(""), nullptr);
    EXPECT_FALSE(ApiKeys().required());
}

TEST(ApiKeys, ReadsLimits) {
    const ApiKeys keys = keys_of(
        "alice 0123456789abcdef requests-per-minute=60 concurrent-requests=4\n"
        "fedcba9876543210 tokens-per-minute=1000\nbob aaaaaaaaaaaaaaaa\n");
    const auto& limit = keys.find("0123456789abcdef")->limit;
    ASSERT_TRUE(limit.has_value());
    EXPECT_EQ(limit->requests_per_minute, 60);
    EXPECT_EQ(limit->concurrent_requests, 4);
    EXPECT_EQ(limit->tokens_per_minute, 0);
    EXPECT_EQ(keys.find("fedcba9876543210")->limit->tokens_per_minute, 1000);
    EXPECT_FALSE(keys.find("aaaaaaaaaaaaaaaa")->limit.has_value());
    EXPECT_THROW(keys_of("alice 0123456789abcdef requests-per-minute=many\n"), Error);
}

TEST(ApiKeys, RefusesFilesThatProtectNothing) {
    EXPECT_THROW(keys_of("# nothing\n"), Error);
    EXPECT_THROW(keys_of("short\n"), Error);
    EXPECT_THROW(ApiKeys::from_file("/nowhere/keys"), Error);
}

std::string refusal_of(const std::string& text) {
    try {
        keys_of(text);
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::setting_invalid);
        return error.for_people();
    }
    return "taken";
}

TEST(ApiKeys, RefusesMistypedLimits) {
    for (const std::string before : {"alice 0123456789abcdef", "0123456789abcdef", "alice"}) {
        for (const std::string mistyped :
             {"tokens-per-minut=1000000", "Requests-Per-Minute=60", "limit=many"}) {
            const std::string refusal = refusal_of("# comment\n" + before + " " + mistyped + "\n");
            EXPECT_NE(refusal.find("keys, line 2: \"" + mistyped.substr(0, mistyped.find('=')) + "\""),
                      std::string::npos)
                << refusal;
            EXPECT_NE(refusal.find("requests-per-minute=N"), std::string::npos) << refusal;
            EXPECT_EQ(refusal.find("0123456789abcdef"), std::string::npos) << refusal;
        }
    }
    EXPECT_NE(keys_of("alice YWxpY2UgYW5kIGJvYg==\n").find("YWxpY2UgYW5kIGJvYg=="), nullptr);
}

TEST(ApiKeys, RefusesAThirdWordWithoutShowingIt) {
    for (const std::string text :
         {"alice 0123456789abcdef fedcba9876543210", "alice short fedcba9876543210",
          "alice smith fedcba9876543210 requests-per-minute=60", "alice 0123456789abcdef new"}) {
        const std::string refusal = refusal_of("\n\n" + text + "\n");
        EXPECT_NE(refusal.find("keys, line 3: 3 words"), std::string::npos) << refusal;
        EXPECT_NE(refusal.find("NAME KEY"), std::string::npos) << refusal;
        EXPECT_EQ(refusal.find("fedcba9876543210"), std::string::npos) << refusal;
        EXPECT_EQ(refusal.find("0123456789abcdef"), std::string::npos) << refusal;
    }
}

TEST(ApiKeys, AreReadFromEitherHeader) {
    const auto key = [](const std::string& name, const std::string& value) {
        Headers headers;
        headers.add(name, value);
        return std::string(key_of(headers));
    };
    EXPECT_EQ(key("Authorization", "Bearer abc"), "abc");
    EXPECT_EQ(key("authorization", "bearer abc"), "abc");
    EXPECT_EQ(key("Authorization", "Basic abc"), "");
    EXPECT_EQ(key("Authorization", ""), "");
    EXPECT_EQ(key("x-api-key", "abc"), "abc");
    EXPECT_EQ(key("Other", "Bearer abc"), "");
}

}  // namespace
}  // namespace gptoss::http
