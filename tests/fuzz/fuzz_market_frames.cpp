// Any text as a message of a session's WebSocket: every one is answered, by one frame that is JSON.
#include <cstdint>
#include <cstdlib>

#include "base/error.h"
#include "marketplace/job_check.h"
#include "marketplace/socket_protocol.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace gptoss;
    using namespace gptoss::marketplace;
    static const auto market = [] {
        MarketOptions options;
        options.plaintext_sessions = true;
        return std::make_shared<Market>(
            options, std::make_shared<const chain::PrivateKey>(std::string(64, '1'), "a fuzzer's key"),
            std::make_shared<Ledger>("", BilledTokens::completion), Market::Parts());
    }();
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    job_number(text);
    SocketProtocol protocol(
        market,
        []() -> std::shared_ptr<api::Service> { throw Error(ErrorCode::shutting_down, "there is no model"); },
        {"fuzzer", {}});
    SocketProtocol::is_quick(text);
    protocol.receive(text);
    const Frames frames = protocol.take();
    if (frames.size() > 1) std::abort();
    for (const std::string& frame : frames) {
        if (!api::Json::accept(frame)) std::abort();
    }
    return 0;
}
