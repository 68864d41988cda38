#include "api/error_reply.h"

#include <gtest/gtest.h>

namespace gptoss::api {
namespace {

TEST(ErrorReply, MapsErrorsToStatusAndShape) {
    const Error full(ErrorCode::queue_full, "The queue is full.", "", {{"retry_after_s", "7"}});
    EXPECT_EQ(http_status(full.code()), 429);
    EXPECT_EQ(retry_after_s(full), 7);
    EXPECT_EQ(openai_error(full)["error"]["type"], "rate_limit_error");
    EXPECT_EQ(inference_error(full, "r")["error_type"], "rate_limit_exceeded");
    EXPECT_EQ(inference_error(full, "r")["details"]["retry_after"], 7);

    const Error draining(ErrorCode::shutting_down, "Going.");
    EXPECT_EQ(http_status(draining.code()), 503);
    EXPECT_TRUE(retry_after_s(draining).has_value());

    const Error field(ErrorCode::request_invalid, "n must be …", "", {{"param", "n"}});
    EXPECT_EQ(http_status(field.code()), 400);
    EXPECT_EQ(openai_error(field)["error"]["param"], "n");
    EXPECT_FALSE(retry_after_s(field).has_value());
    EXPECT_TRUE(inference_error(field, "")["request_id"].is_null());

    EXPECT_EQ(http_status(ErrorCode::unauthorized), 401);
    EXPECT_EQ(http_status(ErrorCode::not_found), 404);
    EXPECT_EQ(http_status(ErrorCode::context_exceeded), 400);
}

}  // namespace
}  // namespace gptoss::api
