#include "qualify/report_signature.h"

#include "base/error.h"

namespace gptoss::qualify {
namespace {

namespace chain = provenance::chain;
using OrderedJson = nlohmann::ordered_json;

constexpr const char* kSigner = "signer";
constexpr const char* kSignature = "signature";

// Numbers are written with the fewest digits that read back as the same number: read and written, it is the same text.
chain::Word signed_digest(OrderedJson report) {
    report.erase(kSigner);
    report.erase(kSignature);
    return chain::personal_digest(report.dump(-1, ' ', false, OrderedJson::error_handler_t::replace));
}

std::string text_of(const OrderedJson& report, const char* name) {
    return report.contains(name) && report[name].is_string() ? report[name].get<std::string>()
                                                             : std::string();
}

}  // namespace

OrderedJson sign_report(OrderedJson report, const chain::PrivateKey& key) {
    const auto signature = chain::signature_bytes(key.sign(signed_digest(report)));
    report[kSigner] = chain::to_checksum_text(key.address());
    report[kSignature] = chain::to_hex_prefixed(signature);
    return report;
}

SignatureVerdict check_report_signature(const OrderedJson& report, const std::string& wanted_signer) {
    const auto wanted = chain::address_from_hex(wanted_signer);
    if (!wanted_signer.empty() && !wanted)
        throw Error(ErrorCode::setting_invalid, "--signer is not an address", "It is 0x and 40 digits.");
    if (!report.is_object() || !report.contains(kSignature))
        return {false, "NOT SIGNED: the host had no HOST_PRIVATE_KEY"};
    const std::string told = text_of(report, kSigner);
    const auto signer = chain::address_from_hex(told);
    const auto bytes = chain::bytes_from_hex(text_of(report, kSignature));
    const auto signature = bytes ? chain::signature_from_bytes(*bytes) : std::nullopt;
    if (!signer || !signature || chain::recover(signed_digest(report), *signature) != signer)
        return {false, "FORGED: " + (signer ? told : "its signer") + " did not sign this report"};
    if (wanted && wanted != signer) return {false, "ANOTHER SIGNER: " + told};
    return {true, "signed by " + chain::to_checksum_text(*signer)};
}

}  // namespace gptoss::qualify
