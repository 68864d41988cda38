#include "gguf/metadata.h"

#include <limits>

#include "base/error.h"

namespace gptoss::gguf {
namespace {

[[noreturn]] void missing(std::string_view key) {
    throw Error(
        ErrorCode::key_missing, "the model's metadata lacks the key " + std::string(key),
        "The file was made for another program or is not a gpt-oss model. GGUFs such as ggml-org's have it.",
        {{"key", std::string(key)}});
}

[[noreturn]] void wrong(std::string_view key, const char* expected) {
    throw Error(ErrorCode::key_invalid, "the metadata key " + std::string(key) + " should be " + expected,
                "The file was made for another program: it does not follow GGUF's conventions for gpt-oss.",
                {{"key", std::string(key)}, {"expected", expected}});
}

template <typename T>
constexpr bool is_vector(const T&) {
    return false;
}
template <typename T>
constexpr bool is_vector(const std::vector<T>&) {
    return true;
}

const Value* find(const std::map<std::string, Value, std::less<>>& values, std::string_view key) {
    const auto found = values.find(key);
    return found == values.end() ? nullptr : &found->second;
}

}  // namespace

bool Metadata::contains(std::string_view key) const {
    return find(values_, key) != nullptr;
}

bool Metadata::is_array(std::string_view key) const {
    const Value* value = find(values_, key);
    return value && std::visit([](const auto& held) { return is_vector(held); }, *value);
}

void Metadata::set(std::string key, Value value) {
    values_.insert_or_assign(std::move(key), std::move(value));
}

const std::string& Metadata::text(std::string_view key) const {
    const Value* value = find(values_, key);
    if (!value) missing(key);
    if (const auto* text = std::get_if<std::string>(value)) return *text;
    wrong(key, "a string");
}

std::optional<std::string> Metadata::find_text(std::string_view key) const {
    return contains(key) ? std::optional(text(key)) : std::nullopt;
}

std::optional<std::uint64_t> Metadata::find_unsigned_integer(std::string_view key) const {
    const Value* value = find(values_, key);
    if (!value) return std::nullopt;
    if (const auto* number = std::get_if<std::uint64_t>(value)) return *number;
    if (const auto* number = std::get_if<std::int64_t>(value); number && *number >= 0)
        return static_cast<std::uint64_t>(*number);
    wrong(key, "an integer that is not negative");
}

std::uint64_t Metadata::unsigned_integer(std::string_view key) const {
    if (const auto value = find_unsigned_integer(key)) return *value;
    missing(key);
}

std::optional<double> Metadata::find_real(std::string_view key) const {
    const Value* value = find(values_, key);
    if (!value) return std::nullopt;
    if (const auto* number = std::get_if<double>(value)) return *number;
    if (const auto* number = std::get_if<std::uint64_t>(value)) return static_cast<double>(*number);
    if (const auto* number = std::get_if<std::int64_t>(value)) return static_cast<double>(*number);
    wrong(key, "a number");
}

double Metadata::real(std::string_view key) const {
    if (const auto value = find_real(key)) return *value;
    missing(key);
}

std::optional<bool> Metadata::find_boolean(std::string_view key) const {
    const Value* value = find(values_, key);
    if (!value) return std::nullopt;
    if (const auto* flag = std::get_if<bool>(value)) return *flag;
    wrong(key, "true or false");
}

const std::vector<std::string>& Metadata::texts(std::string_view key) const {
    const Value* value = find(values_, key);
    if (!value) missing(key);
    if (const auto* texts = std::get_if<std::vector<std::string>>(value)) return *texts;
    wrong(key, "an array of strings");
}

std::vector<std::int64_t> Metadata::integers(std::string_view key) const {
    const Value* value = find(values_, key);
    if (!value) missing(key);
    if (const auto* numbers = std::get_if<std::vector<std::int64_t>>(value)) return *numbers;
    if (const auto* numbers = std::get_if<std::vector<std::uint64_t>>(value)) {
        std::vector<std::int64_t> out;
        out.reserve(numbers->size());
        for (const std::uint64_t number : *numbers) {
            if (number > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
                wrong(key, "an array of 64-bit signed integers");
            out.push_back(static_cast<std::int64_t>(number));
        }
        return out;
    }
    wrong(key, "an array of integers");
}

}  // namespace gptoss::gguf
