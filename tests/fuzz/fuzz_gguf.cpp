// Any bytes at all as a GGUF part: an error or a header, and from its metadata an error or a model and a tokenizer.
#include <cstddef>
#include <cstdint>

#include "base/error.h"
#include "gguf/part_reader.h"
#include "model/hyperparameters.h"
#include "tokenizer/tokenizer.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace gptoss;
    try {
        const gguf::PartHeader header = gguf::read_part(std::as_bytes(std::span(data, size)), "part", 0);
        try {
            model::read_hyperparameters(header.metadata, 1000);
        } catch (const Error&) {
        }
        Tokenizer::from_metadata(header.metadata);
    } catch (const Error&) {
    }
    return 0;
}
