// The settings table as command-line flags, for the subcommands that start a whole node.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "node/device.h"
#include "node/settings_loader.h"

namespace gptoss::cli {

class SettingsFlags {
  public:
    // Adds one flag for every setting that has one, and --env-file.
    explicit SettingsFlags(CLI::App& command);

    // To be called after parsing. Throws what node::load_settings throws; sets the log level.
    node::LoadedSettings load() const;

    // The first of these flags on the command line ("--model"); empty = none was given.
    std::string first_given() const;

  private:
    struct Flag {
        std::string setting;
        std::string value;
        CLI::Option* option = nullptr;
    };
    std::vector<std::unique_ptr<Flag>> flags_;  // addresses stay: the parser writes into them
    std::string env_file_;
};

// The settings of the subcommands that have no flags for them: `env_file`, or .env when that is empty, under
// the environment. Throws what node::load_settings throws.
node::Settings settings_without_flags(const std::string& env_file);

// What this build can compute on, best first.
std::vector<node::Device> devices();

}  // namespace gptoss::cli
