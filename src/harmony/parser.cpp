#include "harmony/parser.h"

#include <algorithm>
#include <utility>

#include "harmony/header.h"
#include "harmony/utf8.h"

namespace gptoss::harmony {
namespace {

// A header longer than this (beside the longest name) is taken as text: what is held back must have a bound.
constexpr std::size_t kLongestHeader_bytes = 256;

}  // namespace

struct StreamParser::State {
    enum class Phase {
        header,   // after <|start|>assistant, or after a marker that can only begin a header
        content,  // after <|message|>, or inside text without markup
        between,  // after a message
    };

    State(const Tokenizer& tokenizer_used, ParserOptions options)
        : tokenizer(&tokenizer_used), tool_names(std::move(options.tool_names)) {
        for (const auto& name : tool_names)
            longest_header = std::max(longest_header, kLongestHeader_bytes + name.size());
    }

    HeaderContext context(bool closed) const { return {explicit_start, closed, &tool_names}; }

    bool is_terminator(TokenId token) const {
        const SpecialTokens& special = tokenizer->special();
        return token == special.end || token == special.call || token == special.return_ ||
               token == special.end_of_text;
    }

    void begin_header(bool with_start) {
        phase = Phase::header;
        explicit_start = with_start;
        header = {};
        tokens.clear();
        kind = EventKind::content;
    }

    // The header is over: from here on text goes straight to the sink.
    void open_message(bool closed, const Sink& sink) {
        const Header read = read_header(header, context(closed));
        phase = Phase::content;
        is_call = !read.function.empty();
        tidy = read.tidy && !start_missing;
        kind = EventKind::content;
        if (read.assistant && !read.addresses_other && !is_call) {
            if (read.channel == Channel::analysis) kind = EventKind::reasoning;
            if (read.channel == Channel::commentary) kind = EventKind::preamble;
        }
        if (kind == EventKind::reasoning) reasoning_tokens += static_cast<std::int32_t>(tokens.size());
        // Stray words of a call's closed header are no arguments; without <|message|> the rest of it is.
        if (!is_call || closed) say(read.text, sink);
        if (!is_call) return;
        flush(sink);
        kind = EventKind::call_arguments;
        sink({EventKind::call_begin, {}, read.function, ++last_call});
        sampled_calls.emplace_back();
        if (!closed) say(read.text, sink);
    }

    void say(std::string_view bytes, const Sink& sink) {
        text.clear();
        utf8.push(bytes, text);
        emit(sink);
    }

    void emit(const Sink& sink) {
        if (!text.empty()) sink({kind, text, {}, kind == EventKind::call_arguments ? last_call : -1});
    }

    void flush(const Sink& sink) {
        text.clear();
        utf8.flush(text);
        emit(sink);
    }

    void end_message(TokenId terminator, const Sink& sink) {
        flush(sink);
        if (is_call) {
            // Only a call that is worth imitating is shown to the model again as it was sampled.
            if (tidy && terminator == tokenizer->special().call) keep_sampled();
            sink({EventKind::call_end, {}, {}, last_call});
        }
        sink({EventKind::message_end, {}, {}, -1});
        phase = Phase::between;
        is_call = false;
        start_missing = true;
        tokens.clear();
    }

    void keep_sampled() {
        auto& kept = sampled_calls.back();
        if (!explicit_start) {  // the generation prefix belongs to the message too
            kept.push_back(tokenizer->special().start);
            tokenizer->encode_append("assistant", kept);
        }
        kept.insert(kept.end(), tokens.begin(), tokens.end());
    }

    bool header_says_something() const { return header.has_marks() || !header.words().empty(); }

    // A header that something other than <|message|> ended.
    void abandon_header(TokenId terminator, const Sink& sink) {
        if (header_says_something()) {
            open_message(false, sink);
            end_message(terminator, sink);
        }
        phase = Phase::between;
    }

