// A JSON schema's keywords, read and checked: what is not supported is refused here, with its name and place.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "grammar/number_range.h"
#include "grammar/regular_expression.h"

namespace gptoss::grammar {

class SchemaReader {
  public:
    using Json = nlohmann::ordered_json;

    // `where` tells the client which of its schemas is meant.
    explicit SchemaReader(std::string where) : where_(std::move(where)) {}

    // Throws Error(request_invalid) with the facts "keyword" and "path". An empty keyword: the schema as a
    // whole.
    [[noreturn]] void refuse(const std::string& keyword, const std::string& path,
                             const std::string& why) const;

    void refuse_unsupported(const Json& schema, const std::string& path) const;

    // Nothing else in `schema` may demand something, except "type" if `beside_type`.
    void require_alone(const Json& schema, const std::string& path, const std::string& keyword,
                       bool beside_type = false) const;

    // Named types, or those that the other keywords speak of; none = any value.
    std::vector<std::string> types_of(const Json& schema, const std::string& path) const;

    // The values of enum or const that have one of the types, as they are written.
    std::vector<std::string> texts_of(const Json& schema, const std::string& path,
                                      const std::vector<std::string>& types) const;

    LengthRange length_of(const Json& schema, const std::string& path) const;
    NumberRange range_of(const Json& schema, const std::string& path, bool integers_only) const;

    struct Property {
        std::string name;
        const Json* schema;
        bool required;
    };
    struct ObjectParts {
        std::vector<Property> properties;  // in the order in which they are written
        const Json* additional;            // of properties that are not listed; null = none
    };

    ObjectParts object_of(const Json& schema, const std::string& path) const;

    struct ArrayParts {
        std::vector<const Json*> first;  // schemas of the first items
        const Json* rest;                // of the others; null = there are none
        std::uint32_t least, most;
    };

    ArrayParts array_of(const Json& schema, const std::string& path) const;

  private:
    std::uint32_t count(const Json& schema, const std::string& path, const char* keyword,
                        std::uint32_t otherwise) const;

    std::string where_;
};

}  // namespace gptoss::grammar
