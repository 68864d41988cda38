// What the engine's thread hands to the I/O threads: one task for all the sessions that a step has woken.
#include "http/wake_list.h"

#include <gtest/gtest.h>

namespace gptoss::http {
namespace {

// A pointer that owns nothing: the list only passes it on.
std::shared_ptr<Session> numbered_session(std::uintptr_t number) {
    return {std::shared_ptr<void>(), reinterpret_cast<Session*>(number)};
}

TEST(WakeList, AsksOnceUntilItIsTaken) {
    WakeList list;
    EXPECT_TRUE(list.add(numbered_session(8)));
    EXPECT_FALSE(list.add(numbered_session(16)));
    EXPECT_FALSE(list.add(numbered_session(8))) << "woken twice";
    EXPECT_EQ(list.take().size(), 3U);
    EXPECT_TRUE(list.take().empty());
    EXPECT_TRUE(list.add(numbered_session(8))) << "the next step asks again";
}

}  // namespace
}  // namespace gptoss::http
