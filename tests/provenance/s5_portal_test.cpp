// What portals answer, and the list of an identity's accounts at them. The portal itself: e2e/s5_portal.test.mjs.
#include "base/error.h"
#include "marketplace_vectors.h"
#include "provenance/s5/multibase.h"
#include "provenance/s5/portal.h"
#include "provenance/s5/portal_reply.h"
#include "provenance/s5/seed_phrase.h"

namespace gptoss::provenance::s5 {
namespace {

const Identity& identity() {
    static const Identity some(Entropy{1, 2, 3});
    return some;
}

PortalOptions options_of(const char* url) {
    PortalOptions options;
    options.url = url;
    return options;
}

TEST(S5PortalReply, IsReadWithCare) {
    const BlobIdentifier id = identify_blob(bytes_of("abc"));
    EXPECT_EQ(identifier_of_reply(R"({"cid":")" + id.text() + "\"}"), id);
    EXPECT_EQ(identifier_of_reply(R"({"cid":")" + id.text(Base::base64url) + "\"}"), id);
    for (const char* other : {"", "[]", "{}", R"({"cid":7})", R"({"cid":"b"})", "{\"cid\":"})
        EXPECT_FALSE(identifier_of_reply(other)) << other;
    EXPECT_FALSE(challenge_of_reply(R"({"challenge":"AAAA"})")) << "it has 32 bytes";
    HttpReply reply;
    EXPECT_FALSE(offset_of_reply(reply));
    for (const char* wrong : {"", "-1", "1x", "99999999999999999999"}) {
        reply.headers["upload-offset"] = wrong;
        EXPECT_FALSE(offset_of_reply(reply)) << wrong;
    }
    reply.headers["upload-offset"] = "5368709120";
    EXPECT_EQ(offset_of_reply(reply), 5'368'709'120U);
    EXPECT_EQ(reason_in("a\n\x1b[31mred"), "a..[31mred");
    EXPECT_EQ(reason_in(std::string(1000, 'x')).size(), 200U);
}

// A portal with trouble of its own is asked again, by whatever request it was; a refusal is final.
TEST(S5PortalReply, TroubleOfThePortalIsNoRefusal) {
    const auto code_of = [](int status, const std::string& network_error) -> std::optional<ErrorCode> {
        HttpReply reply;
        reply.status = status;
        reply.network_error = network_error;
        try {
            require_status("https://portal.test/s5/upload", reply, {200, 201}, "It is tried again.");
        } catch (const Error& error) {
            return error.code();
        }
        return std::nullopt;
    };
    EXPECT_EQ(code_of(200, ""), std::nullopt);
    EXPECT_EQ(code_of(201, ""), std::nullopt);
    EXPECT_EQ(code_of(0, "connection refused"), ErrorCode::network_failed);
    EXPECT_EQ(code_of(200, "it broke off"), ErrorCode::network_failed);
    for (const int status : {500, 502, 503})
        EXPECT_EQ(code_of(status, ""), ErrorCode::network_failed) << status;
    for (const int status : {204, 401, 404, 409})
        EXPECT_EQ(code_of(status, ""), ErrorCode::network_refused) << status;
}

TEST(S5PortalAccounts, AreFoundByTheirHostAndKeepWhatTheyDoNotKnow) {
    const Bytes32 seed{7, 8, 9};
    const PortalAccount account(identity(), seed);
    PortalAccounts accounts = PortalAccounts::from_text(
        R"({"accounts":{"other.example:x":{"url":"https://other.example","seed":"short"}},"active":["other.example:x",7],"more":1})");
    EXPECT_FALSE(accounts.seed_at("other.example")) << "its seed is none";
    accounts.add("portal.example:8080", "http://portal.example:8080", account, seed);
    const PortalAccounts again = PortalAccounts::from_text(accounts.text());
    EXPECT_EQ(again.seed_at("portal.example:8080"), seed);
    EXPECT_FALSE(again.seed_at("portal.example")) << "another port is another portal";
    EXPECT_NE(again.text().find("\"more\":1"), std::string::npos);
    for (const char* broken : {"", "7", "{\"accounts\":7,\"active\":{},\"uploadOrder\":[]}", "{"})
        EXPECT_FALSE(PortalAccounts::from_text(broken).seed_at("portal.example"));
}

TEST(S5Portal, TakesAPortalsUrlAlone) {
    for (const char* wrong : {"", "portal", "ftp://portal", "https://", "https://portal/path", "https://a b"})
        EXPECT_THROW(Portal(identity(), options_of(wrong)), Error) << wrong;
    EXPECT_NO_THROW(Portal(identity(), options_of("https://portal.example/")));
}

TEST(S5Multibase, WritesBase64WithItsPadding) {
    EXPECT_EQ(to_base64(bytes_of("")), "");
    EXPECT_EQ(to_base64(bytes_of("a")), "YQ==");
    EXPECT_EQ(to_base64(bytes_of("ab")), "YWI=");
    EXPECT_EQ(to_base64(bytes_of("\xfb\xff\xfe")), "+//+");
}

}  // namespace
}  // namespace gptoss::provenance::s5
