// Lines {"text": ... or "hex": ..., "ids": [...]} that tiktoken wrote.
#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tokenizer/tokenizer.h"

namespace gptoss::test {

inline std::string bytes_from_hex(const std::string& hex) {
    std::string bytes;
    for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
        bytes.push_back(static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16)));
    return bytes;
}

// Every line of tests/tokenizer/data/`name` is encoded as it says and decodes back; there are `lines` of
// them.
inline void expect_golden_lines(const Tokenizer& tokenizer, const std::string& name, int lines) {
    std::ifstream file(std::string(GPTOSS_SOURCE_DIR) + "/tests/tokenizer/data/" + name);
    int count = 0;
    for (std::string line; std::getline(file, line); ++count) {
        const auto golden = nlohmann::json::parse(line);
        const std::string text = golden.contains("hex") ? bytes_from_hex(golden["hex"].get<std::string>())
                                                        : golden.at("text").get<std::string>();
        const std::vector<TokenId> tokens = tokenizer.encode(text);
        EXPECT_EQ(tokens, golden.at("ids").get<std::vector<TokenId>>())
            << name << " line " << count + 1 << ": " << line;
        EXPECT_EQ(tokenizer.decode(tokens), text);
    }
    EXPECT_EQ(count, lines) << name;
}

}  // namespace gptoss::test
