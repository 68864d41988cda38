// Small files that are there whole or not at all.
#pragma once

#include <filesystem>
#include <string_view>

namespace gptoss::provenance {

// Writes PATH.tmp anew (what stands there, a link too, is removed, not followed), flushes it to the disk and
// renames it to `path`; a link of that name is replaced. Throws Error(disk_full) or Error(file_unreadable).
void write_whole_file(const std::filesystem::path& path, std::string_view text);

}  // namespace gptoss::provenance
