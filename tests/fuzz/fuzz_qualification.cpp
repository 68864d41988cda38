// Reports of `qualify`, which come from other people's machines, requests of probes, and the decision `serve`
// reads: each is taken whole or refused with an Error.
#include <cstdint>
#include <fstream>
#include <string_view>

#include "base/error.h"
#include "node/kernel_decision.h"
#include "qualify/probe_runner.h"
#include "qualify/qualification_report.h"
#include "qualify/report_signature.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace gptoss;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const nlohmann::json json = nlohmann::json::parse(text, nullptr, false);
    try {
        const qualify::Report report = qualify::report_from_json(json);
        if (qualify::to_json(qualify::report_from_json(
                nlohmann::json::parse(qualify::to_json(report).dump()))) != qualify::to_json(report))
            __builtin_trap();
        (void)qualify::to_html(report);
        (void)qualify::compare(report, report);
    } catch (const Error&) {
    }
    (void)qualify::check_report_signature(nlohmann::ordered_json::parse(text, nullptr, false), "");
    try {
        (void)qualify::probe_request_from_json(json);
    } catch (const Error&) {
    }
    try {
        (void)node::decisions_from_text(text, "file");
    } catch (const Error&) {
    }
    return 0;
}
