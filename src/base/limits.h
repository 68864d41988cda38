// Every bound on what a client may send or make the node do, in one place. Beyond a bound the request is
// refused with an error that names it. docs/security.md and docs/openapi.json list these; a test compares.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace gptoss::limits {

// A request's HTTP/1.1 (http/request_reader, http/chain). Settings bound whole bodies and their sum:
// GPTOSS_BODY_LIMIT_MB, GPTOSS_BODY_BUDGET_MB.
inline constexpr std::size_t kHeaderBytes = 65'536;          // request line and fields: 431
inline constexpr std::size_t kChunkLineBytes = 16'384;       // a chunk's size and extensions; all trailers
inline constexpr std::size_t kChunkOverheadBytes = 1 << 20;  // what frames all chunks of one body
inline constexpr std::size_t kUnreadBodyBytes = 16'384;      // a body where no handler reads one
inline constexpr std::size_t kWaitingRequests = 1'024;  // whose bodies wait to be parsed; half by one client

// Those of more than 64 KiB: beyond this the next is refused before its body is read (http/workers).
inline constexpr std::size_t kWaitingLargeRequests = 64;

// A WebSocket (http/websocket).
inline constexpr std::size_t kSocketMessages = 16;       // that wait; then no more are read
inline constexpr std::int64_t kSocketIdle_s = 3'600;     // without a message, then it is closed
inline constexpr std::size_t kTurnBytes = 8 << 20;       // of a connection's turns that are kept for its next
inline constexpr std::size_t kAllTurnBytes = 256 << 20;  // of all connections

// Of stored turns, as they are kept, that a request goes on from (api/response_store).
inline constexpr std::size_t kHistoryBytes = 16 << 20;

// A request's JSON (api/json_reader).
inline constexpr std::size_t kJsonDepth = 128;
inline constexpr std::size_t kJsonValues = 500'000;  // a prompt of 131,072 token ids three times over
inline constexpr std::size_t kJsonObjectKeys = 20'000;

// Texts that become tokens (tokenizer). Reading one stops once the context is exceeded.
inline constexpr std::size_t kTextRunBytes = 2'000'000;  // without a blank or a line's or a word's end
inline constexpr std::size_t kPromptTokens = 1'000'000;  // of all prompts of one request
inline constexpr std::size_t kTokenizeTokens = 500'000;  // of POST /tokenize

// Fields of a request.
inline constexpr std::size_t kMessages = 10'000;
inline constexpr std::size_t kTools = 1'024;
inline constexpr std::size_t kToolNameBytes = 128;
inline constexpr std::size_t kLogitBiases = 8'192;
inline constexpr std::size_t kStopStrings = 16;  // OpenAI allows 4
inline constexpr std::size_t kStopStringBytes = 1'024;

// All schemas, patterns and grammars of one request together (grammar/budget).
inline constexpr std::size_t kGrammarStates = 200'000;
inline constexpr std::size_t kGrammarDfaStates = 100'000;       // of patterns, formats and bounded numbers
inline constexpr std::size_t kGrammarLiteralBytes = 1'000'000;  // property names and enum values
inline constexpr std::size_t kGrammarSteps = 20'000'000;        // of compiling: about a second of one core

// One schema (grammar/schema_reader).
inline constexpr std::size_t kSchemaDepth = 100;
inline constexpr std::size_t kSchemaProperties = 10'000;  // of one object, required ones included
inline constexpr std::size_t kSchemaEnumValues = 20'000;
inline constexpr std::size_t kSchemaAnyOfBranches = 500;
inline constexpr std::size_t kSchemaCountedItems = 1'000;  // minItems, maxItems
inline constexpr std::size_t kJsonNestingGenerated = 100;  // where no schema says what is nested

// One pattern (grammar/regular_expression).
inline constexpr std::size_t kPatternBytes = 65'536;
inline constexpr std::size_t kPatternGroupDepth = 100;
inline constexpr std::size_t kPatternRepeats = 10'000;
inline constexpr std::size_t kPatternStates = 20'000;

