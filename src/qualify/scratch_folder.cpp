#include "qualify/scratch_folder.h"

#include <cstdlib>

#include "base/error.h"

namespace gptoss::qualify {

ScratchFolder::ScratchFolder(const std::string& name) {
    std::string pattern = (std::filesystem::temp_directory_path() / (name + "-XXXXXX")).string();
    if (mkdtemp(pattern.data()) == nullptr)
        throw Error(ErrorCode::file_unreadable, "cannot make a folder like " + pattern,
                    "Set TMPDIR to a folder that can be written.");
    path_ = pattern;
}

ScratchFolder::~ScratchFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

}  // namespace gptoss::qualify
