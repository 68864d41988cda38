// What subcommands that ask a running node have in common: where it is and the key for it.
#pragma once

#include <string>

namespace gptoss::cli {

inline constexpr const char* kApiKeyFileHelp =
    "File with the key (default: OPENAI_API_KEY of the environment)";

// The file's first word, or OPENAI_API_KEY when no file is named; empty = no key is sent. Throws
// Error(file_unreadable) for a file without a key.
std::string api_key_of_client(const std::string& file);

// Without slashes at the end and without /v1, as OpenAI's clients are told it.
std::string url_of_node(std::string url);

}  // namespace gptoss::cli
