#include "api/response_store.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/utc_time.h"
#include "support/temporary_folder.h"

namespace gptoss {
namespace response_store_test {

using api::Json;
using api::Page;
using api::ResponseStore;
using api::StoredResponse;

Json response(const std::string& id, const std::string& status = "in_progress", Json output = Json::array()) {
    return {{"id", id}, {"created_at", now_s()}, {"status", status}, {"output", std::move(output)}};
}

Json item(const std::string& id) {
    return {{"id", id}, {"type", "message"}};
}

void tell_turn(ResponseStore& store, const std::string& owner, const std::string& id,
               const std::string& previous = {}) {
    store.begin(owner, {response(id), previous, {}, {item("in_" + id)}});
    store.update(response(id, "completed", Json::array({item("out_" + id)})));
}

TEST(ResponseStore, AChainIsRetold) {
    ResponseStore store({}, {});
    tell_turn(store, "ann", "r1");
    tell_turn(store, "ann", "r2", "r1");
    const auto items = store.history("ann", "r2");
    ASSERT_TRUE(items);
    std::string ids;
    for (const Json& each : *items) ids += each["id"].get<std::string>() + " ";
    EXPECT_EQ(ids, "in_r1 out_r1 in_r2 out_r2 ");
    EXPECT_EQ((*store.find_item("ann", "out_r1"))["id"], "out_r1");
    EXPECT_TRUE(store.remove("ann", "r1"));
    EXPECT_FALSE(store.history("ann", "r2"));  // a part of it is gone
    EXPECT_FALSE(store.find_item("ann", "out_r1"));
}

// A reference that a client sent is stored with the id of what it means.
TEST(ResponseStore, AReferenceIsNeverWhatIsFound) {
    ResponseStore store({}, {});
    const Json reference{{"id", "out_r1"}, {"type", "item_reference"}};
    store.begin("ann", {response("r0"), {}, {}, {reference}});
    EXPECT_FALSE(store.find_item("ann", "out_r1"));
    tell_turn(store, "ann", "r1");
    EXPECT_EQ((*store.find_item("ann", "out_r1"))["type"], "message");
}

TEST(ResponseStore, NobodySeesOthers) {
    ResponseStore store({}, {});
    tell_turn(store, "ann", "r1");
    store.create_conversation("ann", {{"id", "c1"}, {"created_at", now_s()}});
    EXPECT_FALSE(store.find("bob", "r1"));
    EXPECT_FALSE(store.history("bob", "r1"));
    EXPECT_FALSE(store.find_item("bob", "in_r1"));
    EXPECT_FALSE(store.remove("bob", "r1"));
    EXPECT_TRUE(store.input_items("bob", "r1", {}).items.empty());
    EXPECT_FALSE(store.find_conversation("bob", "c1"));
    store.append_items("bob", "c1", {item("x")});
    EXPECT_TRUE(store.all_items("ann", "c1").empty());
    EXPECT_TRUE(store.find("ann", "r1"));
}

TEST(ResponseStore, AKilledNodeLeavesFailedResponses) {
    const test::TemporaryFolder folder;
    const auto path = folder.path() / "responses.sqlite";
    {
        ResponseStore store(path, {});
        store.begin("ann", {response("r1"), {}, {}, {item("in")}});
        tell_turn(store, "ann", "r2");
        store.keep_events("r2", {R"({"a":1})", R"({"a":2})"});
    }
    EXPECT_EQ(std::filesystem::status(path).permissions(),
              std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
    ResponseStore again(path, {});
    EXPECT_EQ(again.find("ann", "r1")->response["status"], "failed");
    EXPECT_EQ(again.find("ann", "r1")->response["error"]["code"], "server_error");
    EXPECT_EQ(again.find("ann", "r2")->response["status"], "completed");
    EXPECT_EQ(again.events("ann", "r2").size(), 2U);
}

TEST(ResponseStore, TheOldestGoFirst) {
    ResponseStore store({}, {20'000, 1000});
    for (int i = 0; i < 30; ++i) {
        store.begin(
            "ann",
            {response("r" + std::to_string(i)), {}, {}, {{{"id", "i"}, {"text", std::string(2000, 'x')}}}});
        store.update(response("r" + std::to_string(i), "completed"));
        EXPECT_LE(store.size_bytes(), 20'000 + 3'000);
    }
    EXPECT_FALSE(store.find("ann", "r0"));
    EXPECT_TRUE(store.find("ann", "r29"));
    Json old = response("old", "completed");
    old["created_at"] = now_s() - 2000;
    store.begin("ann", {old, {}, {}, {}});
    EXPECT_FALSE(store.find("ann", "old"));
}

// What a client may put in without an answer being made counts as everything else.
TEST(ResponseStore, EmptyConversationsTakeRoomToo) {
    ResponseStore store({}, {20'000, 1000});
    for (int i = 0; i < 200; ++i) {
        const std::string id = "c" + std::to_string(i);
        store.create_conversation("ann", {{"id", id}, {"created_at", now_s()}});
        EXPECT_LE(store.size_bytes(), 20'000);
    }
    EXPECT_FALSE(store.find_conversation("ann", "c0"));
    EXPECT_TRUE(store.find_conversation("ann", "c199"));
}

TEST(ResponseStore, ConversationsAreCountedAsTheyChange) {
    ResponseStore store({}, {});
    store.create_conversation("ann", {{"id", "c"}, {"created_at", now_s()}});
    const std::int64_t before = store.size_bytes();
    EXPECT_GT(before, 0);
    store.update_conversation("ann", "c", {{"id", "c"}, {"metadata", std::string(900, 'x')}});
    EXPECT_GT(store.size_bytes(), before + 800);
    store.append_items("ann", "c", {item("a"), item("b")});
    const std::int64_t with_items = store.size_bytes();
    EXPECT_TRUE(store.remove_item("ann", "c", "a"));
    EXPECT_FALSE(store.remove_item("ann", "c", "a"));
    EXPECT_LT(store.size_bytes(), with_items);
    EXPECT_TRUE(store.remove_conversation("ann", "c"));
    EXPECT_EQ(store.size_bytes(), 0);
}

TEST(ResponseStore, BytesAreCountedNotCharacters) {
    ResponseStore store({}, {1 << 20, 1000});
    std::string emoji;
    for (int i = 0; i < 1000; ++i) emoji += "\xf0\x9f\x98\x80";
    store.begin("ann", {response("r"), {}, {}, {{{"id", "i"}, {"text", emoji}}}});
    EXPECT_GT(store.size_bytes(), 4000);
}

TEST(ResponseStore, NobodyLosesAnythingToAClientThatStoresMore) {
    const test::TemporaryFolder folder;
    const auto path = folder.path() / "responses.sqlite";
    for (int round = 0; round < 2; ++round) {  // the second with the totals of a file that was there
        ResponseStore store(path, {40'000, 1000});
        if (round == 0) tell_turn(store, "ann", "precious");
        for (int i = 0; i < 100; ++i) {
            const std::string id = std::to_string(round) + "-" + std::to_string(i);
            store.begin("bob", {response(id), {}, {}, {{{"id", "i"}, {"text", std::string(2000, 'x')}}}});
            store.update(response(id, "completed"));
        }
        EXPECT_LE(store.size_bytes(), 40'000);
        EXPECT_TRUE(store.find("ann", "precious"));
        EXPECT_TRUE(store.find("bob", std::to_string(round) + "-99"));
    }
}

TEST(ResponseStore, MoreThanAnyContextTakesIsNotReadBack) {
    ResponseStore store({}, {1 << 20, 1000, 16'000});
    store.create_conversation("ann", {{"id", "c"}, {"created_at", now_s()}});
    const Json large{{"id", "x"}, {"text", std::string(6000, 'x')}};
    store.append_items("ann", "c", {large, large});
    EXPECT_EQ(store.all_items("ann", "c").size(), 2U);
    store.append_items("ann", "c", {large});
    EXPECT_THROW(store.all_items("ann", "c"), Error);
    EXPECT_EQ(store.conversation_items("ann", "c", {"", 1, false}).items.size(), 1U);
    store.begin("ann", {response("r1", "completed"), "", {}, {large}});
    store.begin("ann", {response("r2", "completed"), "r1", {}, {large}});
    store.begin("ann", {response("r3", "completed"), "r2", {}, {large}});
    EXPECT_TRUE(store.history("ann", "r2"));
    EXPECT_THROW(store.history("ann", "r3"), Error);
}

TEST(ResponseStore, PagesOfItems) {
    ResponseStore store({}, {});
    store.begin("ann", {response("r"), {}, {}, {item("a"), item("b"), item("c")}});
    auto page = store.input_items("ann", "r", {"", 2, true});
    ASSERT_EQ(page.items.size(), 2U);
    EXPECT_EQ(page.items[0]["id"], "c");
    EXPECT_TRUE(page.more);
    page = store.input_items("ann", "r", {"b", 2, true});
    ASSERT_EQ(page.items.size(), 1U);
    EXPECT_EQ(page.items[0]["id"], "a");
    EXPECT_FALSE(page.more);
    page = store.input_items("ann", "r", {"a", 2, false});
    ASSERT_EQ(page.items.size(), 2U);
    EXPECT_EQ(page.items[0]["id"], "b");
    EXPECT_FALSE(page.more);
    EXPECT_TRUE(store.input_items("ann", "r", {"nobody", 2, true}).items.empty());
    EXPECT_EQ((*store.find_item("ann", "b", "r"))["id"], "b");
    EXPECT_FALSE(store.find_item("ann", "b", "another"));
}

}  // namespace response_store_test
}  // namespace gptoss
