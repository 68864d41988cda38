#include "backend/kernel_choice.h"

#include <algorithm>

namespace gptoss::backend {

bool KernelChoice::bans(std::string_view kernel) const {
    return std::ranges::find(banned, kernel) != banned.end();
}

std::string_view KernelChoice::preferred_kernel(std::string_view operation, std::int32_t tokens) const {
    for (const KernelPreference& preference : preferred) {
        const std::string_view kernel = preference.kernel;
        if (tokens >= preference.tokens_from && tokens <= preference.tokens_to &&
            kernel.size() > operation.size() && kernel.starts_with(operation) &&
            kernel[operation.size()] == '/')
            return kernel.substr(operation.size() + 1);
    }
    return {};
}

}  // namespace gptoss::backend
