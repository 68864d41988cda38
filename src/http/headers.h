// A message's header fields in the order they came. Names are compared without regard to case.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gptoss::http {

bool equal_without_case(std::string_view a, std::string_view b);

class Headers {
  public:
    void add(std::string_view name, std::string_view value) { fields_.emplace_back(name, value); }

    // The value of the first field of that name; nothing when there is none.
    std::optional<std::string_view> find(std::string_view name) const;
    // The same, empty when there is none.
    std::string_view value(std::string_view name) const { return find(name).value_or(std::string_view()); }
    std::size_t count(std::string_view name) const;

    // True when a field of that name has `item` in its comma-separated list: "Connection: keep-alive, Upgrade".
    bool lists(std::string_view name, std::string_view item) const;

  private:
    std::vector<std::pair<std::string, std::string>> fields_;
};

// "a , b;q=1" -> {"a", "b;q=1"}; empty items are left out.
std::vector<std::string_view> list_items(std::string_view value);

}  // namespace gptoss::http
