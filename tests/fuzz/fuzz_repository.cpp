// Any bytes as what a model host says about a repository's files: a list, or a refusal.
#include <cstddef>
#include <cstdint>

#include "base/error.h"
#include "provenance/repository.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace gptoss;
    const std::string body(reinterpret_cast<const char*>(data), size);
    for (const char* file : {"a.gguf", "m/b-00001-of-00002.gguf"}) {
        try {
            provenance::files_in_tree(body, "owner/name", file, "commit");
        } catch (const Error&) {
        }
    }
    return 0;
}
