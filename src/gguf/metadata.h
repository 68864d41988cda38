// The key-value part of a GGUF file.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace gptoss::gguf {

// Arrays of the widths that occur; narrower integers are widened on reading (u8..u32 -> u64, i8..i32 -> i64).
using Value = std::variant<bool, std::uint64_t, std::int64_t, double, std::string, std::vector<bool>,
                           std::vector<std::uint64_t>, std::vector<std::int64_t>, std::vector<double>,
                           std::vector<std::string>>;

class Metadata {
  public:
    bool contains(std::string_view key) const;
    bool is_array(std::string_view key) const;  // false when absent
    void set(std::string key, Value value);

    // Required values: throw Error(key_missing) or Error(key_invalid) that name the key.
    // Integers convert between signedness when the value allows it.
    const std::string& text(std::string_view key) const;
    std::uint64_t unsigned_integer(std::string_view key) const;
    double real(std::string_view key) const;  // an integer counts as one
    const std::vector<std::string>& texts(std::string_view key) const;
    std::vector<std::int64_t> integers(std::string_view key) const;

    // The same, nothing when absent; a wrong type still throws.
    std::optional<std::string> find_text(std::string_view key) const;
    std::optional<std::uint64_t> find_unsigned_integer(std::string_view key) const;
    std::optional<double> find_real(std::string_view key) const;
    std::optional<bool> find_boolean(std::string_view key) const;

    const std::map<std::string, Value, std::less<>>& all() const { return values_; }

  private:
    std::map<std::string, Value, std::less<>> values_;
};

}  // namespace gptoss::gguf
