// Megabytes a second of the tokenizer on one core. Usage: tokenizer_bench FILE...
// Prints one JSON line a file, after one with the time it takes to build the tokenizer from metadata.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <functional>
#include <iterator>
#include <limits>
#include <string>

#include "support/o200k.h"
#include "tokenizer/tokenizer.h"

namespace {

// The fastest of at least three calls over half a second.
double fastest_seconds(const std::function<void()>& work) {
    using Clock = std::chrono::steady_clock;
    double best = std::numeric_limits<double>::max();
    double total = 0;
    for (int calls = 0; calls < 3 || total < 0.5; ++calls) {
        const auto start = Clock::now();
        work();
        const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
        best = std::min(best, seconds);
        total += seconds;
    }
    return best;
}

}  // namespace

int main(int count, char** arguments) {
    using namespace gptoss;
    const auto metadata = test::o200k_metadata();
    if (!metadata) {
        std::fprintf(stderr, "run scripts/fetch-o200k.sh for the ranks\n");
        return 1;
    }
    const double construction = fastest_seconds([&] { Tokenizer::from_metadata(*metadata); });
    std::printf("{\"construction_ms\":%.1f}\n", construction * 1e3);

    const Tokenizer tokenizer = Tokenizer::from_metadata(*metadata);
    for (int i = 1; i < count; ++i) {
        std::ifstream file(arguments[i], std::ios::binary);
        const std::string text{std::istreambuf_iterator<char>(file), {}};
        std::size_t tokens = 0;
        const double seconds = fastest_seconds([&] { tokens = tokenizer.encode(text).size(); });
        std::printf("{\"file\":\"%s\",\"bytes\":%zu,\"tokens\":%zu,\"mb_per_s\":%.2f}\n", arguments[i],
                    text.size(), tokens, static_cast<double>(text.size()) / seconds / 1e6);
    }
}
