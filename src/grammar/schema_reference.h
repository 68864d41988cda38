// $ref within a schema: URI fragments that are JSON pointers (RFC 6901, section 6).
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace gptoss::grammar {

class SchemaReferences {
  public:
    using Json = nlohmann::ordered_json;

    explicit SchemaReferences(const Json& root) : root_(root) {}  // which must outlive this

    // What "#/$defs/a%3Cb%3E" points to; null where nothing is.
    const Json* find(std::string_view reference);

  private:
    const Json* member(const Json& object, const std::string& name);

    const Json& root_;
    // Objects with many members are looked into by name.
    std::unordered_map<const Json*, std::unordered_map<std::string_view, const Json*>> members_;
};

}  // namespace gptoss::grammar
