#include "provenance/s5/portal.h"

#include <nlohmann/json.hpp>
#include <regex>

#include "base/error.h"
#include "provenance/s5/blake3.h"
#include "provenance/s5/multibase.h"
#include "provenance/s5/portal_reply.h"

namespace gptoss::provenance::s5 {
namespace {

constexpr int kOk = 200, kCreated = 201, kUnauthorized = 401, kNotFound = 404;
constexpr std::int64_t kQuick_ms = 30'000, kUpload_ms = 600'000;

std::string with_id(const std::string& url, const PortalAccount& account) {
    return url + "?pubKey=" + account.public_key_text();
}

HttpRequest get(std::string url) {
    HttpRequest request;
    request.url = std::move(url);
    request.timeout_ms = kQuick_ms;
    return request;
}

HttpRequest post_json(std::string url, std::string body) {
    HttpRequest request = get(std::move(url));
    request.headers = {"Content-Type: application/json"};
    request.body = std::move(body);
    return request;
}

constexpr const char* kTriedAgain = "It is tried again; is the portal up?";

}  // namespace

Portal::Portal(const Identity& identity, PortalOptions options)
    : identity_(identity), options_(std::move(options)) {
    static const std::regex form(R"((http|https)://([^/?#@\s]+)/*)");
    std::smatch part;
    if (!std::regex_match(options_.url, part, form))
        throw Error(ErrorCode::setting_invalid, "\"" + options_.url + "\" is no portal's URL",
                    "S5 portals are named as https://HOST.", {{"url", options_.url}});
    const std::string scheme = part[1], authority = part[2];
    options_.url = scheme + "://" + authority;
    host_ = authority;
    const std::string usual = scheme == "https" ? ":443" : ":80";
    if (host_.ends_with(usual)) host_.resize(host_.size() - usual.size());
    if (options_.nodes.empty())
        options_.nodes = {(scheme == "https" ? "wss://" : "ws://") + authority + "/s5/p2p"};
    peers_.resize(options_.nodes.size());
}

Portal::~Portal() = default;

HttpReply Portal::ask(HttpRequest request, bool with_token) {
    if (with_token) request.headers.push_back("Authorization: Bearer " + token_);
    request.keep_going = options_.keep_going;
    return http_.perform(request);
}

HttpReply Portal::ask_or_throw(HttpRequest request, bool with_token) {
    const std::string url = request.url.substr(0, request.url.find('?'));
    HttpReply reply = ask(std::move(request), with_token);
    require_status(url, reply, {kOk, kCreated}, kTriedAgain);
    return reply;
}

// A token may have grown too old: once more with a new one.
HttpReply Portal::ask_with_account(const std::function<HttpRequest()>& request) {
    if (token_.empty()) sign_in();
    HttpReply reply = ask(request(), true);
    if (reply.network_error.empty() && reply.status == kUnauthorized && !signing_in_) {
        sign_in();
        reply = ask(request(), true);
    }
    return reply;
}

void Portal::upload(ByteView blob) {
    const BlobIdentifier identifier = identify_blob(blob);
    if (blob.size() >= options_.resumable_from_bytes)
        upload_in_pieces(blob, identifier);
    else
        upload_whole(blob, identifier);
}

void Portal::upload_whole(ByteView blob, const BlobIdentifier& identifier) {
    const std::string url = options_.url + "/s5/upload";
    // No blob holds its own hash.
    const std::string boundary = "gpt-oss-node-" + to_base64url(blake3(identifier.hash));
    const HttpReply reply = ask_with_account([&] {
        HttpRequest request = get(url);
        request.timeout_ms = kUpload_ms;
        request.headers = {"Content-Type: multipart/form-data; boundary=" + boundary};
        request.body = "--" + boundary +
                       "\r\nContent-Disposition: form-data; name=\"file\"; filename=\"file\"\r\n"
                       "Content-Type: application/octet-stream\r\n\r\n";
        request.body += text_of(blob);
        request.body += "\r\n--" + boundary + "--\r\n";
        return request;
    });
    require_status(url, reply, {kOk, kCreated}, kTriedAgain);
    if (identifier_of_reply(reply.body) != identifier)
        throw Error(ErrorCode::hash_mismatch,
                    url + ": the portal calls the file by another name than its bytes have",
                    "Something on the way alters files, or it is no S5 portal.", {{"url", url}});
}

std::optional<Bytes> Portal::download(const Bytes32& hash) {
    const std::string url = options_.url + "/s5/blob/" + portal_download_name(hash);
    HttpRequest request = get(url);
    request.timeout_ms = kUpload_ms;
    request.body_bytes_max = kDownloadBytesMax;
    const HttpReply reply = ask(std::move(request), !token_.empty());
    if (reply.network_error.empty() && reply.status == kNotFound) return std::nullopt;
    require_status(url, reply, {kOk}, "Is the portal up?");
    const ByteView bytes = bytes_of(reply.body);
    if (blake3(bytes) != hash)
        throw Error(ErrorCode::hash_mismatch, url + ": the bytes are not those of the hash",
                    "The portal or something on the way alters them.", {{"url", url}});
    return Bytes(bytes.begin(), bytes.end());
}

std::optional<RegistryEntry> Portal::from_nodes(const std::function<std::optional<RegistryEntry>(Peer&)>& ask,
                                                bool all) {
    std::optional<RegistryEntry> found;
    std::string problem;
    bool is_answered = false;
    for (std::size_t i = 0; i < peers_.size(); ++i) {
        // A connection that has grown old is made anew, once.
        for (bool is_old = true; is_old;) {
            is_old = peers_[i] != nullptr;
            try {
                if (!is_old) peers_[i] = std::make_unique<Peer>(options_.nodes[i], options_.node_wait);
                auto answer = ask(*peers_[i]);
                is_answered = true;
                if (!found) found = std::move(answer);
                break;
            } catch (const Error& error) {
                if (error.code() != ErrorCode::network_failed) throw;
                peers_[i].reset();
                problem = error.what();
            }
        }
        if (found && !all) break;
    }
    if (!is_answered)
        throw Error(ErrorCode::network_failed, problem, "S5_INITIAL_PEERS names nodes of the S5 network.");
    return found;
}

std::optional<RegistryEntry> Portal::find_entry(const Bytes32& public_key) {
    return from_nodes([&](Peer& peer) { return peer.find_entry(public_key); }, false);
}

// Every node is given it; that one keeps it, it must say itself.
bool Portal::set_entry(const RegistryEntry& entry) {
    const auto kept = from_nodes([&](Peer& peer) { return peer.set_entry(entry); }, true);
    if (!kept)
        throw Error(ErrorCode::network_failed,
                    "no S5 node keeps a registry entry of revision " + std::to_string(entry.revision),
                    "It is tried again.");
    return *kept == entry;
}

void Portal::sign_in() {
    token_.clear();
    PortalAccounts accounts = read_accounts(identity_, *this);
    if (const auto seed = accounts.seed_at(host_)) {
        token_ = log_in(PortalAccount(identity_, *seed));
        return;
    }
    Bytes32 seed{};
    fill_randomly(seed);
    const PortalAccount account(identity_, seed);
    token_ = register_account(account);
    accounts.add(host_, options_.url, account, seed);
    signing_in_ = true;
    try {
        write_accounts(identity_, *this, accounts);
    } catch (...) {
        signing_in_ = false;
        token_.clear();  // an account that nobody would find again
        throw;
    }
    signing_in_ = false;
}

std::string Portal::log_in(const PortalAccount& account) {
    const std::string url = options_.url + "/s5/account/login";
    const auto body = account.request_body(
        AccountRequest::login, challenge_of(ask_or_throw(get(with_id(url, account)), false)), host_);
    return token_of(ask_or_throw(post_json(url, *body), false));
}

std::string Portal::register_account(const PortalAccount& account) {
    const std::string url = options_.url + "/s5/account/register";
    const HttpReply asked = ask(get(with_id(url, account)), false);
    const bool is_refused = asked.network_error.empty() && asked.status >= 400 && asked.status < 500;
    if (is_refused && options_.host) return register_host(account);
    const auto body = account.request_body(
        AccountRequest::registration,
        challenge_of(is_refused ? ask_or_throw(get(with_id(url, account)), false) : asked), host_);
    return token_of(ask_or_throw(post_json(url, *body), false));
}

// Where the portal takes hosts of the marketplace alone: it looks for the host's address in the NodeRegistry.
std::string Portal::register_host(const PortalAccount& account) {
    const std::string url = options_.url + "/s5/account/register-host";
    const PortalHost& host = *options_.host;
    nlohmann::ordered_json asks{{"pubKey", account.public_key_text()},
                                {"ethAddress", host.address},
                                {"signature", host.sign(host.message)},
                                {"message", host.message}};
    const std::string challenge = challenge_of(ask_or_throw(post_json(url, asks.dump()), false));
    const auto bytes = bytes32_of(*from_base64url(challenge));
    const Bytes response = PortalAccount::response(AccountRequest::registration, bytes, host_);
    asks["challenge"] = challenge;
    asks["response"] = to_base64url(response);
    asks["s5Signature"] = to_base64url(account.key().sign(response));
    return token_of(ask_or_throw(post_json(url + "/complete", asks.dump()), false));
}

std::string Portal::challenge_of(const HttpReply& reply) const {
    if (auto challenge = challenge_of_reply(reply.body)) return *challenge;
    throw Error(ErrorCode::network_refused, options_.url + " sends no challenge to sign",
                reply.network_error.empty() ? "Is it an S5 portal?" : reply.network_error);
}

std::string Portal::token_of(const HttpReply& reply) const {
    const auto cookie = reply.headers.find("set-cookie");
    std::string token = token_of_reply(cookie == reply.headers.end() ? "" : cookie->second, reply.body);
    if (!token.empty()) return token;
    throw Error(ErrorCode::network_refused, options_.url + " gives no token",
                "What the portal says: " + reason_in(reply.body));
}

}  // namespace gptoss::provenance::s5
