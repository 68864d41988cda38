// A JSON schema's keywords, read and checked: what is not supported is refused here, with its name and place,
// or noted where the client does not insist.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "grammar/json_schema.h"
#include "grammar/number_range.h"
#include "grammar/regular_expression.h"
#include "grammar/schema_path.h"

namespace gptoss::grammar {

class SchemaReader {
  public:
    using Json = nlohmann::ordered_json;

    // Both must outlive the reader.
    SchemaReader(const SchemaOrigin& origin, Budget& budget) : origin_(origin), budget_(budget) {}

    // Throws Error(request_invalid) with the facts "param", "keyword" and "path". An empty keyword: the
    // schema as a whole.
    [[noreturn]] void refuse(const std::string& keyword, const SchemaPath& path,
                             const std::string& why) const;

    // Refuses, or where the schema is not strict notes that the keyword is not enforced.
    void give_up(const std::string& keyword, const SchemaPath& path, const std::string& why);

    bool is_strict() const { return origin_.strict; }
    std::vector<std::string> take_unenforced() { return std::move(unenforced_); }

    // Gives up each keyword that is outside the subset and demands something.
    void check_supported(const Json& schema, const SchemaPath& path);

    // Gives up what else in `schema` demands something, except "type" if `beside_type`.
    void require_alone(const Json& schema, const SchemaPath& path, const std::string& keyword,
                       bool beside_type = false);

    // Some keyword that the subset knows beside `keyword`.
    bool demands_more_than(const Json& schema, std::string_view keyword) const;

    // Named types, or those that the other keywords speak of; none = any value.
    std::vector<std::string> types_of(const Json& schema, const SchemaPath& path) const;

    // The values of enum or const that have one of the types, as they are written.
    std::vector<std::string> texts_of(const Json& schema, const SchemaPath& path,
                                      const std::vector<std::string>& types);

    LengthRange length_of(const Json& schema, const SchemaPath& path) const;
    NumberRange range_of(const Json& schema, const SchemaPath& path, bool integers_only);

    struct Property {
        std::string name;
        const Json* schema;
        bool required;
    };
    struct ObjectParts {
        std::vector<Property> properties;  // in the order in which they are written
        const Json* additional;            // of properties that are not listed; null = none
    };

    ObjectParts object_of(const Json& schema, const SchemaPath& path);

    struct ArrayParts {
        std::vector<const Json*> first;  // schemas of the first items
        const Json* rest;                // of the others; null = there are none
        std::uint32_t least, most;
    };

    ArrayParts array_of(const Json& schema, const SchemaPath& path);

  private:
    std::uint32_t count(const Json& schema, const SchemaPath& path, const char* keyword,
                        std::uint32_t otherwise) const;
    std::vector<std::string> required_of(const Json& schema, const SchemaPath& path);

    const SchemaOrigin& origin_;
    Budget& budget_;
    std::vector<std::string> unenforced_;
};

}  // namespace gptoss::grammar
