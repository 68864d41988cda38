#include "node/demo_model.h"

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "base/error.h"

namespace gptoss::node {

namespace fs = std::filesystem;

namespace {

fs::path first_gguf_in(const fs::path& folder) {
    std::error_code problem;
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(folder, problem)) {
        if (entry.path().extension() == ".gguf") files.push_back(entry.path());
    }
    if (files.empty()) return {};
    return *std::min_element(files.begin(), files.end());
}

fs::path in_tree_above(fs::path folder) {
    constexpr int kLevels = 5;  // build/<preset>/tests/node is four below the root
    for (int level = 0; level < kLevels && !folder.empty(); ++level, folder = folder.parent_path()) {
        if (fs::path found = first_gguf_in(folder / "models" / "demo"); !found.empty()) return found;
    }
    return {};
}

}  // namespace

fs::path find_demo_model() {
    std::error_code problem;
    if (const char* folder = std::getenv("DEMO_MODEL_PATH"); folder != nullptr && *folder != '\0') {
        fs::path named = first_gguf_in(folder);
        if (named.empty())
            throw Error(ErrorCode::file_not_found, std::string("no GGUF file in DEMO_MODEL_PATH, ") + folder,
                        "Name the folder that the demo model lies in.");
        return named;
    }
    const fs::path executable_folder = fs::read_symlink("/proc/self/exe", problem).parent_path();
    fs::path found = first_gguf_in(executable_folder.parent_path() / "share" / "gpt-oss-node" / "demo");
    if (found.empty()) found = in_tree_above(executable_folder);
    if (found.empty()) found = in_tree_above(fs::current_path(problem));
    if (found.empty()) {
        throw Error(ErrorCode::file_not_found, "the demo model is not here",
                    "Name a GGUF file of a gpt-oss with --model or MODEL_PATH.");
    }
    return found;
}

}  // namespace gptoss::node
