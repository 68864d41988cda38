#include "api/generation_stream.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "api/error_reply.h"

namespace gptoss::api {

HttpResponse json_reply(const Json& body, int status) {
    HttpResponse reply;
    reply.status = status;
    reply.body = to_text(body);
    return reply;
}

std::string_view stage_name(std::int32_t prompt_read, const ResponseStream::TokenUsage& spent) {
    if (spent.completion_tokens > 0) return "generating";
    if (prompt_read != kWaitsForItsTurn) return "prompt";
    return spent.prompt_tokens > 0 ? "queued" : "received";
}

GenerationStream::GenerationStream(std::shared_ptr<const void> owner, std::shared_ptr<engine::Engine> engine,
                                   std::unique_ptr<ReplyFormat> format, bool streams)
    : owner_(std::move(owner)), engine_(std::move(engine)), format_(std::move(format)), streams_(streams) {}

GenerationStream::~GenerationStream() {
    cancel();
}

void GenerationStream::report_to(std::shared_ptr<Receipts> receipts, std::string reply_id,
                                 std::shared_ptr<const SignedForm> form) {
    receipts_ = std::move(receipts);
    reply_id_ = std::move(reply_id);
    form_ = std::move(form);
}

void GenerationStream::add_choice(engine::GenerationRequest request, std::unique_ptr<TokenReader> reader,
                                  bool counts_prompt, const Caller& caller, GenerationObserver* observer) {
    Choice choice;
    choice.counts_prompt = counts_prompt;
    choice.prompt_tokens = static_cast<std::int32_t>(request.prompt.size());
    choice.reader = std::move(reader);
    if (receipts_ != nullptr) {
        const std::string suffix = choices_.empty() ? "" : "." + std::to_string(choices_.size());
        request.fingerprint = receipts_->wants_fingerprints();
        AnsweredChoice& answered = choice.answered.emplace();
        answered.id = reply_id_ + suffix;
        answered.prompt = request.prompt;
        answered.sampling = request.sampling;
        answered.biases = request.biases;
        answered.constrained = request.constraint != nullptr;
        answered.form = form_;
        answered.max_tokens = request.max_tokens;
    }
    choice.token_queue = std::make_shared<TokenQueue>(caller.wake, observer, caller.prompt_read);
    choice.request_id = engine_->submit(std::move(request), choice.token_queue);
    choices_.push_back(std::move(choice));
}

void GenerationStream::add_empty_choice(std::int32_t prompt_tokens, bool counts_prompt) {
    Choice choice;
    choice.counts_prompt = counts_prompt;
    choice.prompt_tokens = prompt_tokens;
    choice.outcome.emplace();
    choice.outcome->finish_reason = "length";
    choice.outcome->usage.prompt_tokens = prompt_tokens;
    choices_.push_back(std::move(choice));
}

ResponseStream::Output GenerationStream::take() {
    Output output;
    try {
        if (!std::exchange(opened_, true) && streams_) {
            for (std::size_t i = 0; i < choices_.size(); ++i) {
                format_->open(static_cast<std::int32_t>(i), output.events);
                if (choices_[i].outcome) close(i, output);
            }
        }
        for (std::size_t i = 0; i < choices_.size(); ++i) {
            if (!choices_[i].outcome) poll(i, output);
        }
    } catch (const Error& error) {
        fail(error, output);
        return output;
    }
    if (all_over()) end(output);
    return output;
}

void GenerationStream::poll(std::size_t index, Output& output) {
    Choice& choice = choices_[index];
    const TokenQueue::Contents contents = choice.token_queue->take();
    std::vector<ItemEvent> events;
    for (const backend::SampledToken& token : contents.tokens) {
        if (choice.stopped) break;
        choice.reader->push(token, events);
        if (choice.answered) {
            const auto place = static_cast<std::int32_t>(choice.answered->output.size());
            if (!token.hidden.empty()) choice.answered->fingerprints.push_back({place, token.hidden});
            choice.answered->output.push_back(token.token);
        }
        if (choice.reader->stopped()) {
            choice.stopped = true;
            engine_->cancel(choice.request_id);
        }
    }
    if (contents.finish) choice.reader->finish(events);
    emit(index, events, output);
    if (contents.finish) {
        finish(choice, *contents.finish);
        if (streams_) close(index, output);
    }
}

void GenerationStream::emit(std::size_t index, const std::vector<ItemEvent>& events, Output& output) {
    for (const ItemEvent& event : events) {
        if (streams_) {
            format_->add(static_cast<std::int32_t>(index), event, output.events);
        } else {
            choices_[index].transcript.add(event);
        }
    }
}

void GenerationStream::finish(Choice& choice, const TokenQueue::Finish& finish) {
    using engine::FinishReason;
    if (finish.reason == FinishReason::error) {
        throw Error(ErrorCode::device_failed, finish.error.empty() ? "The generation failed." : finish.error);
    }
    FinishInfo outcome;
    outcome.usage = finish.usage;
    outcome.reasoning_tokens = choice.reader->reasoning_tokens();
    if (choice.stopped) {
        // Tokens computed between the stop string and the cancellation are not the client's.
        outcome.usage.completion_tokens = choice.reader->tokens();
        outcome.finish_reason = "stop";
        outcome.stop_string = choice.reader->stop_string();
    } else if (finish.reason == FinishReason::stop) {
        outcome.finish_reason = choice.reader->called_tool() ? "tool_calls" : "stop";
    } else {
        outcome.finish_reason = finish.reason == FinishReason::length ? "length" : "cancelled";
    }
    choice.outcome = std::move(outcome);
    if (choice.answered && choice.outcome->finish_reason != "cancelled") report_to_receipts(choice);
}

void GenerationStream::report_to_receipts(Choice& choice) {
    choice.answered->reasoning_tokens = choice.outcome->reasoning_tokens;
    choice.answered->finish = choice.stopped ? "stop_string" : choice.outcome->finish_reason;
    choice.answered->completed_at_s =
        std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch())
            .count();
    receipts_->add(*std::move(choice.answered));
    choice.answered.reset();
}