    void read_in_header(TokenId token, const Sink& sink) {
        const SpecialTokens& special = tokenizer->special();
        if (token == special.message) return open_message(true, sink);
        if (token == special.channel) return header.add_mark(HeaderText::Mark::channel);
        if (token == special.constrain) return header.add_mark(HeaderText::Mark::constrain);
        if (is_terminator(token)) return abandon_header(token, sink);
        header.add_text(spoken(token));
        if (header.bytes().size() > longest_header || is_plain_text(header, context(false)))
            open_message(false, sink);
    }

    void read_in_content(TokenId token, const Sink& sink) {
        if (kind == EventKind::reasoning) ++reasoning_tokens;
        if (is_terminator(token)) return end_message(token, sink);
        if (is_outside(token)) {  // a hole in the vocabulary is no part of any character
            flush(sink);
            return say(kReplacementCharacter, sink);
        }
        say(spoken(token), sink);
    }

    bool is_outside(TokenId token) const { return token < 0 || token >= tokenizer->vocabulary_size(); }

    // The bytes a token adds to a text: none for the markers that have no meaning where they stand.
    std::string_view spoken(TokenId token) const {
        if (is_outside(token)) return kReplacementCharacter;
        return tokenizer->is_special(token) ? std::string_view() : tokenizer->bytes(token);
    }

    const Tokenizer* tokenizer;
    std::vector<std::string> tool_names;
    std::size_t longest_header = kLongestHeader_bytes;

    Phase phase = Phase::header;
    bool explicit_start = false;  // this message began with <|start|>
    bool start_missing = false;   // no <|start|> since the last message ended
    HeaderText header;
    std::vector<TokenId> tokens;  // of the header; of the whole message while it is a call

    EventKind kind = EventKind::content;
    bool is_call = false;
    bool tidy = false;
    Utf8Assembler utf8;
    std::string text;

    std::int32_t last_call = -1;
    std::int32_t reasoning_tokens = 0;
    std::vector<std::vector<TokenId>> sampled_calls;
};

StreamParser::StreamParser(const Tokenizer& tokenizer, ParserOptions options)
    : state_(std::make_unique<State>(tokenizer, std::move(options))) {}
StreamParser::~StreamParser() = default;
StreamParser::StreamParser(StreamParser&&) noexcept = default;
StreamParser& StreamParser::operator=(StreamParser&&) noexcept = default;

void StreamParser::push(TokenId token, const Sink& sink) {
    State& state = *state_;
    using Phase = State::Phase;
    const SpecialTokens& special = state.tokenizer->special();
    if (token < 0) token = state.tokenizer->vocabulary_size();  // no token at all; markers may be absent, -1
    const bool is_start = token == special.start;
    if (state.phase == Phase::between && state.is_terminator(token)) return;  // <|end|><|return|>

    // <|start|> begins a message wherever it stands; so does <|channel|> inside text.
    if (state.phase == Phase::content && (is_start || token == special.channel))
        state.end_message(token, sink);
    else if (state.phase == Phase::header && is_start)
        state.abandon_header(token, sink);
    if (is_start) {
        state.begin_header(true);
        state.start_missing = false;
        state.tokens.push_back(token);
        return;
    }
    if (state.phase == Phase::between) state.begin_header(false);

    if (state.phase == Phase::header || state.is_call) state.tokens.push_back(token);
    if (state.phase == Phase::header)
        state.read_in_header(token, sink);
    else
        state.read_in_content(token, sink);
}

void StreamParser::finish(const Sink& sink) {
    State& state = *state_;
    if (state.phase == State::Phase::header && state.header_says_something()) {
        // A call that was cut off before its arguments is none.
        const Header read = read_header(state.header, state.context(false));
        if (read.function.empty() || !read.text.empty()) state.open_message(false, sink);
    }
    state.flush(sink);
    state.begin_header(false);
    state.phase = State::Phase::between;
    state.is_call = false;
}

std::int32_t StreamParser::reasoning_tokens() const {
    return state_->reasoning_tokens;
}

std::vector<std::vector<TokenId>> StreamParser::sampled_calls() const {
    return state_->sampled_calls;
}

}  // namespace gptoss::harmony
