#include "base/stream_parts.h"

#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

namespace gptoss {
namespace {

using Part = std::string_view;

TEST(StreamParts, TheFirstThatAreNotEmpty) {
    const std::vector<Part> all{"", "head", "", "body", "end"};
    EXPECT_EQ((first_parts<Part, 2>(all.begin(), all.end())), (std::array<Part, 2>{"head", "body"}));
    EXPECT_EQ((first_parts<Part, 4>(all.begin(), all.end())),
              (std::array<Part, 4>{"head", "body", "end", ""}));
    EXPECT_EQ((first_parts<Part, 1>(all.begin(), all.begin())), (std::array<Part, 1>{}));
}

TEST(StreamParts, AHandlerThatCanOnlyBeMovedIsHeldByAFunction) {
    int sum = 0;
    const std::function<void(int, int)> call = copyable_call(
        [&sum, own = std::make_unique<int>(100)](int first, int second) { sum = *own + first + second; });
    const std::function<void(int, int)> copy = call;
    copy(20, 3);
    EXPECT_EQ(sum, 123);
}

}  // namespace
}  // namespace gptoss
