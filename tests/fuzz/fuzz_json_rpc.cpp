// Any bytes as an endpoint's HTTP reply, or as a receipt: an answer, a complaint or an Error.
#include <cstddef>
#include <cstdint>

#include "base/error.h"
#include "provenance/chain/json_rpc.h"
#include "provenance/chain/reply_receipt.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace gptoss::provenance;
    HttpReply http;
    http.status = size > 0 && data[0] % 2 == 0 ? 200 : 429;
    http.body.assign(reinterpret_cast<const char*>(data), size);
    chain::RpcReply reply;
    chain::read_rpc_reply(http, 1, reply);
    const auto json = nlohmann::json::parse(http.body, nullptr, false);
    try {
        chain::is_genuine(chain::receipt_from_json(json));
    } catch (const gptoss::Error&) {
    }
    return 0;
}
