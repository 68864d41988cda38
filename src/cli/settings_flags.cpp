#include "cli/settings_flags.h"

#include <spdlog/spdlog.h>

#include "backend/devices/devices.h"

namespace gptoss::cli {

SettingsFlags::SettingsFlags(CLI::App& command) {
    const node::Settings defaults;
    for (const node::SettingSpec& spec : node::setting_specs()) {
        if (spec.flags.empty()) continue;
        auto flag = std::make_unique<Flag>();
        flag->setting = spec.name;
        std::string help(spec.help);
        for (std::size_t i = 0; i < spec.choices.size(); ++i) {
            help += (i == 0 ? " One of: " : ", ") + std::string(spec.choices[i]);
        }
        help += " [" + std::string(spec.name);
        if (const std::string value = node::value_text(defaults, spec); !value.empty())
            help += ", default " + value;
        help += "]";
        const bool is_flag = std::holds_alternative<bool node::Settings::*>(spec.field);
        // Values stay text here: one loader parses them, wherever they come from.
        flag->option = is_flag ? command.add_flag(std::string(spec.flags) + "{true}", flag->value, help)
                               : command.add_option(std::string(spec.flags), flag->value, help);
        flag->option->group(std::string(spec.group));
        flags_.push_back(std::move(flag));
    }
    command.add_option("--env-file", env_file_, "Settings as NAME=VALUE lines [.env, when it is there]");
}

node::LoadedSettings SettingsFlags::load() const {
    node::SettingSources sources;
    for (const auto& flag : flags_) {
        if (flag->option->count() > 0) sources.flags[flag->setting] = flag->value;
    }
    sources.environment = node::read_environment();
    if (!env_file_.empty()) sources.env_file = env_file_;
    return node::load_settings(sources);
}

std::string SettingsFlags::first_given() const {
    for (const auto& flag : flags_) {
        if (flag->option->count() > 0) return flag->option->get_name();
    }
    return env_file_.empty() ? "" : "--env-file";
}

node::Settings settings_without_flags(const std::string& env_file) {
    node::SettingSources sources;
    sources.environment = node::read_environment();
    if (!env_file.empty()) sources.env_file = env_file;
    return node::load_settings(sources).values;
}

std::vector<node::Device> devices() {
    std::vector<node::Device> list;
    for (const std::string& name : backend::device_names()) {
        node::Device device;
        device.name = name;
        device.needs = [name](const model::Weights& weights, const model::PlanRequest& request) {
            return backend::device_needs(name, weights, request);
        };
        device.make = [name](const model::Weights& weights, const backend::BackendOptions& options,
                             const backend::LoadProgress& progress) {
            return backend::make_backend(name, weights, options, progress);
        };
        if (name != "cpu") {
            device.synthetic_needs = [name](const model::Hyperparameters& shape,
                                            const model::PlanRequest& request) {
                return backend::device_needs(name, shape, request);
            };
            device.make_synthetic = [name](const model::Hyperparameters& shape,
                                           const backend::BackendOptions& options) {
                return backend::make_synthetic_backend(name, shape, options);
            };
        }
        list.push_back(std::move(device));
    }
    return list;
}

}  // namespace gptoss::cli
