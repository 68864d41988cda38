// Does a receipt hold? Its signature and hashes offline; its tokens with the model, by one prompt
// (engine/replay.h). docs/receipts.md says what that proves.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "api/reply_form.h"
#include "engine/replay.h"
#include "node/replay_model.h"
#include "provenance/chain/reply_receipt.h"

namespace gptoss::node {

struct ReceiptVerdict {
    bool holds = false;
    std::string why;         // one line for people
    std::size_t tokens = 0;  // of the reply, that were found right
    std::optional<engine::ReplayDifference> difference;
};

// The tokens beside a receipt, or in a file of the same shape: {"prompt", "output", "form"}.
struct RecordedTokens {
    std::vector<TokenId> prompt, output;
    std::optional<std::string> form;
};

// Throws Error(file_corrupt) for anything else.
RecordedTokens read_recorded_tokens(const nlohmann::json& json);

// Offline. `document` is what the receipt was read from: tokens beside it must be the signed ones.
// `wanted_signer` may be empty. Throws Error(setting_invalid) when it is no address.
ReceiptVerdict check_signature(const provenance::chain::SignedReceipt& receipt,
                               const nlohmann::json& document, const std::string& wanted_signer);

// What a receipt says, ready to be computed again; `fault` when it is not this model's or not these tokens'.
struct PreparedReplay {
    engine::ReplayRequest request;
    api::ReplyForm form;
    bool constrained = false;  // by the sampling settings
    std::string fault;
};
PreparedReplay prepare_replay(ReplayModel& model, const provenance::chain::ReplyReceipt& receipt,
                              const RecordedTokens& told);

// The signature is not looked at. Throws Error(file_corrupt) for a form or sampling settings that cannot be
// read and for a missing form.
ReceiptVerdict replay_receipt(ReplayModel& model, const provenance::chain::ReplyReceipt& receipt,
                              const RecordedTokens& told);

// Sets what a receipt's numerics say of it ("…; f8 cache; any batch"): the cache's type, and whether bits may depend
// on the batch. What the receipt does not say stays as it is.
void take_recorded_numerics(Settings& settings, const provenance::chain::ReplyReceipt& receipt,
                            const nlohmann::json& document);

}  // namespace gptoss::node
