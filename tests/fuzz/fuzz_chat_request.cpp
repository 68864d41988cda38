// Any bytes as a request: they are read or refused with an Error, never more, and what was read can be
// rendered.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "api/chat_request.h"
#include "api/error_reply.h"
#include "api/inference_request.h"
#include "harmony/render.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace gptoss;
    const std::string_view body(reinterpret_cast<const char*>(data), size);
    try {
        const api::Json request = api::parse_json(body);
        try {
            harmony::render_text(api::conversation_from_chat_request(request));
        } catch (const Error& error) {
            api::to_text(api::openai_error(error));
        }
        api::read_inference_request(request);
    } catch (const Error& error) {
        api::to_text(api::inference_error(error, "r"));
    }
    return 0;
}
