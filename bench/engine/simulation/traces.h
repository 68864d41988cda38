// Who asks what when, for the simulated node.
#pragma once

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "simulation/node.h"

namespace gptoss::simulation {

inline constexpr std::int32_t kPrompt = 1220, kAnswer = 256;

// A text of its own for each number.
inline std::vector<TokenId> text(std::uint64_t number, std::int32_t length) {
    std::vector<TokenId> tokens(static_cast<std::size_t>(length));
    std::uint64_t state = number * 0x9E3779B97F4A7C15ULL + 1;
    for (TokenId& token : tokens) {
        state = state * 6364136223846793005ULL + 1442695040888963407ULL;
        token = static_cast<TokenId>(state >> 44) % 200'000;
    }
    return tokens;
}

// Each client asks again when its reply is complete.
inline Trace closed_loop(std::int32_t clients, double end_ms = 60'000, double begin_ms = 0) {
    Trace trace{.name = "closed loop, " + std::to_string(clients) + " clients", .end_ms = end_ms};
    const auto asked = std::make_shared<std::uint64_t>(static_cast<std::uint64_t>(begin_ms) << 20);
    const auto ask = [asked](std::int32_t client, double at_ms) {
        const std::uint64_t number = ++*asked;
        const auto length = static_cast<std::int32_t>(kPrompt - 30 + number % 61);
        return Ask{.at_ms = at_ms, .prompt = text(number, length), .answer = kAnswer, .client = client};
    };
    for (std::int32_t client = 0; client < clients; ++client) trace.first.push_back(ask(client, begin_ms));
    trace.next = [ask](const Reply& reply, double now_ms) { return ask(reply.ask.client, now_ms); };
    return trace;
}

// Everybody asks at once, and once. The figures count until the last reply.
inline Trace wave(std::int32_t users, std::int32_t prompt, std::int32_t answer) {
    Trace trace{.name = std::to_string(users) + " users once, " + std::to_string(prompt) + " in " +
                        std::to_string(answer) + " out",
                .end_ms = 0,
                .from_ms = 0};
    for (std::int32_t user = 0; user < users; ++user)
        trace.first.push_back({0, text(static_cast<std::uint64_t>(user) + 6'000'000, prompt), answer, user});
    return trace;
}

// Independent users: prompts and answers of many lengths, the same means.
inline Trace poisson(double per_second, double end_ms = 60'000) {
    Trace trace{.name = "Poisson, " + std::to_string(per_second).substr(0, 4) + " a second",
                .end_ms = end_ms};
    std::mt19937 random(7);
    std::exponential_distribution<double> pause(per_second / 1000), answer(1.0 / kAnswer);
    std::lognormal_distribution<double> prompt(std::log(kPrompt) - 0.5, 1.0);
    double at_ms = 0;
    for (std::int32_t i = 0; (at_ms += pause(random)) < end_ms; ++i) {
        const auto length = std::clamp(static_cast<std::int32_t>(prompt(random)), 16, 32'000);
        const auto answers = std::clamp(static_cast<std::int32_t>(answer(random)), 1, 2'000);
        trace.first.push_back(
            {at_ms, text(static_cast<std::uint64_t>(i) + 1'000'000, length), answers, i % 50});
    }
    return trace;
}

// Nothing, and then 48 at once, every ten seconds, beside two who ask each second.
inline Trace bursts() {
    Trace trace{.name = "bursts of 48", .end_ms = 60'000};
    std::uint64_t number = 2'000'000;
    for (double at_ms = 0; at_ms < trace.end_ms; at_ms += 10'000)
        for (std::int32_t i = 0; i < 48; ++i)
            trace.first.push_back({at_ms, text(++number, kPrompt), kAnswer, i});
    for (double at_ms = 0; at_ms < trace.end_ms; at_ms += 500)
        trace.first.push_back({at_ms, text(++number, kPrompt), kAnswer, 100});
    return trace;
}

// 8 clients, every other 20 seconds 256.
inline Trace tide() {
    Trace trace = closed_loop(8, 120'000);
    trace.name = "8 and 256 clients by turns of 20 s";
    const Trace crowd = closed_loop(256, 120'000);
    const auto ask_again = crowd.next;
    for (const Ask& ask : crowd.first) {
        if (ask.client < 8) continue;
        Ask at_high_tide = ask;
        at_high_tide.at_ms = 20'000;
        trace.first.push_back(at_high_tide);
    }
    trace.next = [ask_again](const Reply& reply, double now_ms) {
        std::optional<Ask> next = ask_again(reply, now_ms);
        constexpr double kTurn = 20'000;
        const auto turn = static_cast<std::int64_t>(now_ms / kTurn);
        if (next->client >= 8 && turn % 2 == 0) next->at_ms = static_cast<double>(turn + 1) * kTurn;
        return next;
    };
    return trace;
}

// `users` generate; after a while a prompt of `length` tokens enters.
inline Trace long_prompt(std::int32_t users, std::int32_t length = 84'500) {
    Trace trace{.name = std::to_string(length / 1000) + "k prompt beside " + std::to_string(users),
                .end_ms = 60'000,
                .from_ms = 15'000};
    for (std::int32_t i = 0; i < users; ++i)
        trace.first.push_back({0, text(static_cast<std::uint64_t>(i) + 3'000'000, kPrompt),
                               users > 16 ? 2'600 : 8'000, i, 0, 1, false});
    trace.first.push_back({20'000, text(3'999'999, length), 8, users});
    return trace;
}

// Agents: a long context, then turn by turn `more` new tokens and an answer. Only the later turns count.
inline Trace agents(std::int32_t count, std::int32_t context = 64'000, std::int32_t more = 1'000,
                    std::int32_t answer = 400) {
    Trace trace{.name = std::to_string(count) + " agents at " + std::to_string(context / 1000) + "k",
                .end_ms = count > 8 ? 240'000.0 : 60'000.0,
                .from_ms = 0};
    for (std::int32_t i = 0; i < count; ++i)
        trace.first.push_back(
            {0, text(static_cast<std::uint64_t>(i) + 4'000'000, context), answer, i, 0, 1, false});
    trace.next = [more](const Reply& reply, double now_ms) -> std::optional<Ask> {
        Ask next = reply.ask;
        next.at_ms = now_ms + 300;
        next.counts = true;
        next.prompt.insert(next.prompt.end(), static_cast<std::size_t>(reply.ask.answer), 7);
        next.cached = static_cast<std::int32_t>(next.prompt.size()) - 4;
        const std::vector<TokenId> words = text(static_cast<std::uint64_t>(now_ms * 1000) + 5'000'000, more);
        next.prompt.insert(next.prompt.end(), words.begin(), words.end());
        return next;
    };
    return trace;
}

}  // namespace gptoss::simulation
