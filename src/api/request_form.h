// What a request's reply is held to, before any model computes: the part of a receipt's replay that follows from
// the request alone.
#pragma once

#include <vector>

#include "api/generation_intent.h"
#include "api/reply_form.h"

namespace gptoss::api {

// Of the tools in the prompt, those that may be called.
std::vector<harmony::Tool> callable_tools(const GenerationIntent& intent);

// `constrained`: of the node's options; a request may ask for less.
ReplyForm form_of(const GenerationIntent& intent, bool constrained);

}  // namespace gptoss::api
