#include "node/setting_choices.h"

#include <string>

#include "base/error.h"

namespace gptoss::node {

namespace {

template <typename Value, std::size_t kCount>
Value value_named(const std::array<Named<Value>, kCount>& names, std::string_view name,
                  const std::string& what) {
    const auto found = std::ranges::find(names, name, &Named<Value>::name);
    if (found != names.end()) return found->value;
    std::string list;
    for (const Named<Value>& each : names) list += (list.empty() ? "" : ", ") + std::string(each.name);
    throw Error(ErrorCode::setting_invalid,
                what + " must be one of " + list + ", not \"" + std::string(name) + "\"");
}

}  // namespace

DeviceChoice device_named(std::string_view name) {
    return value_named(kDevices, name, "a device");
}
std::string_view name_of(DeviceChoice device) {
    return shown_name(kDevices, device);
}
std::string_view name_of(ReceiptsMode mode) {
    return shown_name(kReceiptsModes, mode);
}

}  // namespace gptoss::node
