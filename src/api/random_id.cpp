#include "api/random_id.h"

#include <random>

namespace gptoss::api {

std::string random_id(std::string_view prefix) {
    constexpr std::string_view kLetters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    constexpr int kLength = 24;
    std::random_device device;
    std::uniform_int_distribution<std::size_t> pick(0, kLetters.size() - 1);
    std::string id(prefix);
    for (int i = 0; i < kLength; ++i) id += kLetters[pick(device)];
    return id;
}

}  // namespace gptoss::api
