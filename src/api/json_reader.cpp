#include "api/json_reader.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace gptoss::api {

namespace {

std::string number_text(double value) {
    if (value == std::floor(value) && std::abs(value) < 1e15)
        return std::to_string(static_cast<std::int64_t>(value));
    std::string text = std::to_string(value);
    text.erase(text.find_last_not_of('0') + 1);
    return text;
}

}  // namespace

std::string to_text(const Json& json) {
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

void refuse_field(const std::string& path, const std::string& message) {
    throw Error(ErrorCode::request_invalid, path + " " + message, {}, {{"param", path}});
}

std::string_view type_name(const Json& value) {
    switch (value.type()) {
        case Json::value_t::null:
            return "null";
        case Json::value_t::object:
            return "an object";
        case Json::value_t::array:
            return "an array";
        case Json::value_t::string:
            return "a string";
        case Json::value_t::boolean:
            return "a boolean";
        default:
            return "a number";
    }
}

Fields::Fields(const Json& object, std::string path) : object_(&object), path_(std::move(path)) {
    if (object.is_object()) return;
    const std::string message = "must be an object, not " + std::string(type_name(object)) + ".";
    if (path_.empty()) throw Error(ErrorCode::request_invalid, "The request " + message);
    refuse_field(path_, message);
}

std::string Fields::path(std::string_view name) const {
    return path_.empty() ? std::string(name) : path_ + "." + std::string(name);
}

const Json* Fields::find(std::string_view name) const {
    // A linear search: an ordered object is a vector, and requests have a handful of fields. When a name is
    // given twice the first one counts.
    for (auto field = object_->begin(); field != object_->end(); ++field) {
        if (field.key() != name) continue;
        asked_.push_back(&*field);
        return field->is_null() ? nullptr : &*field;
    }
    return nullptr;
}

std::vector<std::string> Fields::unread() const {
    std::vector<std::string> names;
    for (auto field = object_->begin(); field != object_->end(); ++field) {
        if (!field->is_null() && std::ranges::find(asked_, &*field) == asked_.end())
            names.push_back(field.key());
    }
    return names;
}

const Json* Fields::find_array(std::string_view name) const {
    const Json* value = find(name);
    if (value != nullptr && !value->is_array()) {
        refuse_field(path(name), "must be an array, not " + std::string(type_name(*value)) + ".");
    }
    return value;
}

std::optional<Fields> Fields::find_object(std::string_view name) const {
    const Json* value = find(name);
    if (value == nullptr) return std::nullopt;
    return Fields(*value, path(name));
}

std::optional<std::string> Fields::find_text(std::string_view name) const {
    const Json* value = find(name);
    if (value == nullptr) return std::nullopt;
    if (!value->is_string())
        refuse_field(path(name), "must be a string, not " + std::string(type_name(*value)) + ".");
    return value->get<std::string>();
}

std::optional<bool> Fields::find_boolean(std::string_view name) const {
    const Json* value = find(name);
    if (value == nullptr) return std::nullopt;
    if (!value->is_boolean()) {
        refuse_field(path(name), "must be true or false, not " + std::string(type_name(*value)) + ".");
    }
    return value->get<bool>();
}

std::optional<double> Fields::find_number(std::string_view name, double minimum, double maximum) const {
    const Json* value = find(name);
    if (value == nullptr) return std::nullopt;
    const std::string range = "a number between " + number_text(minimum) + " and " + number_text(maximum);
    if (!value->is_number())
        refuse_field(path(name), "must be " + range + ", not " + std::string(type_name(*value)) + ".");
    const double number = value->get<double>();
    if (!(number >= minimum && number <= maximum)) refuse_field(path(name), "must be " + range + ".");
    return number;
}

std::optional<std::int64_t> Fields::find_integer(std::string_view name, std::int64_t minimum,
                                                 std::int64_t maximum) const {
    const Json* value = find(name);
    if (value == nullptr) return std::nullopt;
    const bool unbounded = minimum == std::numeric_limits<std::int64_t>::min();
    const std::string range =
        unbounded ? std::string("an integer")
                  : "an integer between " + std::to_string(minimum) + " and " + std::to_string(maximum);
    if (!value->is_number())
        refuse_field(path(name), "must be " + range + ", not " + std::string(type_name(*value)) + ".");
    std::int64_t number = 0;
    if (value->is_number_unsigned()) {
        const auto wide = value->get<std::uint64_t>();
        if (wide > static_cast<std::uint64_t>(maximum)) refuse_field(path(name), "must be " + range + ".");
        number = static_cast<std::int64_t>(wide);
    } else if (value->is_number_integer()) {
        number = value->get<std::int64_t>();
    } else {
        // 1e3 and 5.0 are integers that some clients write as floating-point numbers.
        const double real = value->get<double>();
        if (real != std::floor(real) || std::abs(real) > 9e15)
            refuse_field(path(name), "must be " + range + ".");
        number = static_cast<std::int64_t>(real);
    }
    if (number < minimum || number > maximum) refuse_field(path(name), "must be " + range + ".");
    return number;
}

std::string Fields::text(std::string_view name) const {
    auto value = find_text(name);
    if (!value) refuse_field(path(name), "is required and must be a string.");
    return *std::move(value);
}

const Json& Fields::array(std::string_view name) const {
    const Json* value = find_array(name);
    if (value == nullptr) refuse_field(path(name), "is required and must be an array.");
    return *value;
}

}  // namespace gptoss::api
