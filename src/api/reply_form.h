// What a reply had to keep to and what ended it, as data and as one text: the text's hash stands in the reply's
// receipt, and whoever has the text makes the same masks again (docs/receipts.md).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "harmony/constraint.h"

namespace gptoss::api {

struct ReplyForm {
    bool harmony = true;  // read as harmony; else as raw text
    std::vector<std::string> stop;
    bool constrained = false;  // tokens outside `rules` could not be drawn
    // The tools that may be called and whether calls may follow each other always; the rest where `constrained`.
    harmony::ConstraintOptions rules;
};

// JSON, always in the same words for the same form.
std::string form_text(const ReplyForm& form);

// The part of it that lists the tools; empty without any.
std::string tools_text(const ReplyForm& form);

// Throws Error(request_invalid) naming the field.
ReplyForm read_form(std::string_view text);

}  // namespace gptoss::api
