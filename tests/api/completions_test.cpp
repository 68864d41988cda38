// POST /v1/completions, /tokenize, /detokenize, /apply-template and /v1/models.
#include <gtest/gtest.h>

#include "api/api_fixture.h"

namespace gptoss {
namespace {

using api::Json;
using api::Service;
using test::Api;
using test::body_of;

std::string joined_text(const std::vector<Json>& events) {
    std::string text;
    for (const Json& event : events) {
        if (!event.is_string() && !event["choices"].empty())
            text += event["choices"][0]["text"].get<std::string>();
    }
    return text;
}

TEST(Completions, GivesRawText) {
    Api api;
    api.say(" there<|end|> you");
    const Json request{{"prompt", "Hello"}, {"max_tokens", 50}};
    const Json reply = body_of(api.ask(request, &Service::completions));
    EXPECT_EQ(api.last_prompt(), "Hello");
    EXPECT_EQ(reply["object"], "text_completion");
    EXPECT_EQ(reply["choices"][0]["text"], " there<|end|> you");  // the <|return|> that ended it is not shown
    EXPECT_EQ(reply["choices"][0]["finish_reason"], "stop");
    const std::vector<Json> events = api.stream(request, &Service::completions);
    EXPECT_EQ(joined_text(events), " there<|end|> you");
    EXPECT_EQ(events.back(), "[DONE]");
}

TEST(Completions, TakesPromptsOfEveryShape) {
    Api api;
    api.say("x");
    const auto tokens = test::cut_tokenizer()->encode("Hello");
    const auto count_choices = [&](Json prompt, int n) {
        const Json reply = body_of(
            api.ask({{"prompt", std::move(prompt)}, {"n", n}, {"max_tokens", 3}}, &Service::completions));
        for (std::size_t i = 0; i < reply["choices"].size(); ++i) EXPECT_EQ(reply["choices"][i]["index"], i);
        return reply["choices"].size();
    };
    EXPECT_EQ(count_choices("Hello", 1), 1U);
    EXPECT_EQ(count_choices(tokens, 2), 2U);
    EXPECT_EQ(count_choices(Json::array({"Hello", "World"}), 2), 4U);
    EXPECT_EQ(count_choices(Json::array({tokens, tokens, tokens}), 1), 3U);
}

TEST(Completions, RefusesWhatItCannotDo) {
    Api api;
    const auto field = [&](const Json& request) {
        const api::HttpResponse reply = api.ask(request, &Service::completions);
        EXPECT_EQ(reply.status, 400);
        return body_of(reply)["error"]["param"].get<std::string>();
    };
    EXPECT_EQ(field(Json::object()), "prompt");
    EXPECT_EQ(field({{"prompt", 3}}), "prompt");
    EXPECT_EQ(field({{"prompt", ""}}), "prompt");
    EXPECT_EQ(field({{"prompt", Json::array({1, -1})}}), "prompt");
    EXPECT_EQ(field({{"prompt", Json::array({1, 999999999})}}), "prompt");
    EXPECT_EQ(field({{"prompt", Json::array({"a", true})}}), "prompt[1]");
    EXPECT_EQ(field({{"prompt", "a"}, {"suffix", "b"}}), "suffix");
    EXPECT_EQ(field({{"prompt", "a"}, {"best_of", 3}}), "best_of");
    EXPECT_EQ(field({{"prompt", "a"}, {"echo", true}, {"logprobs", 1}}), "logprobs");
    EXPECT_EQ(field({{"prompt", "a"}, {"logit_bias", {{"999999999", 1}}}}), "logit_bias");
}

TEST(Completions, EchoesThePromptAlsoWithoutGenerating) {
    Api api;
    api.say(" world");
    Json request{{"prompt", "Hello"}, {"echo", true}, {"max_tokens", 10}};
    EXPECT_EQ(body_of(api.ask(request, &Service::completions))["choices"][0]["text"], "Hello world");
    EXPECT_EQ(joined_text(api.stream(request, &Service::completions)), "Hello world");
    request["max_tokens"] = 0;
    const Json reply = body_of(api.ask(request, &Service::completions));
    EXPECT_EQ(reply["choices"][0]["text"], "Hello");
    EXPECT_EQ(reply["usage"]["completion_tokens"], 0);
    EXPECT_EQ(joined_text(api.stream(request, &Service::completions)), "Hello");
}

TEST(Completions, StopsAtStopStringsAndGivesLogprobs) {
    Api api;
    api.say("one two three");
    const Json request{{"prompt", "Count:"}, {"stop", "o t"}, {"logprobs", 1}, {"max_tokens", 20}};
    const Json choice = body_of(api.ask(request, &Service::completions))["choices"][0];
    EXPECT_EQ(choice["text"], "one tw");
    EXPECT_EQ(choice["finish_reason"], "stop");
    EXPECT_EQ(choice["logprobs"]["tokens"][0], "one");
    EXPECT_EQ(choice["logprobs"]["text_offset"][0], 0);
    EXPECT_EQ(choice["logprobs"]["token_logprobs"][0], -0.25);
    EXPECT_EQ(choice["logprobs"]["top_logprobs"][0].size(), 1U);
}

TEST(TokenRoutes, TokenizeAndBack) {
    Api api;
    Service& service = api.service();
    const Json plain = body_of(service.tokenize(R"({"content": "Hi <|start|>"})"));
    const Json special = body_of(service.tokenize(R"({"prompt": "Hi <|start|>", "parse_special": true})"));
    EXPECT_GT(plain["tokens"].size(), special["tokens"].size());
    EXPECT_EQ(plain["count"], plain["tokens"].size());
    EXPECT_EQ(body_of(service.detokenize(api::to_text({{"tokens", special["tokens"]}})))["content"],
              "Hi <|start|>");
    EXPECT_THROW(service.tokenize("{}"), Error);
    EXPECT_THROW(service.detokenize(R"({"tokens": ["a"]})"), Error);
}

TEST(TokenRoutes, ApplyTemplateShowsThePrompt) {
    Api api;
    const Json reply = body_of(api.service().apply_template(api::to_text(test::user_says("Hi <|end|>"))));
    const auto prompt = reply["prompt"].get<std::string>();
    EXPECT_TRUE(prompt.ends_with("<|start|>user<|message|>Hi <|end|><|end|><|start|>assistant"));
    EXPECT_NE(prompt.find("Current date: 2026-11-22"), std::string::npos);
    EXPECT_GT(reply["count"].get<int>(), 10);
}

TEST(Models, NamesTheOneModel) {
    Api api;
    const Json list = body_of(api.service().models());
    ASSERT_EQ(list["data"].size(), 1U);
    EXPECT_EQ(list["data"][0]["id"], "script");
    EXPECT_EQ(list["data"][0]["object"], "model");
    EXPECT_EQ(list["data"][0]["context_length"], 4096);
    EXPECT_EQ(body_of(api.service().model("script"))["id"], "script");
    EXPECT_THROW(api.service().model("other"), Error);
}

TEST(Models, StrictNamesAreRefusedWhenOthers) {
    test::ApiOptions options;
    options.service.strict_model_name = true;
    Api api(options);
    api.say("<|channel|>final<|message|>ok<|return|>");
    Json request = test::user_says("Hi");
    EXPECT_EQ(api.ask(request).status, 200);
    request["model"] = "gpt-4";
    EXPECT_EQ(api.ask(request).status, 404);
    request.erase("model");
    EXPECT_EQ(api.ask(request).status, 200);
}

}  // namespace
}  // namespace gptoss
