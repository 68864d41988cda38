// What a load generator asks, and when: clients that ask again at once, independent arrivals, or a recorded trace.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <random>
#include <string>
#include <vector>

namespace gptoss::acceptance {

struct LoadRequest {
    double at_s = 0;                        // after the start
    std::string prompt;                     // words; the server counts their tokens
    std::vector<std::int32_t> tokens = {};  // instead of words: the completion of these is asked for
    std::int32_t answer = 256;              // max_tokens
};

// `words` words of a fixed list, the same for the same seed.
std::string random_words(std::uint64_t seed, std::int32_t words);

// Prompts and answers of one length. Requests are numbered from 0; the text of a number is its own.
struct LoadShape {
    std::int32_t words = 1000;
    std::int32_t tokens = 0;  // so many random tokens instead of words
    std::int32_t answer = 256;
    std::uint64_t seed = 1;

    LoadRequest request(std::uint64_t number, double at_s) const;
};

// Arrivals of independent users: pauses between them are exponentially distributed.
std::vector<LoadRequest> poisson_load(const LoadShape& shape, double per_second, double duration_s);

// Mooncake's format: a JSON object a line with `timestamp` (ms), `input_length`, `output_length` and, where prompts
// share beginnings, `hash_ids`, each of which names 512 tokens of the prompt. A word stands for a token.
// Throws Error(file_unreadable), Error(request_invalid) with the line. At most `most_requests` are read.
std::vector<LoadRequest> read_load_trace(const std::filesystem::path& path, double speed,
                                         std::size_t most_requests);
// One line of it; nothing for an empty one.
std::optional<LoadRequest> load_trace_line(const std::string& line, std::uint64_t number);

}  // namespace gptoss::acceptance
