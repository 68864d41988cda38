// The published gpt-oss-120b without its 63 GB: part 1, which is metadata alone, bit for bit, and parts 2 and 3
// with their true headers over holes.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace gptoss::test {

// ggml-org's gpt-oss-120b-mxfp4-00001-of-00003.gguf, made from the ranks of o200k and the chat template. Needs
// the ranks that scripts/fetch-o200k.sh puts into build/o200k; nothing when they are not there.
std::optional<std::string> published_120b_part_1();

// Writes all three parts into `folder` and returns the path of the first. The tensors of parts 2 and 3 are the
// published ones in the published order; where the one part ends and the other begins is our choice.
std::filesystem::path write_published_120b(const std::filesystem::path& folder, const std::string& part_1);

}  // namespace gptoss::test
