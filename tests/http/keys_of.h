// API keys from the text of their file.
#pragma once

#include <string>

#include "http/api_keys.h"
#include "support/files.h"
#include "support/temporary_folder.h"

namespace gptoss::test {

inline http::ApiKeys keys_of(const std::string& text) {
    const TemporaryFolder folder;
    write_file(folder.path() / "keys", {text.begin(), text.end()});
    return http::ApiKeys::from_file(folder.path() / "keys");
}

}  // namespace gptoss::test