// One grammar of a custom tool (grammar/lark).
inline constexpr std::size_t kLarkBytes = 262'144;
inline constexpr std::size_t kLarkRules = 2'000;
inline constexpr std::size_t kLarkDepth = 100;

// A generated number: digits before the point, and as many behind it.
inline constexpr std::size_t kNumberDigits = 400;

// Places of a grammar that are read side by side. What is beyond them is not offered to the model.
inline constexpr std::size_t kLiveStates = 1'024;

// Calls of MCP servers that the node hands on (node/application/mcp_relay).
inline constexpr std::size_t kMcpRequestBytes = 1 << 20;
inline constexpr std::size_t kMcpReplyBytes = 4 << 20;  // 502
inline constexpr std::size_t kMcpCallsWaiting = 64;     // half of them by one client: 429

// Sessions of the marketplace (marketplace/session_book, marketplace/socket_protocol).
inline constexpr std::size_t kSessions = 4'096;       // open, or waiting for their clients
inline constexpr std::size_t kSessionsOfClient = 64;  // by one client
inline constexpr std::size_t kSessionIdBytes = 128;
inline constexpr std::size_t kSocketAnswers = 8;  // at once on one connection

struct Limit {
    std::string_view name;
    std::uint64_t value;
};

// As the documents list them.
inline constexpr Limit kAll[] = {
    {"header_bytes", kHeaderBytes},
    {"chunk_line_bytes", kChunkLineBytes},
    {"chunk_overhead_bytes", kChunkOverheadBytes},
    {"unread_body_bytes", kUnreadBodyBytes},
    {"waiting_requests", kWaitingRequests},
    {"waiting_large_requests", kWaitingLargeRequests},
    {"socket_messages", kSocketMessages},
    {"socket_idle_s", kSocketIdle_s},
    {"turn_bytes", kTurnBytes},
    {"all_turn_bytes", kAllTurnBytes},
    {"history_bytes", kHistoryBytes},
    {"json_depth", kJsonDepth},
    {"json_values", kJsonValues},
    {"json_object_keys", kJsonObjectKeys},
    {"text_run_bytes", kTextRunBytes},
    {"prompt_tokens", kPromptTokens},
    {"tokenize_tokens", kTokenizeTokens},
    {"messages", kMessages},
    {"tools", kTools},
    {"tool_name_bytes", kToolNameBytes},
    {"logit_biases", kLogitBiases},
    {"stop_strings", kStopStrings},
    {"stop_string_bytes", kStopStringBytes},
    {"grammar_states", kGrammarStates},
    {"grammar_dfa_states", kGrammarDfaStates},
    {"grammar_literal_bytes", kGrammarLiteralBytes},
    {"grammar_steps", kGrammarSteps},
    {"schema_depth", kSchemaDepth},
    {"schema_properties", kSchemaProperties},
    {"schema_enum_values", kSchemaEnumValues},
    {"schema_any_of_branches", kSchemaAnyOfBranches},
    {"schema_counted_items", kSchemaCountedItems},
    {"json_nesting_generated", kJsonNestingGenerated},
    {"pattern_bytes", kPatternBytes},
    {"pattern_group_depth", kPatternGroupDepth},
    {"pattern_repeats", kPatternRepeats},
    {"pattern_states", kPatternStates},
    {"lark_bytes", kLarkBytes},
    {"lark_rules", kLarkRules},
    {"lark_depth", kLarkDepth},
    {"number_digits", kNumberDigits},
    {"live_states", kLiveStates},
    {"sessions", kSessions},
    {"sessions_of_client", kSessionsOfClient},
    {"session_id_bytes", kSessionIdBytes},
    {"socket_answers", kSocketAnswers},
    {"mcp_request_bytes", kMcpRequestBytes},
    {"mcp_reply_bytes", kMcpReplyBytes},
    {"mcp_calls_waiting", kMcpCallsWaiting},
};

}  // namespace gptoss::limits
