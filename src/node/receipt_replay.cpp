#include "node/receipt_replay.h"

#include <cstdio>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "node/reply_end.h"
#include "node/sampling_text.h"

namespace gptoss::node {
namespace {

namespace chain = provenance::chain;
using engine::ReplayDifference;
using Json = nlohmann::json;

std::vector<TokenId> token_list(const Json& tokens, const char* name) {
    std::vector<TokenId> list;
    const bool there = tokens.is_object() && tokens.contains(name) && tokens[name].is_array();
    for (const Json& token : there ? tokens[name] : Json::array())
        if (token.is_number_unsigned() && token.get<std::uint64_t>() <= 0x7FFFFFFF)
            list.push_back(token.get<TokenId>());
    if (!there || list.size() != tokens[name].size())
        throw Error(ErrorCode::file_corrupt, std::string("there is no list of ") + name + " tokens",
                    "A receipt holds hashes alone. Keep tokens with GPTOSS_RECEIPTS=tokens, or name a file "
                    "{\"prompt\": [...], \"output\": [...], \"form\": \"...\"} with --tokens.");
    return list;
}

ReceiptVerdict no(std::string why) {
    return {false, std::move(why), 0, std::nullopt};
}

// The form that was signed; nothing where the given one is another. Receipts of version 1 sign none.
std::optional<api::ReplyForm> signed_form(const chain::ReplyReceipt& receipt, const RecordedTokens& told) {
    if (receipt.version == 1) return api::ReplyForm{};
    if (!told.form)
        throw Error(ErrorCode::file_corrupt, "the reply's form is not beside its tokens",
                    "GPTOSS_RECEIPTS=tokens keeps it; with --tokens it is the file's \"form\".");
    if (chain::keccak256(*told.form) != receipt.form) return std::nullopt;
    return api::read_form(*told.form);
}

std::string decimals(float value) {
    char text[32];
    std::snprintf(text, sizeof text, "%.4g", static_cast<double>(value));
    return text;
}

std::string spelled(const Tokenizer& tokenizer, TokenId token) {
    return std::to_string(token) + " " +
           Json(tokenizer.decode(std::vector{token})).dump(-1, ' ', true, Json::error_handler_t::replace);
}

std::string said(const ReplayDifference& difference, const Tokenizer& tokenizer) {
    std::string text =
        "token " + std::to_string(difference.place) + " is " + spelled(tokenizer, difference.recorded);
    if (difference.kind == ReplayDifference::Kind::ended) return text + ", but the form lets nothing follow";
    text += ", but seed and logits choose " + spelled(tokenizer, difference.chosen);
    switch (difference.kind) {
        case ReplayDifference::Kind::not_allowed:
            return text + "; the form does not allow the one given";
        case ReplayDifference::Kind::filtered:
            return text + "; top_k, top_p or min_p leave the one given out";
        case ReplayDifference::Kind::ended:
        case ReplayDifference::Kind::other:
            break;
    }
    return text + ", ahead by " + decimals(difference.lead) +
           (difference.is_near_tie() ? ": a near tie, which rounding may decide"
                                     : ": no near tie, rounding does not explain it");
}

}  // namespace

RecordedTokens read_recorded_tokens(const Json& json) {
    RecordedTokens told{token_list(json, "prompt"), token_list(json, "output"), std::nullopt};
    if (json.contains("form") && json["form"].is_string()) told.form = json["form"].get<std::string>();
    return told;
}

ReceiptVerdict check_signature(const chain::SignedReceipt& receipt, const Json& document,
                               const std::string& wanted_signer) {
    const std::string signer = chain::to_checksum_text(receipt.signer);
    if (!chain::is_genuine(receipt)) return no("FORGED: " + signer + " did not sign these fields");
    if (!wanted_signer.empty()) {
        const auto wanted = chain::address_from_hex(wanted_signer);
        if (!wanted) throw Error(ErrorCode::setting_invalid, "--signer is not an address", "");
        if (*wanted != receipt.signer) return no("ANOTHER SIGNER: " + signer);
    }
    const chain::ReplyReceipt& fields = receipt.receipt;
    if (document.contains("tokens")) {
        const RecordedTokens told = read_recorded_tokens(document["tokens"]);
        if (chain::hash_of_tokens(told.prompt) != fields.prompt_hash ||
            chain::hash_of_tokens(told.output) != fields.output_hash)
            return no("FORGED: the tokens beside the receipt are not the signed ones");
        if (fields.version > 1 && told.form && chain::keccak256(*told.form) != fields.form)
            return no("FORGED: the form beside the receipt is not the signed one");
    }
    if (fields.version > 1 && document.contains("fingerprint") && document["fingerprint"].is_string()) {
        const auto bytes = chain::bytes_from_hex(document["fingerprint"].get<std::string>());
        if (!bytes || chain::keccak256(*bytes) != fields.fingerprint)
            return no("FORGED: the fingerprint beside the receipt is not the signed one");
    }
    if (fields.version > 1 && document.contains("numerics") && document["numerics"].is_string() &&
        chain::keccak256(document["numerics"].get<std::string>()) != fields.numerics)
        return no("FORGED: the numerics beside the receipt are not the signed ones");
    return {true, "signed by " + signer, 0, std::nullopt};
}

PreparedReplay prepare_replay(ReplayModel& model, const chain::ReplyReceipt& receipt,
                              const RecordedTokens& told) {
    PreparedReplay prepared;
    if (model.composite() != chain::to_hex_prefixed(receipt.composite))
        prepared.fault = "DIFFERS: this model's composite hash is " + model.composite();
    else if (chain::hash_of_tokens(told.prompt) != receipt.prompt_hash ||
             receipt.prompt_tokens != told.prompt.size())
        prepared.fault = "DIFFERS: the prompt tokens given are not the signed ones";
    else if (chain::hash_of_tokens(told.output) != receipt.output_hash ||
             receipt.output_tokens != told.output.size())
        prepared.fault = "DIFFERS: the reply's tokens given are not the signed ones";
    if (!prepared.fault.empty()) return prepared;
    std::optional<api::ReplyForm> form = signed_form(receipt, told);
    if (!form) {
        prepared.fault = "DIFFERS: the form given is not the signed one";
        return prepared;
    }
    prepared.form = *std::move(form);
    const SignedSampling drawn = read_sampling_text(receipt.sampling);
    prepared.constrained = drawn.constrained;
    prepared.request.prompt = told.prompt;
    prepared.request.output = told.output;
    prepared.request.sampling = drawn.sampling;
    prepared.request.sampling.seed = receipt.seed;
    prepared.request.biases = drawn.biases;
    if (prepared.form.constrained)
        prepared.request.constraint = model.constraints().make(prepared.form.rules)->fork();
    return prepared;
}

ReceiptVerdict replay_receipt(ReplayModel& model, const chain::ReplyReceipt& receipt,
                              const RecordedTokens& told) {
    PreparedReplay prepared = prepare_replay(model, receipt, told);
    if (!prepared.fault.empty()) return no(prepared.fault);
    const engine::ReplayResult result = model.replayer().run(std::move(prepared.request));
    if (result.difference) {
        ReceiptVerdict verdict{false, "DIFFERS: " + said(*result.difference, model.tokenizer()),
                               result.chosen.size(), result.difference};
        if (receipt.version == 1 && prepared.constrained)
            verdict.why += "; the reply was held to a form that this older receipt does not hold";
        if (receipt.version > 1 && receipt.numerics != model.numerics().digest)
            verdict.why += "; the numerics are others here: " + model.numerics().text;
        return verdict;
    }
    if (receipt.version > 1) {
        const std::string fault =
            prepared.constrained != prepared.form.constrained
                ? "the sampling settings and the form do not agree on whether the reply was constrained"
                : end_fault(receipt, prepared.form, model.tokenizer(), told.output, result.complete);
        if (!fault.empty()) return no("DIFFERS: " + fault);
    }
    return {true, "the same tokens: " + std::to_string(result.chosen.size()), result.chosen.size(),
            std::nullopt};
}

void take_recorded_numerics(Settings& settings, const chain::ReplyReceipt& receipt, const Json& document) {
    const std::string text = document.value("numerics", std::string());
    if (receipt.version == 1 || chain::keccak256(text) != receipt.numerics) return;
    for (const auto& type : kKvTypes)
        if (text.find(" " + std::string(type.name) + " cache") != std::string::npos)
            settings.kv_cache_type = type.value;
    if (text.ends_with("; any batch")) settings.determinism = Determinism::on;
}

}  // namespace gptoss::node
