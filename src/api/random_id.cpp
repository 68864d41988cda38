#include "api/random_id.h"

#include <sys/random.h>

#include <array>

#include "base/check.h"

namespace gptoss::api {

// std::random_device asks the processor for each number, which takes longer than all else that a small request
// needs.
std::string random_id(std::string_view prefix) {
    constexpr std::string_view kLetters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    constexpr std::size_t kLength = 24;
    std::string id(prefix);
    const std::size_t size = prefix.size() + kLength;
    while (id.size() < size) {
        std::array<unsigned char, 32> bytes{};
        check(getrandom(bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()),
              "the system has random numbers");
        for (const unsigned char byte : bytes) {
            const std::size_t letter = byte % 64;  // those beyond the letters are left out: each is as likely
            if (letter < kLetters.size() && id.size() < size) id += kLetters[letter];
        }
    }
    return id;
}

}  // namespace gptoss::api
