#include "acceptance/load_trace.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string_view>

#include "base/error.h"

namespace gptoss::acceptance {
namespace {

constexpr std::int32_t kBlockWords = 512;           // of a hash id
constexpr std::int64_t kMostWords = 1 << 20;        // longer than any context
constexpr std::uint64_t kOrdinaryTokens = 199'998;  // of o200k, without its markers

std::int64_t count_at(const nlohmann::json& line, const char* name, std::int64_t least) {
    const auto found = line.find(name);
    if (found == line.end() || !found->is_number())
        throw Error(ErrorCode::request_invalid, std::string("\"") + name + "\" is missing or no number");
    const double value = found->get<double>();
    if (!(value >= static_cast<double>(least) && value <= 1e15))
        throw Error(ErrorCode::request_invalid, std::string("\"") + name + "\" is out of range");
    return static_cast<std::int64_t>(value);
}

}  // namespace

std::string random_words(std::uint64_t seed, std::int32_t words) {
    constexpr std::array<std::string_view, 16> kWords{"alpha", "beta",  "gamma",  "delta", "river", "stone",
                                                      "cloud", "paper", "night",  "green", "table", "seven",
                                                      "light", "music", "window", "winter"};
    std::mt19937_64 random(seed);
    std::string text;
    std::uint64_t bits = 0;
    for (std::int32_t word = 0; word < words; ++word, bits >>= 4) {
        if (word % 16 == 0) bits = random();
        if (word > 0) text += ' ';
        text += kWords[bits & 15];
    }
    return text;
}

LoadRequest LoadShape::request(std::uint64_t number, double at_s) const {
    constexpr std::uint64_t kFarApart = 1'000'003;
    const std::uint64_t text = seed * kFarApart + number;
    LoadRequest request{
        .at_s = at_s, .prompt = tokens == 0 ? random_words(text, words) : "", .answer = answer};
    std::mt19937_64 random(text);
    for (std::int32_t i = 0; i < tokens; ++i)
        request.tokens.push_back(static_cast<std::int32_t>(random() % kOrdinaryTokens));
    return request;
}

std::vector<LoadRequest> poisson_load(const LoadShape& shape, double per_second, double duration_s) {
    std::mt19937_64 random(shape.seed);
    std::exponential_distribution<double> pause(per_second);
    std::vector<LoadRequest> load;
    for (double at_s = pause(random); at_s < duration_s; at_s += pause(random))
        load.push_back(shape.request(load.size(), at_s));
    return load;
}

std::optional<LoadRequest> load_trace_line(const std::string& line, std::uint64_t number) {
    if (line.find_first_not_of(" \t\r") == std::string::npos) return std::nullopt;
    const nlohmann::json json = nlohmann::json::parse(line, nullptr, false);
    if (!json.is_object()) throw Error(ErrorCode::request_invalid, "is no JSON object");
    LoadRequest request;
    request.at_s = static_cast<double>(count_at(json, "timestamp", 0)) / 1000;
    const std::int64_t words = std::min(count_at(json, "input_length", 1), kMostWords);
    request.answer = static_cast<std::int32_t>(std::min(count_at(json, "output_length", 1), kMostWords));
    std::int64_t left = words;
    if (const auto ids = json.find("hash_ids"); ids != json.end() && ids->is_array()) {
        for (const nlohmann::json& id : *ids) {
            if (left == 0) break;
            if (!id.is_number_integer())
                throw Error(ErrorCode::request_invalid, "\"hash_ids\" holds no number");
            const auto block = static_cast<std::int32_t>(std::min<std::int64_t>(left, kBlockWords));
            request.prompt += random_words(id.get<std::uint64_t>() + 1, block) + " ";
            left -= block;
        }
    }
    constexpr std::uint64_t kOwnTexts = std::uint64_t{1} << 40;
    if (left > 0) request.prompt += random_words(kOwnTexts + number, static_cast<std::int32_t>(left));
    return request;
}

std::vector<LoadRequest> read_load_trace(const std::filesystem::path& path, double speed,
                                         std::size_t most_requests) {
    std::ifstream file(path);
    if (!file)
        throw Error(ErrorCode::file_unreadable, "the trace " + path.string() + " cannot be read",
                    "Check its name.");
    std::vector<LoadRequest> load;
    std::string line;
    for (std::size_t number = 1; load.size() < most_requests && std::getline(file, line); ++number) {
        try {
            std::optional<LoadRequest> request = load_trace_line(line, number);
            if (!request) continue;
            request->at_s /= speed;
            load.push_back(std::move(*request));
        } catch (const Error& error) {
            throw Error(ErrorCode::request_invalid,
                        path.string() + ", line " + std::to_string(number) + ": " + error.what(),
                        R"(A line is like {"timestamp": 1000, "input_length": 6758, "output_length": 500}.)");
        }
    }
    if (load.empty())
        throw Error(ErrorCode::request_invalid, "the trace " + path.string() + " holds no request",
                    "Check its name.");
    std::ranges::stable_sort(load, {}, &LoadRequest::at_s);
    const double begin_s = load.front().at_s;
    for (LoadRequest& request : load) request.at_s -= begin_s;
    return load;
}

}  // namespace gptoss::acceptance
