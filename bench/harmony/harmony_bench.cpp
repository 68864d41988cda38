// What harmony costs on the whole vocabulary: rendering, parsing, and the constraint's work for one decode
// step.
#include <algorithm>
#include <bit>
#include <chrono>
#include <cstdio>
#include <numeric>
#include <string>
#include <vector>

#include "harmony/constraint.h"
#include "harmony/parser.h"
#include "harmony/render.h"
#include "support/o200k.h"

namespace {

using namespace gptoss;
using Clock = std::chrono::steady_clock;
using Json = nlohmann::ordered_json;

double since_us(Clock::time_point begin) {
    return std::chrono::duration<double, std::micro>(Clock::now() - begin).count();
}

const Json kInvoice = Json::parse(R"({"type":"object","additionalProperties":false,
    "required":["customer","items","total","paid","due"],
    "properties":{"customer":{"type":"string"},
        "items":{"type":"array","items":{"type":"object","required":["name","quantity","price"],"properties":{
            "name":{"type":"string","maxLength":60},"quantity":{"type":"integer","minimum":1,"maximum":1000},
            "price":{"type":"number","minimum":0},"unit":{"enum":["piece","kilogram","metre"]}}}},
        "total":{"type":"number"},"paid":{"type":"boolean"},"due":{"type":"string","format":"date"},
        "code":{"type":"string","pattern":"^[A-Za-z0-9_]{1,64}$"}}})");

std::string invoice_text() {
    std::string items;
    for (int i = 0; i < 20; ++i)
        items += std::string(i ? "," : "") +
                 "\n    {\n      \"name\": \"Blue paint, for walls that have seen \\\"everything\\\"\",\n    "
                 "  \"quantity\": " +
                 std::to_string(i + 3) + ",\n      \"price\": 12.5,\n      \"unit\": \"kilogram\"\n    }";
    return "{\n  \"customer\": \"Jane Doe of Springfield, who paints\",\n  \"items\": [" + items +
           "\n  ],\n  \"total\": 250.0,\n  \"paid\": false,\n  \"due\": \"2026-11-22\",\n  \"code\": "
           "\"Order_2026_11_22_blue\"\n}";
}

// Time of allowed() and accept() for each token of `text`; says so when one is refused.
void measure_steps(const char* name, harmony::ConstraintFactory& factory,
                   const harmony::ConstraintOptions& options, const Tokenizer& tokenizer,
                   const std::string& text) {
    const std::vector<TokenId> tokens = tokenizer.encode_with_special(text);
    const auto constraint = factory.make(options);
    std::vector<double> steps_us;
    int forced = 0;
    for (const TokenId token : tokens) {
        const auto begin = Clock::now();
        const auto mask = constraint->allowed();
        const bool allowed =
            mask.empty() || (mask[static_cast<std::size_t>(token) / 32] >> (token % 32) & 1) != 0;
        int allowed_tokens = 0;
        for (const std::uint32_t word : mask) allowed_tokens += std::popcount(word);
        forced += allowed_tokens == 1;  // the engine takes it without a step (StepLoop::jump_ahead)
        constraint->accept(token);
        steps_us.push_back(since_us(begin));
        if (!allowed) {
            std::printf("%-34s refuses token %d\n", name, token);
            return;
        }
    }
    const double mean =
        std::accumulate(steps_us.begin(), steps_us.end(), 0.0) / static_cast<double>(steps_us.size());
    std::sort(steps_us.begin(), steps_us.end());
    std::printf(
        "%-34s %5zu tokens  %3d forced  mean %8.1f us  median %7.1f us  p99 %8.1f us  worst %8.1f us\n", name,
        steps_us.size(), forced, mean, steps_us[steps_us.size() / 2], steps_us[steps_us.size() * 99 / 100],
        steps_us.back());
}

}  // namespace

int main() {
    const auto metadata = test::o200k_metadata();
    if (!metadata) {
        std::fprintf(stderr, "needs the o200k ranks: run scripts/fetch-o200k.sh\n");
        return 1;
    }
    const Tokenizer tokenizer = Tokenizer::from_metadata(*metadata);
    auto begin = Clock::now();
    harmony::ConstraintFactory factory(tokenizer);
    std::printf("factory (once a model)             %8.1f ms\n", since_us(begin) / 1000);

    harmony::ConstraintOptions chat;
    chat.tools = {{"get_weather", "", nullptr}, {"search_the_web", "", nullptr}};
    std::string thoughts;
    for (int i = 0; i < 200; ++i) thoughts += " The user wants to know something about paint.";
    const std::string plain = "<|channel|>analysis<|message|>" + thoughts +
                              "<|end|><|start|>assistant<|channel|>final<|message|>" + thoughts +
                              "<|return|>";
    const std::string call =
        "<|channel|>commentary to=functions.search_the_web <|constrain|>json<|message|>{\"query\": "
        "\"paint\"}<|call|>";
    for (const char* name : {"chat, first time", "chat, again"})
        measure_steps(name, factory, chat, tokenizer, plain);
    for (const char* name : {"call, first time", "call, again"})
        measure_steps(name, factory, chat, tokenizer, call);

    harmony::ConstraintOptions strict;
    strict.tools = {{"search_the_web", "",
                     Json::parse(R"({"type":"object","additionalProperties":false,"required":["query"],
                         "properties":{"query":{"type":"string"}}})"),
                     true}};
    strict.tool_use = harmony::ToolUse::required;
    for (const char* name : {"strict call, first time", "strict call, again"})
        measure_steps(name, factory, strict, tokenizer, call);

    harmony::ConstraintOptions structured;
    structured.final_format = harmony::FinalFormat::json_schema;
    structured.final_schema = kInvoice;
    begin = Clock::now();
    factory.make(structured);
    std::printf("schema (compiled once)             %8.1f ms\n", since_us(begin) / 1000);
    const std::string answer = "<|channel|>final<|message|>" + invoice_text() + "<|return|>";
    for (const char* name : {"json_schema, first time", "json_schema, again"})
        measure_steps(name, factory, structured, tokenizer, answer);
    harmony::ConstraintOptions object;
    object.final_format = harmony::FinalFormat::json_object;
    for (const char* name : {"json_object, first time", "json_object, again"})
        measure_steps(name, factory, object, tokenizer, answer);

    harmony::Conversation conversation;
    conversation.instructions = "Be helpful.";
    for (int i = 0; i < 50; ++i) {
        conversation.messages.push_back({.role = harmony::Role::user, .content = thoughts});
        conversation.messages.push_back(
            {.role = harmony::Role::assistant, .content = thoughts, .channel = harmony::Channel::final});
    }
    begin = Clock::now();
    const std::size_t rendered = harmony::render(tokenizer, conversation).size();
    const double render_us = since_us(begin);
    std::printf("render                             %8.1f ms for %zu tokens\n", render_us / 1000, rendered);

    const std::vector<TokenId> sampled = tokenizer.encode_with_special(plain);
    begin = Clock::now();
    std::size_t bytes = 0;
    for (int i = 0; i < 100; ++i) {
        harmony::StreamParser parser(tokenizer, {{"get_weather"}});
        for (const TokenId token : sampled)
            parser.push(token, [&](const harmony::Event& event) { bytes += event.text.size(); });
    }
    std::printf("parse                              %8.3f us a token\n",
                since_us(begin) / (100.0 * static_cast<double>(sampled.size())));
    return bytes == 0;
}
