// The settings that are one of a few named values, and their names: what a value is called on the command line and in
// .env, and which other names older deployments have for it.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>

#include "engine/scheduling.h"
#include "model/plan.h"

namespace gptoss::node {

enum class DeviceChoice { automatic, cpu, cuda };
enum class ReceiptsMode { off, on, tokens };
enum class LogFormat { text, json };
enum class Determinism { off, on };
// REQUIRE_MODEL_VALIDATION: older deployments say true or 1 for require, false or 0 for off.
enum class ValidationMode { off, warn, require };

template <typename Value>
struct Named {
    std::string_view name;
    Value value;
};
// The first name of a value is how it is shown.
inline constexpr std::array<Named<DeviceChoice>, 3> kDevices{
    {{"auto", DeviceChoice::automatic}, {"cpu", DeviceChoice::cpu}, {"cuda", DeviceChoice::cuda}}};
inline constexpr std::array<Named<engine::Scheduling>, 3> kSchedulings{
    {{"latency", engine::Scheduling::latency},
     {"balanced", engine::Scheduling::balanced},
     {"throughput", engine::Scheduling::throughput}}};
inline constexpr std::array<Named<model::KvTypes>, 5> kKvTypes{{{"bf16", model::KvType::bf16},
                                                                {"f16", model::KvType::f16},
                                                                {"f8", model::KvType::f8},
                                                                {"f8_full", model::kF8OnFullLayers},
                                                                {"q8_0", model::KvType::f8}}};
inline constexpr std::array<Named<LogFormat>, 2> kLogFormats{
    {{"text", LogFormat::text}, {"json", LogFormat::json}}};
inline constexpr std::array<Named<Determinism>, 2> kDeterminisms{
    {{"off", Determinism::off}, {"on", Determinism::on}}};
inline constexpr std::array<Named<ReceiptsMode>, 3> kReceiptsModes{
    {{"off", ReceiptsMode::off}, {"on", ReceiptsMode::on}, {"tokens", ReceiptsMode::tokens}}};
inline constexpr std::array<Named<ValidationMode>, 7> kValidationModes{{{"off", ValidationMode::off},
                                                                        {"warn", ValidationMode::warn},
                                                                        {"require", ValidationMode::require},
                                                                        {"true", ValidationMode::require},
                                                                        {"false", ValidationMode::off},
                                                                        {"1", ValidationMode::require},
                                                                        {"0", ValidationMode::off}}};

template <typename Value, std::size_t kCount>
std::string_view shown_name(const std::array<Named<Value>, kCount>& names, Value value) {
    return std::ranges::find(names, value, &Named<Value>::value)->name;
}

// The values by the names that the settings have for them. Throw Error(setting_invalid), which lists the names.
DeviceChoice device_named(std::string_view name);
std::string_view name_of(DeviceChoice device);
std::string_view name_of(ReceiptsMode mode);

}  // namespace gptoss::node
