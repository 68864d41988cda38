// Where in a schema something stands, written out only when a message needs it: "#/properties/a/items". A part
// lives as long as the schema's visit to it.
#pragma once

#include <string>
#include <string_view>

namespace gptoss::grammar {

class SchemaPath {
  public:
    // The root: "#", or what a $ref says. `text` must outlive the path; so must `above`, `keyword` and `name`
    // of the others.
    explicit SchemaPath(std::string_view text) : keyword_(text) {}
    SchemaPath(const SchemaPath& above, std::string_view keyword) : above_(&above), keyword_(keyword) {}
    SchemaPath(const SchemaPath& above, std::string_view keyword, std::string_view name)
        : above_(&above), keyword_(keyword), name_(name), kind_(Kind::named) {}
    SchemaPath(const SchemaPath& above, std::string_view keyword, std::size_t index)
        : above_(&above), keyword_(keyword), index_(index), kind_(Kind::numbered) {}

    std::string text() const {
        std::string out = above_ ? above_->text() + "/" : "";
        out += keyword_;
        if (kind_ == Kind::named) out.append("/").append(name_);
        if (kind_ == Kind::numbered) out += "/" + std::to_string(index_);
        return out;
    }

  private:
    enum class Kind { plain, named, numbered };
    const SchemaPath* above_ = nullptr;
    std::string_view keyword_, name_;
    std::size_t index_ = 0;
    Kind kind_ = Kind::plain;
};

}  // namespace gptoss::grammar
