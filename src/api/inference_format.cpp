#include "api/inference_format.h"

#include <array>

#include "api/error_reply.h"

namespace gptoss::api {

namespace {

struct Chain {
    std::uint64_t id;
    std::string_view name;
    std::string_view native_token;
};
constexpr std::array kChains{Chain{84532, "Base Sepolia", "ETH"}, Chain{8453, "Base", "ETH"},
                             Chain{5611, "opBNB Testnet", "BNB"}, Chain{204, "opBNB", "BNB"}};

class InferenceFormat final : public ReplyFormat {
  public:
    InferenceFormat(ResponseMetadata facts, const InferenceRequest& request)
        : facts_(std::move(facts)),
          request_id_(request.request_id),
          chain_(chain_fields(request.chain_id)),
          web_search_(request.web_search) {}

    void open(std::int32_t, Events&) override {}

    void add(std::int32_t, const ItemEvent& delta, Events& out) override {
        if (delta.step != ItemEvent::Step::delta || delta.kind == ItemKind::call) return;
        const bool is_answer = is_visible(delta.kind);
        Json frame{{"content", is_answer ? paragraphs_.next(delta) : ""},
                   {"tokens", delta.tokens},
                   {"finish_reason", nullptr}};
        // An older client shows `content` and skips what it does not know.
        if (!is_answer) frame["reasoning"] = delta.text;
        frame.update(chain_);
        out.push_back(unnamed_event(frame));
    }

    void close(std::int32_t, const FinishInfo& outcome, const UsageTotals* totals, Events& out) override {
        Json frame{{"content", ""}, {"tokens", outcome.usage.completion_tokens}};
        // These clients wait for the word "complete"; why it was complete stands beside it.
        const bool cancelled = outcome.finish_reason == "cancelled";
        frame["finish_reason"] = cancelled ? "cancelled" : "complete";
        frame["stop_reason"] = outcome.finish_reason;
        frame["id"] = facts_.id;
        frame["request_id"] = request_id_;
        if (totals != nullptr) add_usage(frame, *totals);
        frame.update(chain_);
        out.push_back(unnamed_event(frame));
    }

    void end(const UsageTotals&, Events& out) override { out.push_back(done_event()); }

    Json whole(std::span<const Transcript> transcripts, std::span<const FinishInfo> outcomes,
               const UsageTotals& totals) const override {
        Json reply;
        reply["id"] = facts_.id;  // the receipt's; a request_id is the client's choice, and may come twice
        reply["model"] = facts_.model;
        reply["content"] = transcripts[0].content();
        if (std::string thought = transcripts[0].reasoning(); !thought.empty()) reply["reasoning"] = thought;
        reply["tokens_used"] = totals.usage.completion_tokens;
        reply["finish_reason"] = outcomes[0].finish_reason;
        reply["request_id"] = request_id_;
        reply.update(chain_);
        if (web_search_) {
            reply["web_search_performed"] = false;
            reply["search_queries_count"] = 0;
        }
        add_usage(reply, totals);
        return reply;
    }

    Json error(const Error& error) const override {
        Json body = inference_error(error, request_id_);
        if (chain_.contains("chain_id")) body["chain_id"] = chain_["chain_id"];
        return body;
    }

  private:
    static Json chain_fields(std::optional<std::uint64_t> chain_id) {
        Json fields = Json::object();
        if (!chain_id) return fields;
        fields["chain_id"] = *chain_id;
        for (const Chain& chain : kChains) {
            if (chain.id != *chain_id) continue;
            fields["chain_name"] = chain.name;
            fields["native_token"] = chain.native_token;
        }
        return fields;
    }

    void add_usage(Json& body, const UsageTotals& totals) const {
        body["usage"] = {{"prompt_tokens", totals.usage.prompt_tokens},
                         {"completion_tokens", totals.usage.completion_tokens},
                         {"total_tokens", totals.usage.prompt_tokens + totals.usage.completion_tokens},
                         {"context_window_size", facts_.context_length}};
        body["timings"] = timings_json(totals, facts_);
    }

    ResponseMetadata facts_;
    std::string request_id_;
    Json chain_;
    bool web_search_;
    Paragraphs paragraphs_;
};

}  // namespace

std::unique_ptr<ReplyFormat> make_inference_format(ResponseMetadata facts, const InferenceRequest& request) {
    return std::make_unique<InferenceFormat>(std::move(facts), request);
}

}  // namespace gptoss::api
