// Any bytes as a request for a completion, and as lists of tokens: read or refused with an Error.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "api/completion_request.h"
#include "api/error_reply.h"
#include "support/small_vocabulary.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace gptoss;
    const Tokenizer& tokenizer = test::small_tokenizer();
    try {
        const api::Json json = api::parse_json(std::string_view(reinterpret_cast<const char*>(data), size));
        if (json.is_array()) {
            for (const TokenId token : api::read_tokens(json, "tokens", tokenizer)) tokenizer.bytes(token);
        }
        api::read_completion_request(json, tokenizer);
    } catch (const Error& error) {
        api::to_text(api::openai_error(error));
    }
    return 0;
}
