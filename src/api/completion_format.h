// text_completion, whole and streamed.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "api/reply_format.h"
#include "api/response_metadata.h"
#include "tokenizer/tokenizer.h"

namespace gptoss::api {

struct CompletionFormatOptions {
    std::vector<std::string> echo;  // one text a choice, put before it; empty = no echo
    bool logprobs = false;
    bool include_usage = false;
};

// `tokenizer` must outlive the format.
std::unique_ptr<ReplyFormat> make_completion_format(const Tokenizer& tokenizer, ResponseMetadata facts,
                                                    CompletionFormatOptions options);

}  // namespace gptoss::api
