#include "node/settings_loader.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>
#include <utility>

#include "base/error.h"
#include "base/nearest_name.h"
#include "base/number_text.h"
#include "node/start_check.h"

namespace gptoss::node {

namespace {

constexpr std::string_view kPrefix = "GPTOSS_";
constexpr std::string_view kFileSuffix = "_FILE";

struct Given {
    std::string text;
    std::string origin;  // "flag --port", "environment", ".env line 3"
};
using Layer = std::map<std::string, Given>;

const SettingSpec* find_spec(std::string_view name) {
    for (const SettingSpec& spec : setting_specs()) {
        if (spec.name == name) return &spec;
    }
    return nullptr;
}

// NAME_FILE of a secret NAME.
const SettingSpec* find_secret_of_file(std::string_view name) {
    if (!name.ends_with(kFileSuffix)) return nullptr;
    const SettingSpec* spec = find_spec(name.substr(0, name.size() - kFileSuffix.size()));
    return spec != nullptr && spec->secret ? spec : nullptr;
}

bool is_known(std::string_view name) {
    return find_spec(name) != nullptr || find_secret_of_file(name) != nullptr;
}

[[noreturn]] void refuse_unknown(const std::string& name, const std::string& where) {
    std::vector<std::string> names;
    for (const SettingSpec& spec : setting_specs()) names.emplace_back(spec.name);
    std::string hint = "docs/settings.md lists all names.";
    if (const auto nearest = nearest_name(name, names)) hint = "Did you mean " + *nearest + "? " + hint;
    throw Error(ErrorCode::setting_unknown, where + ": there is no setting " + name, hint,
                {{"setting", name}});
}

[[noreturn]] void refuse_value(const SettingSpec& spec, const std::string& origin,
                               const std::string& problem) {
    throw Error(ErrorCode::setting_invalid, std::string(spec.name) + " (" + origin + ") " + problem,
                std::string(spec.help), {{"setting", std::string(spec.name)}});
}

std::string_view trimmed(std::string_view text) {
    constexpr std::string_view kBlank = " \t\r\n";
    const auto first = text.find_first_not_of(kBlank);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

// Some editors begin every file with U+FEFF.
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

// NAME=VALUE lines; comments, blank lines, `export` and quotes as shells and container tools have them.
Layer read_env_file(const std::filesystem::path& path) {
    Layer layer;
    std::ifstream file(path);
    if (!file) throw Error(ErrorCode::file_not_found, "cannot read the settings in " + path.string());
    std::string line;
    for (int number = 1; std::getline(file, line); ++number) {
        const std::string where = path.filename().string() + " line " + std::to_string(number);
        std::string_view rest = line;
        if (number == 1 && rest.starts_with(kByteOrderMark)) rest.remove_prefix(kByteOrderMark.size());
        rest = trimmed(rest);
        if (rest.empty() || rest.front() == '#') continue;
        if (rest.starts_with("export ")) rest = trimmed(rest.substr(7));
        const auto equals = rest.find('=');
        if (equals == std::string_view::npos || equals == 0) {
            throw Error(ErrorCode::setting_invalid, where + " is not of the form NAME=VALUE");
        }
        const std::string name(trimmed(rest.substr(0, equals)));
        std::string_view value = trimmed(rest.substr(equals + 1));
        if (!value.empty() && (value.front() == '"' || value.front() == '\'')) {
            const auto closing = value.find(value.front(), 1);
            if (closing == std::string_view::npos) {
                throw Error(ErrorCode::setting_invalid, where + ": the quote is not closed");
            }
            value = value.substr(1, closing - 1);
        } else {
            value = trimmed(value.substr(0, value.find(" #")));
        }
        if (!is_known(name)) refuse_unknown(name, where);
        if (layer.contains(name))
            throw Error(ErrorCode::setting_invalid, where + ": " + name + " is given twice");
        layer[name] = {std::string(value), where};
    }
    return layer;
}

Layer read_environment_layer(const std::map<std::string, std::string>& environment) {
    Layer layer;
    for (const auto& [name, value] : environment) {
        if (is_known(name)) {
            layer[name] = {value, "environment"};
        } else if (name.starts_with(kPrefix)) {
            refuse_unknown(name, "environment");
        }
    }
    return layer;
}

bool is_hex(std::string_view text, std::size_t digits) {
    return text.size() == digits + 2 && text.starts_with("0x") &&
           text.find_first_not_of("0123456789abcdefABCDEF", 2) == std::string_view::npos;
}

bool is_date(std::string_view text) {
    if (text == "today" || text == "none") return true;
    constexpr std::string_view kPattern = "dddd-dd-dd";
    return text.size() == kPattern.size() &&
           std::equal(text.begin(), text.end(), kPattern.begin(), [](char c, char pattern) {
               return pattern == 'd' ? c >= '0' && c <= '9' : c == pattern;
           });
}

[[noreturn]] void refuse_choice(const SettingSpec& spec, const Given& given) {
    std::string list;
    for (const std::string_view choice : spec.choices)
        list += (list.empty() ? "" : ", ") + std::string(choice);
    refuse_value(spec, given.origin, "must be one of " + list + ", not \"" + given.text + "\"");
}

void check_text(const SettingSpec& spec, const Given& given) {
    const std::string& text = given.text;
    if (!spec.choices.empty() &&
        std::find(spec.choices.begin(), spec.choices.end(), text) == spec.choices.end())
        refuse_choice(spec, given);
    switch (spec.kind) {
        case SettingKind::text:
            break;
        case SettingKind::file:
            if (access(text.c_str(), R_OK) == 0) break;
            if (spec.name == "MODEL_PATH")
                throw Error(ErrorCode::file_not_found,
                            "MODEL_PATH (" + given.origin + ") names a file that cannot be read: " + text,
                            how_to_get(text), {{"setting", "MODEL_PATH"}});
            refuse_value(spec, given.origin, "names a file that cannot be read: " + text);
        case SettingKind::private_key:
            // The value itself stays out of the message.
            if (!is_hex(text, 64)) refuse_value(spec, given.origin, "must be 0x and 64 hexadecimal digits");
            break;
        case SettingKind::address:
            if (!is_hex(text, 40))
                refuse_value(spec, given.origin,
                             "must be 0x and 40 hexadecimal digits, not \"" + text + "\"");
            break;
        case SettingKind::date:
            if (!is_date(text))
                refuse_value(spec, given.origin, "must be today, none or YYYY-MM-DD, not \"" + text + "\"");
            break;
    }
}

void assign(Settings& settings, const SettingSpec& spec, const Given& given) {
    const std::string& text = given.text;
    if (const auto* field = std::get_if<std::string Settings::*>(&spec.field)) {
        check_text(spec, given);
        settings.*(*field) = text;
    } else if (const auto* choice = std::get_if<ChoiceField>(&spec.field)) {
        if (!choice->assign(settings, text)) refuse_choice(spec, given);
    } else if (const auto* flag = std::get_if<bool Settings::*>(&spec.field)) {
        if (text == "true" || text == "1" || text == "yes" || text == "on") {
            settings.*(*flag) = true;
        } else if (text == "false" || text == "0" || text == "no" || text == "off") {
            settings.*(*flag) = false;
        } else {
            refuse_value(spec, given.origin, "must be true or false, not \"" + text + "\"");
        }
    } else {
        const auto value = number_of<std::int64_t>(text);
        if (!value || *value < spec.minimum || *value > spec.maximum) {
            refuse_value(spec, given.origin,
                         "must be an integer between " + std::to_string(spec.minimum) + " and " +
                             std::to_string(spec.maximum) + ", not \"" + text + "\"");
        }
        settings.*std::get<std::int64_t Settings::*>(spec.field) = *value;
    }
}

// A secret may be given as itself or as the file that holds it, not as both.
std::optional<Given> find_given(const Layer& layer, const SettingSpec& spec) {
    const auto direct = layer.find(std::string(spec.name));
    // Container tools pass unset variables as empty ones.
    const bool has_direct = direct != layer.end() && !direct->second.text.empty();
    if (spec.secret) {
        const auto file = layer.find(std::string(spec.name) + std::string(kFileSuffix));
        if (file != layer.end() && !file->second.text.empty()) {
            if (has_direct)
                refuse_value(spec, direct->second.origin, "is given both as itself and as a file");
            std::ifstream stream(file->second.text);
            std::string content{std::istreambuf_iterator<char>(stream), {}};
            if (!stream.good() && content.empty()) {
                refuse_value(spec, file->second.origin,
                             "names a file that cannot be read: " + file->second.text);
            }
            return Given{std::string(trimmed(content)), file->second.origin + ", from a file"};
        }
    }
    return has_direct ? std::optional(direct->second) : std::nullopt;
}

void check_together(const Settings& settings) {
    const auto refuse = [](const std::string& message, const std::string& hint) {
        throw Error(ErrorCode::setting_invalid, message, hint);
    };
    if (settings.cache_tokens > 0 && settings.max_context_length > settings.cache_tokens) {
        refuse("GPTOSS_CACHE_TOKENS is smaller than MAX_CONTEXT_LENGTH",
               "One whole conversation must fit the cache: raise the first or lower the second.");
    }
    if (settings.body_budget_mb < settings.body_limit_mb) {
        refuse("GPTOSS_BODY_BUDGET_MB is smaller than GPTOSS_BODY_LIMIT_MB",
               "One whole body must fit: raise the first or lower the second.");
    }
    if (settings.tls_certificate_file.empty() != settings.tls_key_file.empty()) {
        refuse("TLS_CERTIFICATE_FILE and TLS_KEY_FILE belong together",
               "Set both for HTTPS, or neither for plain HTTP.");
    }
    if (settings.require_model_validation != ValidationMode::off &&
        (settings.rpc_url.empty() || settings.contract_model_registry.empty())) {
        refuse("REQUIRE_MODEL_VALIDATION needs RPC_URL and CONTRACT_MODEL_REGISTRY",
               "Set both, so that the registry can be asked, or turn the validation off.");
    }
    if (settings.device == DeviceChoice::cuda && settings.gpu_layers == 0) {
        refuse("GPTOSS_DEVICE=cuda contradicts GPU_LAYERS=0",
               "Use GPTOSS_DEVICE=cpu, or place layers on the GPU.");
    }
    if (settings.device == DeviceChoice::cpu && settings.gpu_layers > 0) {
        refuse("GPTOSS_DEVICE=cpu contradicts GPU_LAYERS=" + std::to_string(settings.gpu_layers),
               "Set GPU_LAYERS=0 for the CPU, or leave GPTOSS_DEVICE out.");
    }
}

}  // namespace

LoadedSettings load_settings(const SettingSources& sources) {
    Layer flags;
    for (const auto& [name, value] : sources.flags) flags[name] = {value, "flag"};
    const Layer environment = read_environment_layer(sources.environment);
    Layer file;
    if (sources.env_file) {
        file = read_env_file(*sources.env_file);
    } else if (std::filesystem::exists(sources.usual_env_file)) {
        file = read_env_file(sources.usual_env_file);
    }

    const std::array<const Layer*, 3> layers{&flags, &environment, &file};  // the first that has it wins
    LoadedSettings loaded;
    for (const SettingSpec& spec : setting_specs()) {
        for (const Layer* layer : layers) {
            const auto given = find_given(*layer, spec);
            if (!given) continue;
            assign(loaded.values, spec, *given);
            loaded.origins[std::string(spec.name)] = given->origin;
            break;
        }
    }
    check_together(loaded.values);
    return loaded;
}

std::map<std::string, std::string> read_environment() {
    std::map<std::string, std::string> variables;
    for (char** entry = environ; *entry != nullptr; ++entry) {
        const std::string_view text(*entry);
        const auto equals = text.find('=');
        if (equals != std::string_view::npos)
            variables.emplace(text.substr(0, equals), text.substr(equals + 1));
    }
    return variables;
}

std::string to_table(const LoadedSettings& settings) {
    std::size_t width = 0;
    for (const SettingSpec& spec : setting_specs()) width = std::max(width, spec.name.size());
    std::string out;
    for (const SettingSpec& spec : setting_specs()) {
        std::string value = value_text(settings.values, spec);
        if (spec.secret && !value.empty()) value = "(set, not shown)";
        const auto origin = settings.origins.find(std::string(spec.name));
        out += std::string(spec.name) + std::string(width - spec.name.size() + 2, ' ') +
               (value.empty() ? "-" : value) + "  (" +
               (origin == settings.origins.end() ? "default" : origin->second) + ")\n";
    }
    return out;
}

}  // namespace gptoss::node
