// The frames that the node sends over GET /v1/ws, as the marketplace's clients read them.
#pragma once

#include <string>

#include "api/json_reader.h"
#include "base/error.h"

namespace gptoss::marketplace {

api::Json connected_frame(std::uint64_t chain_id, bool encrypts);

// `client`: the address that signed; empty in plain sessions. `id` is echoed; null: the client gave none.
api::Json ack_frame(const std::string& session_id, const std::string& job_id, std::uint64_t chain_id,
                    const std::string& client, const api::Json& id);

api::Json chunk_frame(const std::string& text);
api::Json encrypted_chunk_frame(api::Json payload);

// `reason`: why the generation ended; `last`: the last frame of POST /v1/inference's stream, with its usage.
api::Json end_frame(const std::string& reason, const api::Json& last, const std::string& session_id,
                    const api::Json& id);

api::Json error_frame(const std::string& code, const std::string& message, const api::Json& id);
// TOKEN_LIMIT_EXCEEDED with both counts, INVALID_REQUEST, SERVER_BUSY, NOT_READY, INTERNAL_ERROR.
api::Json error_frame(const Error& error, const api::Json& id);

}  // namespace gptoss::marketplace
