// Any bytes at all as a GGUF part: an error or a header, nothing else.
#include <cstddef>
#include <cstdint>

#include "base/error.h"
#include "gguf/part_reader.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    try {
        gptoss::gguf::read_part(std::as_bytes(std::span(data, size)), "part", 0);
    } catch (const gptoss::Error&) {
    }
    return 0;
}
