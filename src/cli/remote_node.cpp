#include "cli/remote_node.h"

#include <cstdlib>
#include <fstream>

#include "base/error.h"

namespace gptoss::cli {

std::string api_key_of_client(const std::string& file) {
    if (file.empty()) {
        const char* key = std::getenv("OPENAI_API_KEY");
        return key != nullptr ? key : "";
    }
    std::ifstream stream(file);
    std::string key;
    if (!(stream >> key))
        throw Error(ErrorCode::file_unreadable, "no key in " + file,
                    "--api-key-file takes a file with the key alone.");
    return key;
}

std::string url_of_node(std::string url) {
    while (url.ends_with('/')) url.pop_back();
    if (url.ends_with("/v1")) url.resize(url.size() - 3);
    return url;
}

}  // namespace gptoss::cli
