// Any bytes as a manifest: a manifest or an Error.
#include <cstddef>
#include <cstdint>

#include "base/error.h"
#include "provenance/manifest.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    try {
        gptoss::provenance::parse_manifest(std::string_view(reinterpret_cast<const char*>(data), size),
                                           "manifest");
    } catch (const gptoss::Error&) {
    }
    return 0;
}
