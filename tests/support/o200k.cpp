#include "support/o200k.h"

#include <array>
#include <cstdint>
#include <fstream>
#include <stdexcept>
#include <string_view>

#include "tokenizer/byte_unicode.h"

namespace gptoss::test {
namespace {

const std::filesystem::path kRanks =
    std::filesystem::path(GPTOSS_SOURCE_DIR) / "build/o200k/o200k_base.tiktoken";
const std::filesystem::path kCut =
    std::filesystem::path(GPTOSS_SOURCE_DIR) / "tests/tokenizer/data/cut_vocabulary.txt";
constexpr int kRankedTokens = 199998;
constexpr int kRows = 201088;
constexpr int kLastSpecial = 200018;  // <|endofprompt|>

std::string decode_base64(std::string_view text) {
    static constexpr std::string_view kAlphabet =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string bytes;
    std::uint32_t bits = 0;
    int count = 0;
    for (const char character : text.substr(0, text.find('='))) {
        bits = bits << 6 | static_cast<std::uint32_t>(kAlphabet.find(character));
        count += 6;
        if (count < 8) continue;
        count -= 8;
        bytes.push_back(static_cast<char>(bits >> count & 0xFF));
    }
    return bytes;
}

// Ids 199998 to 200018 of the published files.
std::vector<std::string> harmony_specials() {
    std::vector<std::string> specials;
    for (int id = kRankedTokens; id <= kLastSpecial; ++id) {
        switch (id) {
            case 199998:
                specials.emplace_back("<|startoftext|>");
                break;
            case 199999:
                specials.emplace_back("<|endoftext|>");
                break;
            case 200002:
                specials.emplace_back("<|return|>");
                break;
            case 200003:
                specials.emplace_back("<|constrain|>");
                break;
            case 200005:
                specials.emplace_back("<|channel|>");
                break;
            case 200006:
                specials.emplace_back("<|start|>");
                break;
            case 200007:
                specials.emplace_back("<|end|>");
                break;
            case 200008:
                specials.emplace_back("<|message|>");
                break;
            case 200012:
                specials.emplace_back("<|call|>");
                break;
            case 200018:
                specials.emplace_back("<|endofprompt|>");
                break;
            default:
                specials.push_back("<|reserved_" + std::to_string(id) + "|>");
        }
    }
    return specials;
}

}  // namespace

gguf::Metadata metadata_from_tokens(const std::vector<std::string>& ordinary,
                                    const std::vector<std::string>& specials, int padding_rows) {
    std::vector<std::string> spellings;
    std::vector<std::int64_t> types;
    for (const std::string& bytes : ordinary) {
        spellings.push_back(spelling_from_bytes(bytes));
        types.push_back(1);
    }
    for (const std::string& spelling : specials) {
        spellings.push_back(spelling);
        types.push_back(3);
    }
    for (int i = 0; i < padding_rows; ++i) {
        spellings.push_back("[PAD" + std::to_string(spellings.size()) + "]");
        types.push_back(5);
    }
    gguf::Metadata metadata;
    metadata.set("tokenizer.ggml.model", std::string("gpt2"));
    metadata.set("tokenizer.ggml.pre", std::string("gpt-4o"));
    metadata.set("tokenizer.ggml.tokens", std::move(spellings));
    metadata.set("tokenizer.ggml.token_type", std::move(types));
    return metadata;
}

std::optional<gguf::Metadata> o200k_metadata() {
    std::ifstream file(kRanks);
    if (!file) return std::nullopt;
    std::vector<std::string> ordinary;
    for (std::string line; std::getline(file, line);)
        ordinary.push_back(decode_base64(line.substr(0, line.find(' '))));
    if (ordinary.size() != kRankedTokens) throw std::runtime_error(kRanks.string() + " is not o200k_base");
    return metadata_from_tokens(ordinary, harmony_specials(), kRows - kLastSpecial - 1);
}

gguf::Metadata cut_metadata() {
    std::ifstream file(kCut);
    std::vector<std::string> ordinary;
    for (std::string line; std::getline(file, line);) {
        ordinary.emplace_back();
        if (!append_bytes_from_spelling(line, ordinary.back()))
            throw std::runtime_error("not a spelling: " + line);
    }
    if (ordinary.empty()) throw std::runtime_error("cannot read " + kCut.string());
    return metadata_from_tokens(ordinary, harmony_specials(), 10);
}

}  // namespace gptoss::test
