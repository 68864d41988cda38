// Vocabularies for tests and benchmarks, as the metadata of a GGUF file would give them.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "gguf/metadata.h"

namespace gptoss::test {

// The whole vocabulary of gpt-oss: 201,088 entries with specials and padding as in the published files. Needs
// the ranks that scripts/fetch-o200k.sh puts into build/o200k; nothing when they are not there.
std::optional<gguf::Metadata> o200k_metadata();

// A vocabulary cut from o200k, committed with the tests: the single bytes, some 3,000 common tokens without
// numbers of several digits, the harmony specials and ten rows of padding.
gguf::Metadata cut_metadata();

// Metadata from the bytes of ordinary tokens in order of rank, then special spellings, then rows of padding.
gguf::Metadata metadata_from_tokens(const std::vector<std::string>& ordinary,
                                    const std::vector<std::string>& specials, int padding_rows);

}  // namespace gptoss::test
