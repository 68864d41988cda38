// The one path from generations to a reply, streamed or whole, for every endpoint.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "api/receipts.h"
#include "api/reply_format.h"
#include "api/response_stream.h"
#include "api/token_queue.h"
#include "api/token_reader.h"
#include "engine/engine.h"

namespace gptoss::api {

class GenerationStream final : public ResponseStream {
  public:
    // `owner` keeps alive what the format and the readers refer to.
    GenerationStream(std::shared_ptr<const void> owner, std::shared_ptr<engine::Engine> engine,
                     std::unique_ptr<ReplyFormat> format, bool streams);
    ~GenerationStream() override;

    // Before the first choice: each one that comes to its end is reported to `receipts` (which may be null)
    // under the reply's id, with the form it had to keep to.
    void report_to(std::shared_ptr<Receipts> receipts, std::string reply_id,
                   std::shared_ptr<const SignedForm> form);

    // Submits one choice. Throws what Engine::submit throws. `counts_prompt`: false for the further choices
    // of a prompt.
    void add_choice(engine::GenerationRequest request, std::unique_ptr<TokenReader> reader,
                    bool counts_prompt, const Caller& caller, GenerationObserver* observer);

    // A choice that needs no generation: max_tokens was 0.
    void add_empty_choice(std::int32_t prompt_tokens, bool counts_prompt);

    // A header field of the reply, streamed or whole.
    void add_header(std::string_view name, std::string value) {
        headers_.emplace_back(name, std::move(value));
    }

    bool streams() const override { return streams_; }
    std::vector<std::pair<std::string, std::string>> headers() const override { return headers_; }
    Output take() override;
    void cancel() final;
    TokenUsage token_usage() const override;
    Events keep_alive() const override;

  private:
    struct Choice {
        bool counts_prompt = true;
        std::int32_t prompt_tokens = 0;
        std::unique_ptr<TokenReader> reader;
        std::shared_ptr<TokenQueue> token_queue;
        engine::RequestId request_id = 0;
        bool stopped = false;  // by a stop string: the engine knows, its finish is on the way
        Transcript transcript;
        std::optional<FinishInfo> outcome;
        std::optional<AnsweredChoice> answered;  // only where receipts are wanted
    };

    void poll(std::size_t index, Output& output);
    void emit(std::size_t index, const std::vector<ItemEvent>& events, Output& output);
    void finish(Choice& choice, const TokenQueue::Finish& finish);
    void report_to_receipts(Choice& choice);
    bool all_over() const;
    void close(std::size_t index, Output& output);
    void fail(const Error& error, Output& output);
    void end(Output& output);
    UsageTotals totals() const;

    std::shared_ptr<const void> owner_;
    std::shared_ptr<engine::Engine> engine_;
    std::unique_ptr<ReplyFormat> format_;
    std::shared_ptr<Receipts> receipts_;
    std::string reply_id_;
    std::shared_ptr<const SignedForm> form_;
    bool streams_;
    std::vector<std::pair<std::string, std::string>> headers_;
    bool opened_ = false;
    std::vector<Choice> choices_;
};

}  // namespace gptoss::api
