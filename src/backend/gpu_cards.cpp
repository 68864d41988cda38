#include "backend/gpu_cards.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cstdio>
#include <string_view>

#include "base/error.h"
#include "model/layer_range.h"

namespace gptoss::backend {
namespace {

struct Card {
    std::string_view name, title;
    std::int64_t total_mib;  // as nvidia-smi shows it
};

constexpr std::array<Card, 19> kCards = {{
    {"b200", "NVIDIA B200", 183'359},
    {"h200", "NVIDIA H200", 143'771},
    {"h100", "NVIDIA H100 80GB", 81'559},
    {"h100-nvl", "NVIDIA H100 NVL", 95'830},
    {"gh200", "NVIDIA GH200 96GB", 97'871},
    {"a100", "NVIDIA A100 80GB", 81'920},
    {"a100-40", "NVIDIA A100 40GB", 40'960},
    {"pro6000", "NVIDIA RTX PRO 6000 Blackwell", 97'887},
    {"6000ada", "NVIDIA RTX 6000 Ada", 49'140},
    {"a6000", "NVIDIA RTX A6000", 49'140},
    {"l40s", "NVIDIA L40S", 46'068},
    {"l4", "NVIDIA L4", 23'034},
    {"5090", "NVIDIA GeForce RTX 5090", 32'607},
    {"4090", "NVIDIA GeForce RTX 4090", 24'564},
    {"3090", "NVIDIA GeForce RTX 3090", 24'576},
    {"5080", "NVIDIA GeForce RTX 5080", 16'303},
    {"4080", "NVIDIA GeForce RTX 4080", 16'376},
    {"5070ti", "NVIDIA GeForce RTX 5070 Ti", 16'303},
    {"4060ti", "NVIDIA GeForce RTX 4060 Ti 16GB", 16'380},
}};

const Card* find_card(std::string text) {
    for (char& each : text) each = static_cast<char>(std::tolower(static_cast<unsigned char>(each)));
    for (const std::string_view prefix : {"nvidia-", "geforce-", "rtx-", "rtx"})
        if (text.starts_with(prefix) && text != prefix) text.erase(0, prefix.size());
    const auto found =
        std::find_if(kCards.begin(), kCards.end(), [&](const Card& card) { return card.name == text; });
    return found == kCards.end() ? nullptr : found;
}

// The factor of a suffix of sizes; 0 = none of them.
double unit_of(const std::string& suffix) {
    constexpr std::array<std::pair<std::string_view, double>, 13> kUnits = {{{"", 1},
                                                                             {"B", 1},
                                                                             {"M", 1e6},
                                                                             {"MB", 1e6},
                                                                             {"MiB", 1 << 20},
                                                                             {"G", 1e9},
                                                                             {"GB", 1e9},
                                                                             {"GiB", 1 << 30},
                                                                             {"K", 1e3},
                                                                             {"KB", 1e3},
                                                                             {"KiB", 1 << 10},
                                                                             {"T", 1e12},
                                                                             {"TB", 1e12}}};
    for (const auto& [name, factor] : kUnits)
        if (name == suffix) return factor;
    return 0;
}

// 0 = no size.
std::int64_t size_of(const std::string& text) {
    if (text.empty() || std::isdigit(static_cast<unsigned char>(text.front())) == 0) return 0;
    double number = 0;
    const auto [end, problem] =
        std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
    if (problem != std::errc()) return 0;
    const double bytes = number * unit_of(std::string(end, text.data() + text.size()));
    return bytes >= 1 && bytes < 1e15 ? static_cast<std::int64_t>(bytes) : 0;
}

// The driver and its firmware keep a little of what nvidia-smi shows: 0.6 % on an H100.
std::int64_t usable_bytes(const Card& card) {
    return card.total_mib * 1024 * 1024 / 100 * 99;
}

// What src/backend/cuda claims for a step, which grows evenly with both counts of the request.
constexpr std::int64_t kStepBytes = 34'900'000;
constexpr std::int64_t kBytesOfBatchToken = 63'800;
constexpr std::int64_t kBytesOfSequence = 1'788'000;
constexpr std::int64_t kBlockTableBytes = 4;  // of a block of KV cache, a sequence; twice, as steps overlap
constexpr std::int64_t kContextAndModulesBytes = 559LL << 20;
constexpr double kPadding = 1.0045;  // of weights whose rows are filled up for the kernels

}  // namespace

std::int64_t free_bytes_of_card(const std::string& text) {
    if (const Card* card = find_card(text)) return usable_bytes(*card);
    if (const std::int64_t bytes = size_of(text); bytes > 0) return bytes;
    std::string names;
    for (const Card& card : kCards) names += (names.empty() ? "" : ", ") + std::string(card.name);
    throw Error(ErrorCode::setting_invalid, "--gpu " + text + ": no card is known by that name",
                "Known: " + names + ". Or give the bytes that are free on it: --gpu 24GB.", {{"gpu", text}});
}

std::string name_of_card(const std::string& text) {
    if (const Card* card = find_card(text)) return std::string(card->title) + " (not this machine's)";
    char name[64];
    std::snprintf(name, sizeof name, "a GPU with %.1f GB free",
                  static_cast<double>(free_bytes_of_card(text)) / 1e9);
    return name;
}

DeviceNeeds needs_of_card(const std::string& text, const model::Hyperparameters& shape,
                          const model::PlanRequest& request, std::int64_t file_weight_bytes) {
    DeviceNeeds needs;
    needs.device = name_of_card(text);
    needs.total_bytes = needs.free_bytes = free_bytes_of_card(text);
    needs.runtime_bytes = kContextAndModulesBytes;
    const std::int64_t blocks = (request.context_length + model::kBlockTokens - 1) / model::kBlockTokens;
    needs.workspace_bytes = kStepBytes + request.max_batch_tokens * kBytesOfBatchToken +
                            request.max_sequences * (kBytesOfSequence + 4 * kBlockTableBytes * blocks);
    // A GPU that has not all layers has no embedding either: the host looks tokens up.
    const model::LayerRange layers = model::device_layers(shape, request);
    const std::int64_t all = model::published_weight_bytes(shape);
    const std::int64_t here = all - layers.first * model::published_layer_bytes(shape) -
                              (layers.first > 0 ? model::published_embedding_bytes(shape) : 0);
    const double file_share =
        file_weight_bytes > 0 ? static_cast<double>(file_weight_bytes) / static_cast<double>(all) : 1;
    needs.weight_bytes = static_cast<std::int64_t>(static_cast<double>(here) * file_share * kPadding);
    return needs;
}

}  // namespace gptoss::backend
