// Reads a client's JSON: bounded in depth, and typed so that every wrong type becomes a 400 that names the
// field. Unknown fields are ignored; a field that is null counts as absent, as OpenAI's clients send it.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace gptoss::api {

// Objects keep the order of their fields: tools are rendered in the order the client wrote them.
using Json = nlohmann::ordered_json;

// Throws Error(request_invalid) for anything but one well-formed JSON value within limits::kJsonDepth,
// kJsonValues and kJsonObjectKeys. Takes time in proportion to the body. A key that is given twice counts as
// the last one says.
Json parse_json(std::string_view body);

// Any bytes that are not UTF-8 become U+FFFD, so that writing a reply can never fail.
std::string to_text(const Json& json);

// The 400 of a wrong field: the fact "param" carries its path, "messages[2].content".
[[noreturn]] void refuse_field(const std::string& path, const std::string& message);

// "a string", "an array": how a value is named in messages.
std::string_view type_name(const Json& value);

// The fields of one JSON object. All getters throw Error(request_invalid) for a wrong type or range.
class Fields {
  public:
    // `object` must outlive the result. `path` is the object's own path, empty at the top.
    Fields(const Json& object, std::string path);

    const Json* find(std::string_view name) const;  // nullptr when absent or null
    const Json* find_array(std::string_view name) const;
    std::optional<Fields> find_object(std::string_view name) const;
    std::optional<std::string> find_text(std::string_view name) const;
    std::optional<bool> find_boolean(std::string_view name) const;
    std::optional<double> find_number(std::string_view name, double minimum, double maximum) const;
    std::optional<std::int64_t> find_integer(std::string_view name, std::int64_t minimum,
                                             std::int64_t maximum) const;

    std::string text(std::string_view name) const;  // required
    const Json& array(std::string_view name) const;

    // The names of fields with a value that nobody has asked for.
    std::vector<std::string> unread() const;

    std::string path(std::string_view name) const;
    const Json& json() const { return *object_; }

  private:
    const Json* object_;
    std::string path_;
    mutable std::vector<const Json*> asked_;
};

}  // namespace gptoss::api
