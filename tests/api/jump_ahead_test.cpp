// What a client and a receipt are told of a strict call is the same with tokens taken ahead and without.
#include <gtest/gtest.h>

#include <mutex>

#include "api/api_fixture.h"

namespace gptoss {
namespace {

using api::Json;
using test::Api;

// Keeps what would be signed.
class KeptReceipts final : public api::Receipts {
  public:
    void add(api::AnsweredChoice choice) override {
        const std::lock_guard lock(mutex_);
        choices_.push_back(std::move(choice));
    }
    std::optional<Json> find(std::string_view) override { return std::nullopt; }
    std::vector<Json> latest(int) override { return {}; }
    api::AnsweredChoice only() {
        const std::lock_guard lock(mutex_);
        EXPECT_EQ(choices_.size(), 1u);
        return choices_.at(0);
    }

  private:
    std::mutex mutex_;
    std::vector<api::AnsweredChoice> choices_;
};

struct Told {
    Json message, usage;
    api::AnsweredChoice signed_choice;
    engine::EngineStats stats;
};

Told tell(bool jumps, bool asynchronous) {
    const auto receipts = std::make_shared<KeptReceipts>();
    test::ApiOptions options;
    options.jump_ahead = jumps;
    options.receipts = receipts;
    options.backend.asynchronous = asynchronous;
    Api api(options);
    api.say(
        "<|channel|>analysis<|message|>Look it up.<|end|><|start|>assistant<|channel|>commentary "
        "to=functions.get_weather <|constrain|>json<|message|>{\"location\": \"Oslo\"}<|call|>");
    Json request = test::with_weather_tool("How is the weather?");
    request["tools"][0]["function"]["strict"] = true;
    request["tool_choice"] = "required";
    request["seed"] = 7;
    const Json reply = test::body_of(api.ask(request));
    EXPECT_TRUE(api.engine()->drain(1000));
    Json message = reply["choices"][0]["message"];
    message["tool_calls"][0].erase("id");
    return {message, reply["usage"], receipts->only(), api.engine()->stats()};
}

TEST(JumpAhead, TellsAndSignsTheSame) {
    for (const bool asynchronous : {false, true}) {
        const Told with = tell(true, asynchronous), without = tell(false, asynchronous);
        EXPECT_EQ(with.message, without.message);
        EXPECT_EQ(with.message["tool_calls"][0]["function"]["arguments"], "{\"location\": \"Oslo\"}");
        EXPECT_EQ(with.usage["completion_tokens"], without.usage["completion_tokens"]);
        EXPECT_EQ(with.signed_choice.prompt, without.signed_choice.prompt);
        EXPECT_EQ(with.signed_choice.output, without.signed_choice.output);
        EXPECT_EQ(with.signed_choice.reasoning_tokens, without.signed_choice.reasoning_tokens);
        EXPECT_EQ(without.stats.forced_tokens, 0);
        EXPECT_GE(with.stats.forced_tokens, 5) << "<|start|>, assistant, <|channel|> and the call's header";
        EXPECT_LT(with.stats.steps, without.stats.steps);
    }
}

}  // namespace
}  // namespace gptoss
