#include "node/application/node_card.h"

#include <cstdio>

#include "base/limits.h"

namespace gptoss::node {
namespace {

using api::Json;

// Dollars for one token, as text: prices must not pass through floats on their way. `price`: of 1000 tokens, in a
// millionth of a dollar.
std::string dollars_per_token(std::int64_t price) {
    constexpr std::int64_t kPerDollar = 1'000'000'000;  // a millionth of a dollar for 1000 tokens
    char text[40];
    std::snprintf(text, sizeof text, "%lld.%09lld", static_cast<long long>(price / kPerDollar),
                  static_cast<long long>(price % kPerDollar));
    return text;
}

Json model_document(api::Service& service, const marketplace::Market* market) {
    const api::ServedModel& model = service.served_model();
    const std::int32_t context = service.engine().options().context_length;
    const std::int64_t price = market != nullptr ? market->options().stable_price : 0;
    const bool bills_prompts =
        market != nullptr && market->options().billed == marketplace::BilledTokens::all;
    constexpr int kLayersOf120b = 36;
    const bool is_120b = model.card.value("layers", 0) == kLayersOf120b;
    return {{"schema_version", "2.4"},
            {"id", model.id},
            {"name", model.id},
            {"hugging_face_id", is_120b ? "openai/gpt-oss-120b" : "openai/gpt-oss-20b"},
            {"created", model.created_s},
            {"input_modalities", {"text"}},
            {"output_modalities", {"text"}},
            {"quantization", "mxfp4"},
            {"context_length", context},
            {"max_output_length", context},
            {"pricing",
             {{"prompt", dollars_per_token(bills_prompts ? price : 0)},
              {"completion", dollars_per_token(price)},
              {"image", "0"},
              {"request", "0"}}},
            {"supported_sampling_parameters",
             {"temperature", "top_p", "top_k", "min_p", "seed", "stop", "logit_bias", "max_tokens"}},
            {"supported_features", {"tools", "json_mode", "structured_outputs", "logprobs", "reasoning"}},
            {"capacity", {{"max_sequences", service.engine().options().max_sequences}}},
            {"is_ready", service.engine().failure().empty()}};
}

}  // namespace

api::Json node_card(api::Service& service, const marketplace::Market* market) {
    Json card{{"node", "gpt-oss-node " GPTOSS_VERSION},
              {"data", Json::array({model_document(service, market)})}};
    const Json& model = service.served_model().card;
    if (model.contains("provenance")) card["provenance"] = model["provenance"];
    card["limits"] = {{"messages", limits::kMessages}, {"tools", limits::kTools}};
    if (market == nullptr) return card;
    card["chain_id"] = market->options().chain_id;
    if (const auto* key = market->host_key()) {
        card["host"] = provenance::chain::to_checksum_text(key->address());  // who signs receipts
        card["host_public_key"] = provenance::chain::to_hex_prefixed(key->public_key());
    }
    card["sessions"] = {{"path", "/v1/ws"},
                        {"encrypted", market->host_key() != nullptr},
                        {"job_required", market->options().job_rule == marketplace::JobRule::require}};
    return card;
}

}  // namespace gptoss::node
