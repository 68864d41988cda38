// What only a whole node shows: known answers, and a load of some minutes.
#pragma once

#include <string>

#include "qualify/child_node.h"
#include "qualify/kernel_stage.h"
#include "qualify/qualification_report.h"

namespace gptoss::qualify {

struct AnswerOptions {
    std::string composite_sha256;  // chooses the digests that are known; empty = none are
    bool require_gpu = false;
    std::int64_t context_length = 0;    // that it must have; 0 = not asked
    std::int64_t needle_tokens = 1000;  // of the text that hides a fact, where the context has room
};

// The checks of `gpt-oss-node check`, then greedy answers to fixed questions. For a model whose answers are
// known they must be these; for others their digest is in the report, so that two machines can be compared.
// Then a fact at six depths of a long prompt (needle.h).
void qualify_answers(ChildNode& node, const AnswerOptions& options, Report& report);

struct LoadStageOptions {
    double minutes = 10;
    bool on_gpu = false;
    // A third of the time each: many short questions, independent arrivals, long prompts.
    std::int32_t clients = 8;
    double tokens_per_second_planned = 0;  // of one stream; 0 = not known
};

// No error, no lost memory, no throttling, no error of the driver; speed and time to first token as figures.
void qualify_load(ChildNode& node, const LoadStageOptions& options, Report& report,
                  const StageProgress& progress);

}  // namespace gptoss::qualify