bool GenerationStream::all_over() const {
    const auto is_over = [](const Choice& choice) { return choice.outcome.has_value(); };
    return std::all_of(choices_.begin(), choices_.end(), is_over);
}

void GenerationStream::close(std::size_t index, Output& output) {
    const bool last = all_over();
    const UsageTotals sums = last ? totals() : UsageTotals{};
    format_->close(static_cast<std::int32_t>(index), *choices_[index].outcome, last ? &sums : nullptr,
                   output.events);
}

void GenerationStream::fail(const Error& error, Output& output) {
    if (streams_) {
        format_->fail(error, output.events);
    } else {
        output.reply = json_reply(format_->error(error), http_status(error.code()));
    }
    output.finished = true;
}

void GenerationStream::end(Output& output) {
    output.finished = true;
    if (streams_) {
        format_->end(totals(), output.events);
        return;
    }
    std::vector<Transcript> transcripts;
    std::vector<FinishInfo> outcomes;
    for (Choice& choice : choices_) {
        transcripts.push_back(std::move(choice.transcript));
        outcomes.push_back(*choice.outcome);
    }
    output.reply = json_reply(format_->whole(transcripts, outcomes, totals()));
    output.reply.headers = headers_;
}

void GenerationStream::cancel() {
    for (const Choice& choice : choices_) {
        if (!choice.outcome) engine_->cancel(choice.request_id);
    }
}

Events GenerationStream::keep_alive() const {
    Events events;
    format_->keep_alive(events);
    return events;
}

ResponseStream::TokenUsage GenerationStream::token_usage() const {
    TokenUsage spent;
    for (const Choice& choice : choices_) {
        if (choice.counts_prompt) spent.prompt_tokens += choice.prompt_tokens;
        if (choice.outcome) {
            spent.cached_tokens += choice.counts_prompt ? choice.outcome->usage.cached_tokens : 0;
            spent.completion_tokens += choice.outcome->usage.completion_tokens;
        } else {
            spent.completion_tokens += choice.reader->tokens();
        }
    }
    return spent;
}

UsageTotals GenerationStream::totals() const {
    UsageTotals totals;
    for (const Choice& choice : choices_) {
        const engine::Usage& usage = choice.outcome->usage;
        if (choice.counts_prompt) {
            totals.usage.prompt_tokens += usage.prompt_tokens;
            totals.usage.cached_tokens += usage.cached_tokens;
        }
        totals.usage.completion_tokens += usage.completion_tokens;
        totals.reasoning_tokens += choice.outcome->reasoning_tokens;
        // Choices run beside each other: the longest time is the time it took.
        totals.usage.queue_ms = std::max(totals.usage.queue_ms, usage.queue_ms);
        totals.usage.prompt_ms = std::max(totals.usage.prompt_ms, usage.prompt_ms);
        totals.usage.generation_ms = std::max(totals.usage.generation_ms, usage.generation_ms);
    }
    return totals;
}

}  // namespace gptoss::api
