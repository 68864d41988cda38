#include "harmony/render.h"

#include <algorithm>
#include <string_view>

#include "base/error.h"
#include "grammar/compact_json.h"
#include "harmony/typescript.h"

namespace gptoss::harmony {
namespace {

// Where a conversation is written to: tokens to prefill or text to look at. Texts arrive in the same pieces
// in which the library encodes them, so token boundaries are its own.
class Output {
  public:
    virtual ~Output() = default;
    virtual void marker(TokenId SpecialTokens::*which, std::string_view spelling) = 0;
    virtual void text(std::string_view text) = 0;
    // False when this output has no way to show sampled tokens: the message's fields are written instead.
    virtual bool sampled(const std::vector<TokenId>& tokens) = 0;

    void start() { marker(&SpecialTokens::start, "<|start|>"); }
    void message() { marker(&SpecialTokens::message, "<|message|>"); }
    void channel() { marker(&SpecialTokens::channel, "<|channel|>"); }
    void constrain() { marker(&SpecialTokens::constrain, "<|constrain|>"); }
    void end() { marker(&SpecialTokens::end, "<|end|>"); }
    void call() { marker(&SpecialTokens::call, "<|call|>"); }
};

class TokenOutput : public Output {
  public:
    TokenOutput(const Tokenizer& tokenizer, std::size_t most) : tokenizer_(tokenizer), most_(most) {}

    void marker(TokenId SpecialTokens::*which, std::string_view spelling) override {
        const TokenId token = tokenizer_.special().*which;
        if (token == SpecialTokens::kNoToken)
            throw Error(ErrorCode::file_unsupported,
                        "the model's vocabulary has no " + std::string(spelling) +
                            ", so it cannot be asked in harmony",
                        "Serve a gpt-oss model.", {{"token", std::string(spelling)}});
        tokens.push_back(token);
    }
    void text(std::string_view text) override {
        if (tokens.size() <= most_) tokenizer_.encode_append(text, tokens, most_);
    }
    bool sampled(const std::vector<TokenId>& sampled_tokens) override {
        tokens.insert(tokens.end(), sampled_tokens.begin(), sampled_tokens.end());
        return true;
    }

    std::vector<TokenId> tokens;

  private:
    const Tokenizer& tokenizer_;
    std::size_t most_;
};

class TextOutput : public Output {
  public:
    void marker(TokenId SpecialTokens::*, std::string_view spelling) override { result += spelling; }
    void text(std::string_view text) override { result += text; }
    bool sampled(const std::vector<TokenId>&) override { return false; }

