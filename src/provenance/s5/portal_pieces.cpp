// Uploads in pieces (tus 1.0): what breaks off goes on where the portal says that it is.
#include <algorithm>
#include <thread>

#include "base/error.h"
#include "provenance/s5/multibase.h"
#include "provenance/s5/portal.h"
#include "provenance/s5/portal_reply.h"

namespace gptoss::provenance::s5 {
namespace {

constexpr int kPieceMade = 201, kPieceTaken = 204, kPieceTold = 200;
constexpr int kTries = 6;  // in a row without progress
constexpr std::chrono::milliseconds kFirstPause{200};
constexpr std::int64_t kPiece_ms = 600'000, kTold_ms = 30'000;

constexpr const char* kGoesOn = "It is tried again, from where the portal has it.";

// Nothing went wrong that trying again would not mend: the portal knows another offset, or is busy.
bool is_refused(const HttpReply& reply) {
    constexpr int kConflict = 409, kLocked = 423;
    return reply.network_error.empty() && reply.status >= 400 && reply.status < 500 &&
           reply.status != kConflict && reply.status != kLocked;
}

HttpRequest tus_request(std::string url, std::string method, std::int64_t timeout_ms) {
    HttpRequest request;
    request.url = std::move(url);
    request.method = std::move(method);
    request.timeout_ms = timeout_ms;
    request.headers = {"Tus-Resumable: 1.0.0"};
    return request;
}

}  // namespace

// Where the pieces go.
std::string Portal::begin_pieces(ByteView blob, const BlobIdentifier& identifier) {
    const std::string url = options_.url + "/s5/upload/tus";
    constexpr std::uint8_t kType[] = {kWireHashType};
    const std::string hash = to_base64url(joined({kType, identifier.hash}));
    const HttpReply reply = ask_with_account([&] {
        HttpRequest request = tus_request(url, "POST", kTold_ms);
        request.headers.push_back("Upload-Length: " + std::to_string(blob.size()));
        request.headers.push_back("Upload-Metadata: hash " + to_base64(bytes_of(hash)));
        request.headers.emplace_back("Content-Length: 0");
        return request;
    });
    require_status(url, reply, {kPieceMade}, kGoesOn);
    const auto found = reply.headers.find("location");
    const std::string place = found == reply.headers.end() ? "" : found->second;
    if (place.starts_with("/") && !place.starts_with("//")) return options_.url + place;
    if (place.starts_with(options_.url + "/")) return place;  // the token goes to no other host
    throw Error(ErrorCode::network_refused, url + ": the portal sends files to another place",
                "It said: " + reason_in(place), {{"url", url}});
}

std::optional<std::uint64_t> Portal::received_bytes(const std::string& place) {
    const HttpReply reply = ask(tus_request(place, "HEAD", kTold_ms), true);
    if (!reply.network_error.empty() || (reply.status != kPieceTold && reply.status != kPieceTaken))
        return std::nullopt;
    return offset_of_reply(reply);
}

void Portal::upload_in_pieces(ByteView blob, const BlobIdentifier& identifier) {
    const std::string place = begin_pieces(blob, identifier);
    std::uint64_t offset = 0;
    for (int tries = 0; offset < blob.size();) {
        HttpRequest request = tus_request(place, "PATCH", kPiece_ms);
        request.headers.push_back("Upload-Offset: " + std::to_string(offset));
        request.headers.emplace_back("Content-Type: application/offset+octet-stream");
        request.body =
            text_of(blob.subspan(offset, std::min<std::uint64_t>(kPieceBytes, blob.size() - offset)));
        const HttpReply reply = ask(std::move(request), true);
        if (is_refused(reply) || (options_.keep_going && !options_.keep_going()))
            throw_reply(place, reply, kGoesOn);
        const bool is_taken = reply.network_error.empty() && reply.status == kPieceTaken;
        if (!is_taken) std::this_thread::sleep_for(kFirstPause * (1 << tries));
        const auto next = is_taken ? offset_of_reply(reply) : received_bytes(place);
        const bool is_further = next && *next > offset && *next <= blob.size();
        tries = is_further ? 0 : tries + 1;
        if (tries >= kTries) throw_reply(place, reply, kGoesOn);
        if (next && *next <= blob.size()) offset = *next;
    }
}

}  // namespace gptoss::provenance::s5
