// Sessions by their ids: whose they are, how long they wait, how many there may be.
#include "marketplace/session_book.h"

#include <gtest/gtest.h>

namespace gptoss::marketplace {
namespace {

using namespace std::chrono_literals;
const SessionBook::Clock::time_point kNow = SessionBook::Clock::now();

Session session_of(const std::string& id, const std::string& job = "", const std::string& client = "alice") {
    Session session;
    session.id = id;
    session.job = job;
    session.client = client;
    session.keys = std::make_shared<const SessionKeys>();
    return session;
}

BookLimits small() {
    BookLimits limits;
    limits.sessions = 3;
    limits.sessions_each = 2;
    limits.grace = 10s;
    limits.lifetime = 100s;
    return limits;
}

std::string code_of(const std::optional<provenance::marketplace::Refusal>& refusal) {
    return refusal ? refusal->code : "";
}

TEST(SessionBook, KeepsASessionForItsClientAlone) {
    SessionBook book(small());
    EXPECT_EQ(code_of(book.open(session_of("1", "7"), 1, kNow)), "");
    EXPECT_EQ(code_of(book.open(session_of("1", "7", "mallory"), 2, kNow)), "SESSION_IN_USE");
    EXPECT_EQ(code_of(book.open(session_of("1", "8"), 2, kNow)), "SESSION_IN_USE");
    EXPECT_EQ(code_of(book.open(session_of("2", "7"), 2, kNow)),
              "SESSION_IN_USE");                                       // the job's other session
    EXPECT_EQ(code_of(book.open(session_of("1", "7"), 2, kNow)), "");  // on another connection
    book.detach(2, kNow);
    EXPECT_EQ(code_of(book.open(session_of("2", "7"), 3, kNow)), "");
    EXPECT_FALSE(book.find("1", kNow));  // one session a job
}

TEST(SessionBook, WaitsForAClientThatComesBack) {
    SessionBook book(small());
    book.open(session_of("1", "7"), 1, kNow);
    book.detach(1, kNow);
    EXPECT_TRUE(book.expire(kNow + 9s).empty());
    book.attach("1", 2);
    EXPECT_TRUE(book.expire(kNow + 60s).empty());
    book.detach(2, kNow + 60s);
    const auto gone = book.expire(kNow + 70s);
    ASSERT_EQ(gone.size(), 1U);
    EXPECT_EQ(gone[0].job, "7");
    EXPECT_FALSE(book.find("1", kNow + 70s));
}

TEST(SessionBook, ForgetsAKeyThatIsTooOldWhoeverIsThere) {
    SessionBook book(small());
    book.open(session_of("1"), 1, kNow);
    EXPECT_TRUE(book.find("1", kNow + 99s));
    EXPECT_FALSE(book.find("1", kNow + 100s));
    EXPECT_EQ(book.expire(kNow + 100s).size(), 1U);
}

TEST(SessionBook, IsBounded) {
    SessionBook book(small());
    EXPECT_EQ(code_of(book.open(session_of("1"), 1, kNow)), "");
    EXPECT_EQ(code_of(book.open(session_of("2"), 1, kNow)), "");
    EXPECT_EQ(code_of(book.open(session_of("3"), 1, kNow)), "TOO_MANY_SESSIONS");  // of this client
    EXPECT_EQ(code_of(book.open(session_of("3", "", "bob"), 1, kNow)), "");
    EXPECT_EQ(code_of(book.open(session_of("4", "", "eve"), 1, kNow)), "TOO_MANY_SESSIONS");
    EXPECT_EQ(code_of(book.open(session_of("1"), 1, kNow)), "");  // again, a new key
}

TEST(SessionBook, LetsMessageCountsGrowAlone) {
    SessionBook book(small());
    book.open(session_of("1"), 1, kNow);
    EXPECT_TRUE(book.advance("1", 0));
    EXPECT_FALSE(book.advance("1", 0));
    EXPECT_TRUE(book.advance("1", 5));
    EXPECT_FALSE(book.advance("1", 4));
    book.open(session_of("1"), 1, kNow);  // a fresh key counts anew
    EXPECT_TRUE(book.advance("1", 0));
    EXPECT_FALSE(book.advance("2", 0));
}

}  // namespace
}  // namespace gptoss::marketplace