    std::string result;
};

std::string_view spelling(Effort effort) {
    switch (effort) {
        case Effort::low:
            return "low";
        case Effort::medium:
            return "medium";
        case Effort::high:
            return "high";
    }
    return "medium";
}

std::string_view spelling(Channel channel) {
    switch (channel) {
        case Channel::analysis:
            return "analysis";
        case Channel::commentary:
            return "commentary";
        case Channel::final:
            return "final";
    }
    return "final";
}

void append_section(std::string& sections, std::string_view section) {
    if (!sections.empty()) sections += "\n\n";
    sections += section;
}

std::string system_text(const Conversation& conversation) {
    std::string head;
    const auto line = [&head](std::string_view label, const std::string& value) {
        if (value.empty()) return;
        if (!head.empty()) head += '\n';
        head.append(label).append(value);
    };
    line("", conversation.model_identity);
    line("Knowledge cutoff: ", conversation.knowledge_cutoff);
    line("Current date: ", conversation.current_date);

    std::string sections = head;
    append_section(sections, "Reasoning: " + std::string(spelling(conversation.effort)));
    append_section(
        sections,
        "# Valid channels: analysis, commentary, final. Channel must be included for every message.");
    if (!conversation.tools.empty())
        sections += "\nCalls to these tools must go to the commentary channel: 'functions'.";
    return sections;
}

std::string response_format_text(const ResponseFormat& format) {
    std::string text = "# Response Formats\n\n## " + format.name + "\n";
    for_each_line(format.description, [&](std::string_view line) { text.append("\n// ").append(line); });
    if (!format.schema.is_null()) text += "\n" + grammar::compact_json(format.schema);
    return text;
}

std::string developer_text(const Conversation& conversation) {
    std::string sections;
    if (!conversation.instructions.empty()) {
        append_section(sections, "# Instructions");
        append_section(sections, conversation.instructions);
    }
    if (!conversation.tools.empty()) {
        append_section(sections, "# Tools");
        append_section(sections, render_tools(conversation.tools));
    }
    if (conversation.response_format)
        append_section(sections, response_format_text(*conversation.response_format));
    return sections;
}

void write_plain_message(Output& output, std::string_view author, const std::string& text) {
    output.start();
    output.text(author);
    output.message();
    output.text(text);
    output.end();
}

void write_assistant(Output& output, const Message& message) {
    const bool is_call = !message.recipient.empty();
    output.start();
    output.text("assistant");
    if (!message.name.empty()) output.text(":" + message.name);
    if (is_call && message.recipient != "all") output.text(" to=" + message.recipient);
    // The model is told that a channel is required, so a message that came without one gets the usual one.
    output.channel();
    output.text(spelling(message.channel.value_or(is_call ? Channel::commentary : Channel::final)));
    if (!message.content_type.empty()) {
        output.text(" ");
        output.constrain();
        output.text(message.content_type);
    }
    output.message();
    output.text(message.content);
    // A final that ended in <|return|> when it was sampled is history now, and history ends in <|end|>.
    if (is_call)
        output.call();
    else
        output.end();
}

void write_tool_result(Output& output, const Message& message) {
    output.start();
    output.text(message.name);
    output.text(" to=" + (message.recipient.empty() ? "assistant" : message.recipient));
    output.channel();
    output.text(spelling(message.channel.value_or(Channel::commentary)));
    output.message();
    output.text(message.content);
    output.end();
}

void write_message(Output& output, const Message& message) {
    switch (message.role) {
        case Role::user:
            return write_plain_message(output, message.name.empty() ? "user" : "user:" + message.name,
                                       message.content);
        case Role::developer:
            return write_plain_message(output, "developer", "# Instructions\n\n" + message.content);
        case Role::assistant:
            if (!message.sampled.empty() && output.sampled(message.sampled)) return;
            return write_assistant(output, message);
        case Role::tool:
            return write_tool_result(output, message);
    }
}

bool is_final(const Message& message) {
    return message.role == Role::assistant && message.recipient.empty() &&
           message.channel.value_or(Channel::final) == Channel::final;
}

void write_conversation(Output& output, const Conversation& conversation, const RenderOptions& options) {
    write_plain_message(output, "system", system_text(conversation));
    if (const std::string text = developer_text(conversation); !text.empty())
        write_plain_message(output, "developer", text);

    // A final closes the reasoning that led to it: the model was trained without it from then on. Reasoning
    // since the last final stays, because the calls it led to are still being worked on.
    const auto& messages = conversation.messages;
    const auto last_final = std::find_if(messages.rbegin(), messages.rend(), is_final).base();
    for (auto message = messages.begin(); message != messages.end(); ++message) {
        const bool is_analysis = message->role == Role::assistant && message->recipient.empty() &&
                                 message->channel == Channel::analysis;
        if (options.drop_analysis && is_analysis && message < last_final) continue;
        write_message(output, *message);
    }
    if (!options.generation_prefix) return;
    output.start();
    output.text("assistant");
}

}  // namespace

std::vector<TokenId> render(const Tokenizer& tokenizer, const Conversation& conversation,
                            const RenderOptions& options) {
    TokenOutput output(tokenizer, options.most_tokens);
    write_conversation(output, conversation, options);
    return std::move(output.tokens);
}

std::string render_text(const Conversation& conversation, const RenderOptions& options) {
    TextOutput output;
    write_conversation(output, conversation, options);
    return std::move(output.result);
}

namespace {

// The model is held to the grammar; what it wants to say fits better when it knows of it.
std::string grammar_comment(const ToolGrammar& grammar) {
    std::string text = grammar.syntax == ToolGrammar::Syntax::lark
                           ? "// The input must follow this Lark grammar:\n"
                           : "// The input must match this regular expression:\n";
    for_each_line(grammar.definition,
                  [&](std::string_view line) { text.append("// ").append(line) += '\n'; });
    return text;
}

}  // namespace

std::string render_tools(const std::vector<Tool>& tools) {
    std::string text = "## functions\n\nnamespace functions {\n\n";
    for (const Tool& tool : tools) {
        for_each_line(tool.description,
                      [&](std::string_view line) { text.append("// ").append(line) += '\n'; });
        if (tool.grammar) text += grammar_comment(*tool.grammar);
        const std::string arguments = tool.custom                 ? "_: string"
                                      : tool.parameters.is_null() ? ""
                                                                  : "_: " + typescript_type(tool.parameters);
        text += "type " + tool.name + " = (" + arguments + ") => any;\n\n";
    }
    return text + "} // namespace functions";
}

}  // namespace gptoss::harmony
