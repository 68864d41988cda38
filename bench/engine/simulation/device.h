// What steps take on devices that were measured (docs/performance.md): rows, and the context they look back
// at. For simulations, which need no device.
#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "engine/step_costs.h"
#include "engine/step_policy.h"

namespace gptoss::simulation {

struct Device {
    std::string name;
    using Line = std::vector<std::pair<double, double>>;  // rows, milliseconds
    Line decode;                                          // steps that only generate, 1,024 tokens deep
    Line mixed;                                           // steps with rows of prompts, by all their rows
    double decode_row_ms = 0;    // a row that generates beside prompts: its attention, head and sampling
    double decode_token_ms = 0;  // a token of context of a row that generates
    Line prompt_token_ms;        // the same of a row of a prompt, by their number

    static double at(const Line& line, double rows) {
        if (rows <= line.front().first) return line.front().second;
        for (std::size_t i = 1; i < line.size(); ++i) {
            const auto& [from, from_ms] = line[i - 1];
            const auto& [to, to_ms] = line[i];
            if (rows <= to) return from_ms + (to_ms - from_ms) * (rows - from) / (to - from);
        }
        return line.back().second * rows / line.back().first;
    }

    // Beyond the last: as there.
    static double price(const Line& line, double rows) { return at(line, std::min(rows, line.back().first)); }

    double step_ms(const engine::StepShape& shape) const {
        constexpr double kDepth = 1024;  // at which decode was measured
        double ms = shape.decode_rows > 0 ? at(decode, shape.decode_rows) : 0;
        if (shape.prompt_rows > 0)
            ms = std::max(
                ms, at(mixed, shape.decode_rows + shape.prompt_rows) + decode_row_ms * shape.decode_rows);
        const double decode_more = static_cast<double>(shape.decode_context) - kDepth * shape.decode_rows;
        return ms + std::max(decode_more, 0.0) * decode_token_ms +
               static_cast<double>(shape.prompt_context) * price(prompt_token_ms, shape.prompt_rows);
    }
};

// Steps over HTTP, of texts of few words: their tokens share more experts than the random ones of `bench --steps`, whose
// steps take a ninth longer with prompts and half as long again with 64 rows that generate.
inline Device h200() {
    return {
        .name = "H200, 120b",
        .decode = {{1, 1.62},
                   {2, 2.3},
                   {4, 3.5},
                   {8, 5.4},
                   {9, 6.2},
                   {16, 6.9},
                   {32, 9.4},
                   {64, 12.1},
                   {128, 17.8},
                   {256, 26.3},
                   {512, 36.0}},
        .mixed = {{1, 1.62},
                  {8, 5.4},
                  {9, 6.2},
                  {16, 6.9},
                  {64, 12.1},
                  {128, 15.5},
                  {256, 21.0},
                  {512, 26.0},
                  {768, 30.5},
                  {1024, 35.0},
                  {1536, 46.5},
                  {2048, 57.0},
                  {4096, 98.0},
                  {8192, 184.0}},
        .decode_row_ms = 0.03,
        .decode_token_ms = 8.6e-6,
        .prompt_token_ms = {
            {128, 2.0e-6}, {256, 1.0e-6}, {512, 0.82e-6}, {768, 0.72e-6}, {1024, 0.65e-6}, {2048, 0.61e-6}}};
}

// Steps of random tokens, which share no experts (`bench serve --random-tokens`, engine_load_bench).
inline Device h200_random_tokens() {
    Device device = h200();
    device.name = "H200, 120b, random tokens";
    device.decode = {{1, 1.45},  {2, 2.3},   {4, 3.5},    {8, 6.2},    {9, 6.2},   {16, 8.1},
                     {32, 11.1}, {64, 18.2}, {128, 24.4}, {256, 29.9}, {512, 38.0}};
    device.mixed = {{1, 1.45},    {9, 6.2},     {16, 8.0},     {32, 11.0},   {64, 17.5},
                    {128, 22.5},  {256, 26.0},  {512, 28.5},   {768, 31.5},  {1024, 35.0},
                    {1536, 46.5}, {2048, 58.0}, {4096, 100.0}, {8192, 178.0}};
    device.decode_row_ms = 0.02;
    return device;
}

inline Device h100() {
    return {.name = "H100, 120b",
            .decode = {{1, 1.98},
                       {2, 2.86},
                       {4, 4.38},
                       {8, 7.66},
                       {9, 9.6},
                       {16, 12.1},
                       {32, 15.8},
                       {64, 21.5},
                       {128, 28.5},
                       {256, 39.0}},
            .mixed = {{1, 7.0},
                      {9, 9.6},
                      {16, 12.1},
                      {32, 15.8},
                      {64, 21.5},
                      {256, 27.0},
                      {257, 37.0},
                      {1024, 56.4},
                      {2048, 84.0},
                      {8192, 270.0}},
            .decode_token_ms = 12e-6,
            .prompt_token_ms = {{1, 0.46e-6}}};
}

inline Device two_cores() {
    return {.name = "2 CPU cores, 20b",
            .decode = {{1, 75.0}, {2, 115.0}, {4, 180.0}, {8, 290.0}, {16, 480.0}},
            .mixed = {{1, 75.0}, {4, 180.0}, {16, 480.0}, {64, 1350.0}, {256, 4670.0}, {512, 9300.0}},
            .decode_token_ms = 1e-3,
            .prompt_token_ms = {{1, 1e-5}}};
}

// What the engine knows of a device when it has measured it at start.
inline engine::StepCosts measured_costs(const Device& device, std::int32_t most_rows) {
    constexpr std::int64_t kDepth = 960;
    engine::StepCosts costs;
    for (std::int32_t rows = 1; rows <= most_rows; rows *= 2) {
        const engine::StepShape prompt{.prompt_rows = rows, .prompt_context = std::int64_t{rows} * rows / 2};
        const engine::StepShape decode{.decode_rows = rows, .decode_context = kDepth * rows};
        if (rows >= engine::kFewestRows) costs.record(prompt, device.step_ms(prompt));
        if (rows <= 512) costs.record(decode, device.step_ms(decode));
    }
    return costs;
}

}  // namespace gptoss::simulation
