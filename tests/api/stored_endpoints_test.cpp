// What is stored, as clients of the Responses API list and change it.
#include "api/stored_endpoints.h"

#include <gtest/gtest.h>

#include "api/api_fixture.h"
#include "api/error_reply.h"
#include "base/error.h"

namespace gptoss::api {
namespace {

using test::body_of;

// A conversation that took items which cannot be read answered 400 to everything from then on.
TEST(StoredEndpoints, AConversationTakesOnlyWhatCanBeRead) {
    StoredResponses stored("", StoreLimits());
    const StoredEndpoints endpoints(&stored, "ann");
    const auto refused = [](const auto& call) -> std::string {
        try {
            call();
        } catch (const Error& error) {
            return openai_error(error)["error"].value("param", "");
        }
        return "taken";
    };
    const auto items = [](const Json& item) { return to_text({{"items", Json::array({item})}}); };
    const Json call{{"type", "function_call"}, {"call_id", "c"}, {"name", "f"}, {"arguments", "{}"}};
    const Json output{{"type", "function_call_output"}, {"call_id", "c"}, {"output", "x"}};
    const std::string id = body_of(endpoints.create_conversation(items(call)))["id"];
    EXPECT_EQ(refused([&] { endpoints.add_items(id, items(output)); }), "taken");
    const Json said = body_of(endpoints.add_items(id, items({{"role", "assistant"}, {"content", "hi"}})));
    EXPECT_EQ(said["data"][0]["type"], "message") << said;
    EXPECT_EQ(said["data"][0]["content"][0]["text"], "hi");
    EXPECT_EQ(refused([&] {
                  endpoints.add_items(id, items({{"role", "user"}, {"content", 7}}));
              }),
              "items[0].content");
    EXPECT_EQ(refused([&] { endpoints.create_conversation(items(output)); }), "items[0].call_id");
    EXPECT_EQ(refused([&] {
                  endpoints.create_conversation(items({{"type", "text"}, {"text", "x"}}));
              }),
              "items[0].type");
    EXPECT_EQ(refused([&] { endpoints.update_conversation(id, R"({"metadata":{"a":7}})"); }), "metadata.a");
}

// A limit that no integer holds passed for the usual one.
TEST(StoredEndpoints, APageHasALimitWithinItsBounds) {
    StoredResponses stored("", StoreLimits());
    const StoredEndpoints endpoints(&stored, "ann");
    const std::string id = body_of(endpoints.create_conversation("{}"))["id"];
    for (const char* limit : {"0", "-1", "1x", "", "101", "99999999999999999999999"})
        EXPECT_THROW(endpoints.conversation_items(id, std::string("limit=") + limit), Error) << limit;
    EXPECT_EQ(endpoints.conversation_items(id, "limit=100").status, 200);
}

}  // namespace
}  // namespace gptoss::api
