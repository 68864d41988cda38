// Content as agents send it: text, or parts of which some cannot be read by a text model.
#pragma once

#include <string>
#include <string_view>

#include "api/json_reader.h"

namespace gptoss::api {

// What becomes of pictures, files and sounds, which gpt-oss cannot take in.
enum class UnseenContent {
    placeholder,  // the model reads that there was one
    refuse,       // the request is refused
};

// The texts of a string or of an array of parts, joined; "" for null. Throws Error(request_invalid) naming
// `path`.
std::string read_text_parts(const Json* content, const std::string& path, UnseenContent unseen);

// The text of one part.
std::string read_text_part(const Fields& part, UnseenContent unseen);

// Whether parts have this type: then it is no item of a history.
bool is_part_type(std::string_view type);

}  // namespace gptoss::api
