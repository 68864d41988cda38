#include "provenance/s5/portal_reply.h"

#include <algorithm>
#include <chrono>

#include "base/bounded_json.h"
#include "base/error.h"
#include "base/number_text.h"
#include "base/utc_time.h"
#include "provenance/s5/hidden_database.h"
#include "provenance/s5/multibase.h"

namespace gptoss::provenance::s5 {
namespace {

using nlohmann::ordered_json;

constexpr std::string_view kAccounts = "accounts.json";

std::optional<std::string> text_in(std::string_view body, const char* name) {
    const auto parsed = parse_bounded_json(body);
    if (!parsed.is_object() || !parsed.contains(name) || !parsed[name].is_string()) return std::nullopt;
    return parsed[name].get<std::string>();
}

}  // namespace

std::optional<BlobIdentifier> identifier_of_reply(std::string_view body) {
    const auto text = text_in(body, "cid");
    return text ? blob_identifier_from_text(*text) : std::nullopt;
}

std::optional<std::string> challenge_of_reply(std::string_view body) {
    auto text = text_in(body, "challenge");
    const auto bytes = text ? from_base64url(*text) : std::nullopt;
    if (!bytes || bytes->size() != sizeof(Bytes32)) return std::nullopt;
    return text;
}

std::optional<std::uint64_t> offset_of_reply(const HttpReply& reply) {
    const auto found = reply.headers.find("upload-offset");
    if (found == reply.headers.end()) return std::nullopt;
    return number_of<std::uint64_t>(found->second);
}

std::string reason_in(std::string_view body) {
    constexpr std::size_t kMost = 200;
    std::string reason(body.substr(0, kMost));
    for (char& c : reason)
        if (c < ' ' || c > '~') c = '.';
    return reason;
}

void throw_reply(const std::string& url, const HttpReply& reply, const char* when_away) {
    constexpr int kServerError = 500;
    if (!reply.network_error.empty())
        throw Error(ErrorCode::network_failed, url + ": " + reply.network_error, when_away, {{"url", url}});
    const std::string what = url + ": HTTP status " + std::to_string(reply.status);
    const std::string reason = "What the portal says: " + reason_in(reply.body);
    if (reply.status >= kServerError)
        throw Error(ErrorCode::network_failed, what, std::string(when_away) + " " + reason, {{"url", url}});
    throw Error(ErrorCode::network_refused, what, reason, {{"url", url}});
}

void require_status(const std::string& url, const HttpReply& reply, std::initializer_list<int> done,
                    const char* when_away) {
    if (!reply.network_error.empty() || std::ranges::find(done, reply.status) == done.end())
        throw_reply(url, reply, when_away);
}

PortalAccounts PortalAccounts::from_text(std::string_view text) {
    PortalAccounts accounts;
    accounts.json_ = ordered_json::parse(text, nullptr, false);
    ordered_json& all = accounts.json_;
    if (!all.is_object()) all = ordered_json::object();
    if (!all.contains("accounts") || !all["accounts"].is_object()) all["accounts"] = ordered_json::object();
    if (!all.contains("active") || !all["active"].is_array()) all["active"] = ordered_json::array();
    if (!all.contains("uploadOrder") || !all["uploadOrder"].is_object())
        all["uploadOrder"] = ordered_json::object();
    ordered_json& order = all["uploadOrder"];
    if (!order.contains("default") || !order["default"].is_array()) order["default"] = ordered_json::array();
    return accounts;
}

std::optional<Bytes32> PortalAccounts::seed_at(const std::string& host) const {
    for (const ordered_json& id : json_["active"]) {
        // HOST:…, where the host may have a port.
        const std::string name = id.is_string() ? id.get<std::string>() : "";
        if (!name.starts_with(host + ":") || name.rfind(':') != host.size()) continue;
        const auto found = json_["accounts"].find(name);
        if (found == json_["accounts"].end() || !found->is_object() || !found->contains("seed")) continue;
        const ordered_json& seed = (*found)["seed"];
        const auto bytes =
            seed.is_string() ? from_base64url(seed.get_ref<const std::string&>()) : std::nullopt;
        if (bytes && bytes->size() == sizeof(Bytes32)) return bytes32_of(*bytes);
    }
    return std::nullopt;
}

void PortalAccounts::add(const std::string& host, const std::string& url, const PortalAccount& account,
                         const Bytes32& seed) {
    const std::string id = host + ":" + account.identifier_suffix();
    json_["accounts"][id] = {
        {"url", url}, {"seed", to_base64url(seed)}, {"createdAt", utc_text_ms(now_s() * 1000)}};
    json_["active"].push_back(id);
    json_["uploadOrder"]["default"].push_back(id);
}

PortalAccounts read_accounts(const Identity& identity, Network& network) {
    const auto hidden = read_hidden(identity, network, kAccounts);
    PortalAccounts accounts = PortalAccounts::from_text(hidden && hidden->data ? text_of(*hidden->data) : "");
    accounts.next_revision = hidden ? hidden->revision + 1 : 0;
    return accounts;
}

void write_accounts(const Identity& identity, Network& network, const PortalAccounts& accounts) {
    if (!write_hidden(identity, network, kAccounts, bytes_of(accounts.text()), accounts.next_revision))
        throw Error(ErrorCode::network_failed, "another program changed the S5 identity's accounts meanwhile",
                    "It is tried again.");
}

}  // namespace gptoss::provenance::s5
