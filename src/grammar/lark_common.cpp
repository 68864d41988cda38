#include "grammar/lark_common.h"

#include <array>
#include <utility>

namespace gptoss::grammar {

std::optional<std::string_view> lark_common(std::string_view name) {
    using Entry = std::pair<std::string_view, std::string_view>;
    static constexpr std::array kTerminals{
        Entry{"DIGIT", R"([0-9])"},
        Entry{"HEXDIGIT", R"([0-9A-Fa-f])"},
        Entry{"INT", R"([0-9]+)"},
        Entry{"SIGNED_INT", R"([+-]?[0-9]+)"},
        Entry{"DECIMAL", R"([0-9]+\.[0-9]*|\.[0-9]+)"},
        Entry{"FLOAT", R"([0-9]+[eE][+-]?[0-9]+|([0-9]+\.[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?)"},
        Entry{"SIGNED_FLOAT", R"([+-]?([0-9]+[eE][+-]?[0-9]+|([0-9]+\.[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?))"},
        Entry{"NUMBER", R"(([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?)"},
        Entry{"SIGNED_NUMBER", R"([+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?)"},
        Entry{"ESCAPED_STRING", R"("([^"\\\n]|\\[^\n])*")"},
        Entry{"LCASE_LETTER", R"([a-z])"},
        Entry{"UCASE_LETTER", R"([A-Z])"},
        Entry{"LETTER", R"([A-Za-z])"},
        Entry{"WORD", R"([A-Za-z]+)"},
        Entry{"CNAME", R"([A-Za-z_][A-Za-z0-9_]*)"},
        Entry{"WS_INLINE", R"([ \t]+)"},
        Entry{"WS", R"([ \t\f\r\n]+)"},
        Entry{"CR", R"(\r)"},
        Entry{"LF", R"(\n)"},
        Entry{"NEWLINE", R"((\r?\n)+)"},
        Entry{"SH_COMMENT", R"(#[^\n]*)"},
        Entry{"CPP_COMMENT", R"(//[^\n]*)"},
        Entry{"C_COMMENT", R"(/\*([^*]|\*+[^*/])*\*+/)"},
        Entry{"SQL_COMMENT", R"(--[^\n]*)"},
    };
    for (const auto& [known, pattern] : kTerminals)
        if (known == name) return pattern;
    return std::nullopt;
}

}  // namespace gptoss::grammar
