// Flags over environment over .env file over defaults. Every problem is an error that says where the value
// came from; no value is guessed or silently replaced.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "node/settings.h"

namespace gptoss::node {

struct SettingSources {
    std::map<std::string, std::string> flags;        // by setting name
    std::map<std::string, std::string> environment;  // the process's; names that are not ours are ignored
    std::optional<std::filesystem::path> env_file;   // named by the user: must exist
    std::filesystem::path usual_env_file = ".env";   // read when it is there
};

struct LoadedSettings {
    Settings values;
    std::map<std::string, std::string>
        origins;  // setting name -> "flag", "environment", ".env line 3"; absent = default
};

// Throws Error(setting_unknown) for a name nobody reads: any in the file, and those of the environment that
// begin with GPTOSS_. Throws Error(setting_invalid) for values that cannot be parsed or contradict each
// other.
LoadedSettings load_settings(const SettingSources& sources);

// The process's environment.
std::map<std::string, std::string> read_environment();

// What --check-config prints: every setting, its value (secrets redacted) and where it came from.
std::string to_table(const LoadedSettings& settings);

}  // namespace gptoss::node
