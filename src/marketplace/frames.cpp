#include "marketplace/frames.h"

#include "api/error_reply.h"

namespace gptoss::marketplace {

using api::Json;

namespace {

const char* code_of(ErrorCode code) {
    switch (code) {
        case ErrorCode::context_exceeded:
            return "TOKEN_LIMIT_EXCEEDED";
        case ErrorCode::request_invalid:
        case ErrorCode::not_found:
            return "INVALID_REQUEST";
        case ErrorCode::queue_full:
            return "SERVER_BUSY";
        case ErrorCode::shutting_down:
            return "NOT_READY";
        default:
            return "INTERNAL_ERROR";
    }
}

}  // namespace

Json connected_frame(std::uint64_t chain_id, bool encrypts) {
    return {{"type", "connected"},
            {"message", "gpt-oss-node " GPTOSS_VERSION},
            {"chain_id", chain_id},
            {"encryption", encrypts}};
}

Json ack_frame(const std::string& session_id, const std::string& job_id, std::uint64_t chain_id,
               const std::string& client, const Json& id) {
    Json frame{{"type", "session_init_ack"},
               {"status", "success"},
               {"session_id", session_id},
               {"job_id", job_id},
               {"chain_id", chain_id},
               {"message", client.empty() ? "The session is open." : "The encrypted session is open."}};
    if (!client.empty()) frame["client_address"] = client;
    if (!id.is_null()) frame["id"] = id;
    return frame;
}

Json chunk_frame(const std::string& text) {
    return {{"type", "stream_chunk"}, {"content", text}};
}

Json encrypted_chunk_frame(Json payload) {
    return {{"type", "encrypted_chunk"}, {"payload", std::move(payload)}};
}

Json end_frame(const std::string& reason, const Json& last, const std::string& session_id, const Json& id) {
    Json frame{{"type", "stream_end"},
               {"reason", reason == "cancelled" ? "cancelled" : "complete"},
               {"finish_reason", reason},
               {"tokens_used", last.value("tokens", std::int64_t{0})}};
    for (const char* field : {"usage", "timings"}) {
        if (last.contains(field)) frame[field] = last[field];
    }
    frame["reply_id"] = last.value("id", "");  // the receipt's
    if (!session_id.empty()) frame["session_id"] = session_id;
    frame["id"] = id;
    return frame;
}

Json error_frame(const std::string& code, const std::string& message, const Json& id) {
    Json frame{{"type", "error"}, {"code", code}, {"message", message}};
    if (!id.is_null()) frame["id"] = id;
    return frame;
}

Json error_frame(const Error& error, const Json& id) {
    Json frame = error_frame(code_of(error.code()), api::message_with_hint(error), id);
    for (const auto& [name, value] : error.facts()) {
        if (name == "prompt_tokens") frame["prompt_tokens"] = std::stoll(value);
        if (name == "context_length") frame["context_window_size"] = std::stoll(value);
    }
    return frame;
}

}  // namespace gptoss::marketplace
