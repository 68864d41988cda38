// The bytes of a request -> JSON, counted while it is read: what is too much is refused before it is held.
#include <algorithm>
#include <unordered_map>

#include "api/json_reader.h"
#include "base/limits.h"

namespace gptoss::api {

namespace {

class BoundedJsonBuilder {
  public:
    using number_integer_t = Json::number_integer_t;
    using number_unsigned_t = Json::number_unsigned_t;
    using number_float_t = Json::number_float_t;
    using string_t = Json::string_t;
    using binary_t = Json::binary_t;

    Json take() { return std::move(root_); }

    bool null() { return add(nullptr); }
    bool boolean(bool value) { return add(value); }
    bool number_integer(number_integer_t value) { return add(value); }
    bool number_unsigned(number_unsigned_t value) { return add(value); }
    bool number_float(number_float_t value, const string_t&) { return add(value); }
    bool string(string_t& value) { return add(std::move(value)); }
    bool binary(binary_t&) { return false; }  // JSON has none

    bool start_object(std::size_t) { return open(Json::object()); }
    bool start_array(std::size_t) { return open(Json::array()); }
    bool end_object() { return close(); }
    bool end_array() { return close(); }

    bool key(string_t& name) {
        count_value();
        Open& object = open_.back();
        auto& members = object.json->get_ref<Json::object_t&>();
        if (open_.size() == 1) field_ = name;
        // A vector of these copies when it grows, and the request's own members are the largest.
        if (open_.size() == 1 && members.empty()) members.reserve(kFew);
        const std::size_t known = find(object, members, name);
        if (known < members.size()) {
            member_ = &(members.begin() + static_cast<std::ptrdiff_t>(known))
                           ->second;  // given twice: the last one counts
            return true;
        }
        if (members.size() == limits::kJsonObjectKeys)
            refuse("an object with more than " + std::to_string(limits::kJsonObjectKeys) + " keys");
        members.emplace_back(std::move(name), Json());
        member_ = &members.back().second;
        return true;
    }

    bool parse_error(std::size_t position, const std::string&, const Json::exception& problem) {
        if (problem.id == kNumberOutOfRange)
            throw Error(ErrorCode::request_invalid,
                        "The request's body holds a number beyond what a double can hold.");
        throw Error(
            ErrorCode::request_invalid,
            "The request's body is not valid JSON (byte " + std::to_string(position) + reason(problem) + ").",
            "Send a JSON object with Content-Type: application/json.");
    }

  private:
    static constexpr int kNumberOutOfRange = 406;  // nlohmann's number of that error
    static constexpr std::size_t kFew = 32;        // members that are compared one by one

    struct Open {
        Json* json;
        std::unordered_map<std::string, std::size_t> members = {};  // of an object with many
    };

    // What the parser says behind "invalid string: " and the like.
    static std::string reason(const Json::exception& problem) {
        const std::string_view what = problem.what();
        const auto begin = what.find("invalid ");
        if (begin == std::string_view::npos) return "";
        return ", " + std::string(what.substr(begin, what.find("; last read", begin) - begin));
    }

    [[noreturn]] void refuse(const std::string& what) const {
        Error::Facts facts;
        if (!field_.empty() && field_.size() <= 64) facts.emplace_back("param", field_);
        throw Error(ErrorCode::request_invalid, "The request's JSON holds " + what + ".",
                    "Send less at once.", std::move(facts));
    }

    void count_value() {
        if (++values_ > limits::kJsonValues)
            refuse("more than " + std::to_string(limits::kJsonValues) + " keys and values");
    }

    static std::size_t find(Open& object, const Json::object_t& members, const string_t& name) {
        if (members.size() <= kFew) {
            const auto same = [&](const auto& member) { return member.first == name; };
            return static_cast<std::size_t>(std::find_if(members.begin(), members.end(), same) -
                                            members.begin());
        }
        for (std::size_t i = object.members.size(); i < members.size(); ++i)
            object.members.emplace((members.begin() + static_cast<std::ptrdiff_t>(i))->first, i);
        const auto found = object.members.find(name);
        return found == object.members.end() ? members.size() : found->second;
    }

    Json* place(Json value) {
        count_value();
        if (open_.empty()) {
            root_ = std::move(value);
            return &root_;
        }
        Json& parent = *open_.back().json;
        if (parent.is_array()) {
            parent.push_back(std::move(value));
            return &parent.back();
        }
        *member_ = std::move(value);
        return member_;
    }

    template <class Value>
    bool add(Value&& value) {
        place(Json(std::forward<Value>(value)));
        return true;
    }

    bool open(Json container) {
        if (open_.size() == limits::kJsonDepth)
            throw Error(ErrorCode::request_invalid, "The request's JSON is nested deeper than " +
                                                        std::to_string(limits::kJsonDepth) + " levels.");
        open_.push_back({place(std::move(container))});
        return true;
    }

    bool close() {
        open_.pop_back();
        return true;
    }

    Json root_;
    std::vector<Open> open_;  // a container is complete before its parent takes the next one
    Json* member_ = nullptr;  // of the innermost object, what its key waits for
    std::string field_;       // of the request, in which reading is
    std::size_t values_ = 0;
};

}  // namespace

Json parse_json(std::string_view body) {
    // The parser takes it for the end, whatever comes behind.
    if (const auto nul = body.find('\0'); nul != std::string_view::npos)
        throw Error(ErrorCode::request_invalid,
                    "The request's body is not valid JSON (byte " + std::to_string(nul + 1) + " is NUL).",
                    "Send a JSON object with Content-Type: application/json.");
    BoundedJsonBuilder builder;
    Json::sax_parse(body, &builder);
    return builder.take();
}

}  // namespace gptoss::api
