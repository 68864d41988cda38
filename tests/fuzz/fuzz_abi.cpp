// Any bytes as a contract's reply or a revert's data: values or an Error, never a read outside.
#include <cstddef>
#include <cstdint>

#include "base/error.h"
#include "provenance/chain/abi.h"

namespace abi = gptoss::provenance::chain::abi;

namespace {

// A reader that refuses is as good as one that reads.
template <typename Read>
void attempt(const Read& read) {
    try {
        read();
    } catch (const gptoss::Error&) {
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::span bytes(data, size);
    const abi::Reply reply(bytes);
    for (std::size_t index = 0; index < 4; ++index) {
        attempt([&] { reply.word(index, "word"); });
        attempt([&] { reply.amount(index, "amount"); });
        attempt([&] { reply.boolean(index, "boolean"); });
        attempt([&] { reply.address(index, "address"); });
        attempt([&] { reply.text(index, "text"); });
        attempt([&] { reply.words(index, "words"); });
        attempt([&] { reply.structure(index, "structure").text(0, "inner text"); });
    }
    abi::revert_reason(bytes);
    return 0;
}
