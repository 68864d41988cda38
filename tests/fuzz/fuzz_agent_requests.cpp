// Any bytes as a request of an agent, a sealed text, a query or a key file: they are read or refused with an
// Error, never more, and what was read can be rendered.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "api/error_reply.h"
#include "api/messages_format.h"
#include "api/messages_request.h"
#include "api/query.h"
#include "api/responses_input.h"
#include "api/responses_request.h"
#include "api/sealed_text.h"
#include "harmony/render.h"

namespace {

using namespace gptoss;

const api::SealedText& seal() {
    static const api::SealedText made({api::SealedText::Key{}});
    return made;
}

void read_response(const api::Json& json) {
    try {
        api::ResponsesRequest request = api::read_responses_request(json);
        api::ResponsesInputOptions options;
        options.seal = &seal();
        // As if the request's own items were stored already.
        options.find_item = [&](const std::string& id) -> std::optional<api::Json> {
            for (const api::Json& item : request.input)
                if (item.at("id") == id) return item;
            return std::nullopt;
        };
        api::read_responses_input(request.input, request.client_tools, options, request.conversation);
        harmony::render_text(request.conversation);
    } catch (const Error& error) {
        api::to_text(api::openai_error(error));
    }
}

void read_message(const api::Json& json) {
    try {
        api::MessagesInputOptions options;
        options.seal = &seal();
        harmony::render_text(api::read_messages_request(json, options).conversation);
    } catch (const Error& error) {
        api::to_text(api::messages_error(error));
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    seal().open(bytes, "fuzz");
    api::query_value(bytes, "limit");
    try {
        api::read_keys(bytes, "fuzz");
    } catch (const Error&) {
    }
    try {
        const api::Json json = api::parse_json(bytes);
        read_response(json);
        read_message(json);
    } catch (const Error& error) {
        api::to_text(api::openai_error(error));
    }
    return 0;
}
