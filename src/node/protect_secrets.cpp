#include "node/protect_secrets.h"

#include <sys/prctl.h>
#include <sys/resource.h>

#include <algorithm>

namespace gptoss::node {

void protect_secrets(const Settings& settings) {
    const auto is_set = [&](const SettingSpec& spec) {
        return spec.secret && !value_text(settings, spec).empty();
    };
    // API keys come from a file that is no secret itself.
    if (std::ranges::none_of(setting_specs(), is_set) && settings.api_keys_file.empty()) return;
    const rlimit none{0, 0};
    setrlimit(RLIMIT_CORE, &none);
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

}  // namespace gptoss::node
