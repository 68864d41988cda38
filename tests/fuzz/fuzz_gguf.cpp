// Any bytes at all as a GGUF part: an error or a header; the first block of every tensor as numbers; and from the
// metadata an error or a model and a tokenizer.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "base/error.h"
#include "gguf/dequantize.h"
#include "gguf/finite_weights.h"
#include "gguf/part_reader.h"
#include "model/hyperparameters.h"
#include "tokenizer/tokenizer.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace gptoss;
    try {
        const gguf::PartHeader header = gguf::read_part(std::as_bytes(std::span(data, size)), "part", 0);
        for (const gguf::Tensor& tensor : header.tensors) {
            const gguf::TypeTraits& type = gguf::traits(tensor.type);
            std::vector<float> values(type.block_elements);
            gguf::dequantize(tensor.type, tensor.data.first(type.block_bytes), values);
            if (gguf::all_finite(tensor.type, tensor.data.first(type.block_bytes)))
                check(std::ranges::all_of(values, [](float value) { return std::isfinite(value); }),
                      "what is called finite has finite values");
        }
        try {
            model::read_hyperparameters(header.metadata, 1000);
        } catch (const Error&) {
        }
        Tokenizer::from_metadata(header.metadata);
    } catch (const Error&) {
    }
    return 0;
}
