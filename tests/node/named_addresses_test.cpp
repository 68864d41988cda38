#include "node/application/named_addresses.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/error.h"
#include "support/temporary_folder.h"

namespace gptoss::node {
namespace {

class NamedAddressesTest : public testing::Test {
  protected:
    std::vector<NamedAddress> read(const std::string& text) const {
        std::ofstream(folder_.path() / "servers") << text;
        return read_named_addresses(folder_.path() / "servers");
    }
    std::string refusal(const std::string& text) const {
        try {
            read(text);
        } catch (const Error& error) {
            return error.what();
        }
        return "";
    }
    test::TemporaryFolder folder_;
};

TEST_F(NamedAddressesTest, ReadsNamesUrlsAndHeaders) {
    const auto found = read(
        "# servers\n\nfiles http://127.0.0.1:9000/mcp\r\n"
        "search https://mcp.example/x?y=1 Authorization: Bearer a b  \nthird http://x # a comment\n");
    ASSERT_EQ(found.size(), 3U);
    EXPECT_EQ(found[0].name, "files");
    EXPECT_EQ(found[0].url, "http://127.0.0.1:9000/mcp");
    EXPECT_EQ(found[0].header, "");
    EXPECT_EQ(found[1].header, "Authorization: Bearer a b");
    EXPECT_EQ(found[2].header, "");
}

TEST_F(NamedAddressesTest, RefusesWhatIsNoAddressAndNamesTheLine) {
    for (const char* wrong : {"a", "a ftp://x", "a http://", "a/b http://x", "a http://x no-header",
                              "a http://x\x01", "a http://x A: b\x01", "a http://x\na http://y"})
        EXPECT_NE(refusal(wrong).find(", line "), std::string::npos) << wrong;
    EXPECT_EQ(refusal("a http://x Authorization Bearer secret").find("secret"), std::string::npos);
    std::string many;
    for (int i = 0; i < 65; ++i) many += "n" + std::to_string(i) + " http://x\n";
    EXPECT_NE(refusal(many).find("line 65"), std::string::npos);
}

}  // namespace
}  // namespace gptoss::node
