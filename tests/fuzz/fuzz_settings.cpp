// Any bytes as a file of settings, of API keys and of addresses, and as what stands in and beside a receipt
// (sampling settings, a reply's form, tokens): read or refused with an Error.
#include <cstddef>
#include <cstdint>
#include <string>

#include "api/reply_form.h"
#include "base/check.h"
#include "base/error.h"
#include "http/api_keys.h"
#include "memory_file.h"
#include "node/application/named_addresses.h"
#include "node/fingerprint_code.h"
#include "node/receipt_replay.h"
#include "node/sampling_text.h"
#include "node/settings_loader.h"

namespace {

using namespace gptoss;

void read_settings(const std::filesystem::path& path) {
    node::SettingSources sources;
    sources.env_file = path;
    const node::LoadedSettings loaded = node::load_settings(sources);
    for (const node::SettingSpec& spec : node::setting_specs()) node::value_text(loaded.values, spec);
}

void read_beside_receipt(const std::string& text) {
    try {
        const std::string again = api::form_text(api::read_form(text));
        check(api::form_text(api::read_form(again)) == again,
              "a form that was read is written and read alike");
    } catch (const Error&) {
    }
    try {
        const auto* bytes = reinterpret_cast<const std::uint8_t*>(text.data());
        const auto read = node::read_fingerprints({bytes, text.size()});
        check(node::fingerprint_bytes(read) == provenance::chain::Bytes(bytes, bytes + text.size()),
              "fingerprints that were read are written alike");
    } catch (const Error&) {
    }
    const nlohmann::json json = nlohmann::json::parse(text, nullptr, false);
    try {
        if (!json.is_discarded()) node::read_recorded_tokens(json);
    } catch (const Error&) {
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const test::MemoryFile file(data, size);
    try {
        read_settings(file.path());
    } catch (const Error&) {
    }
    try {
        http::ApiKeys::from_file(file.path()).find("key");
    } catch (const Error&) {
    }
    const std::string text(reinterpret_cast<const char*>(data), size);
    read_beside_receipt(text);
    try {
        node::read_named_addresses(file.path());
    } catch (const Error&) {
    }
    try {
        const std::string again = node::sampling_text(node::read_sampling_text(text));
        check(node::sampling_text(node::read_sampling_text(again)) == again,
              "what was read is written and read alike");
    } catch (const Error&) {
    }
    return 0;
}
