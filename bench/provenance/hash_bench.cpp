// How long the parts of a model take to hash: {"seconds", "bytes", "composite"} for `hash_bench FILE…`.
// compare.mjs sets it beside other programs in one run.
#include <chrono>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <vector>

#include "provenance/part_hashes.h"

int main(int count, char** arguments) try {
    using namespace gptoss::provenance;
    const std::vector<std::filesystem::path> paths(arguments + 1, arguments + count);
    if (paths.empty()) {
        std::fprintf(stderr, "usage: hash_bench FILE...\n");
        return 2;
    }
    const auto begin = std::chrono::steady_clock::now();
    const std::vector<PartHash> parts = hash_parts(paths);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    unsigned long long bytes = 0;
    for (const PartHash& part : parts) bytes += part.size_bytes;
    std::printf("{\"seconds\": %.4f, \"bytes\": %llu, \"composite\": \"%s\"}\n", seconds, bytes,
                composite_hash(parts).c_str());
    return 0;
} catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
}
