#include "api/completion_format.h"

#include <unordered_map>

#include "api/error_reply.h"

namespace gptoss::api {

namespace {

class CompletionFormat final : public ReplyFormat {
  public:
    CompletionFormat(const Tokenizer& tokenizer, ResponseMetadata facts, CompletionFormatOptions options)
        : tokenizer_(tokenizer), facts_(std::move(facts)), options_(std::move(options)) {}

    void open(std::int32_t choice, Events& out) override {
        const std::string text = echo(choice);
        if (!text.empty()) out.push_back(unnamed_event(chunk(choice, text, nullptr, nullptr)));
    }

    void add(std::int32_t choice, const ItemEvent& delta, Events& out) override {
        if (delta.step != ItemEvent::Step::delta) return;
        std::size_t& offset_bytes = text_bytes_[choice];
        out.push_back(
            unnamed_event(chunk(choice, delta.text, logprobs_json(delta.logprobs, offset_bytes), nullptr)));
        offset_bytes += delta.text.size();
    }

    void close(std::int32_t choice, const FinishInfo& outcome, const UsageTotals* totals,
               Events& out) override {
        Json last = chunk(choice, "", nullptr, outcome.finish_reason);
        if (totals != nullptr) last["timings"] = timings_json(*totals, facts_);
        out.push_back(unnamed_event(last));
    }

    void end(const UsageTotals& totals, Events& out) override {
        if (options_.include_usage) {
            Json last = header();
            last["choices"] = Json::array();
            last["usage"] = usage_json(totals);
            out.push_back(unnamed_event(last));
        }
        out.push_back(done_event());
    }

    Json whole(std::span<const Transcript> transcripts, std::span<const FinishInfo> outcomes,
               const UsageTotals& totals) const override {
        Json reply = header();
        reply["choices"] = Json::array();
        for (std::size_t i = 0; i < transcripts.size(); ++i) {
            const Transcript& said = transcripts[i];
            const auto choice = static_cast<std::int32_t>(i);
            reply["choices"].push_back(choice_json(choice, echo(choice) + said.content(),
                                                   logprobs_json(said.logprobs(), 0),
                                                   outcomes[i].finish_reason));
        }
        reply["usage"] = usage_json(totals);
        reply["timings"] = timings_json(totals, facts_);
        return reply;
    }

    Json error(const Error& error) const override { return openai_error(error); }

  private:
    std::string echo(std::int32_t choice) const {
        return options_.echo.empty() ? std::string() : options_.echo[static_cast<std::size_t>(choice)];
    }

    Json header() const {
        return {{"id", facts_.id},
                {"object", "text_completion"},
                {"created", facts_.created_s},
                {"model", facts_.model},
                {"system_fingerprint", fingerprint()}};
    }

    static Json choice_json(std::int32_t index, std::string text, Json logprobs, Json finish_reason) {
        Json choice;
        choice["text"] = std::move(text);
        choice["index"] = index;
        choice["logprobs"] = std::move(logprobs);
        choice["finish_reason"] = std::move(finish_reason);
        return choice;
    }

    Json chunk(std::int32_t index, std::string text, Json logprobs, Json finish_reason) const {
        Json body = header();
        body["choices"] =
            Json::array({choice_json(index, std::move(text), std::move(logprobs), std::move(finish_reason))});
        return body;
    }

    // Four lists side by side, the shape this older endpoint has. Offsets count bytes of the text.
    Json logprobs_json(const std::vector<backend::SampledToken>& sampled, std::size_t offset_bytes) const {
        if (!options_.logprobs) return nullptr;
        Json tokens = Json::array(), logprobs = Json::array(), tops = Json::array(), offsets = Json::array();
        for (const backend::SampledToken& token : sampled) {
            const std::string text(tokenizer_.bytes(token.token));
            tokens.push_back(text);
            logprobs.push_back(token.logprob);
            Json top = Json::object();
            for (const backend::TokenLogprob& other : token.top) {
                top[std::string(tokenizer_.bytes(other.token))] = other.logprob;
            }
            tops.push_back(std::move(top));
            offsets.push_back(offset_bytes);
            offset_bytes += text.size();
        }
        Json lists;
        lists["tokens"] = std::move(tokens);
        lists["token_logprobs"] = std::move(logprobs);
        lists["top_logprobs"] = std::move(tops);
        lists["text_offset"] = std::move(offsets);
        return lists;
    }

    const Tokenizer& tokenizer_;
    ResponseMetadata facts_;
    CompletionFormatOptions options_;
    std::unordered_map<std::int32_t, std::size_t> text_bytes_;
};

}  // namespace

std::unique_ptr<ReplyFormat> make_completion_format(const Tokenizer& tokenizer, ResponseMetadata facts,
                                                    CompletionFormatOptions options) {
    return std::make_unique<CompletionFormat>(tokenizer, std::move(facts), std::move(options));
}

}  // namespace gptoss::api
