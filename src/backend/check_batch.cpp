#include "backend/check_batch.h"

#include "base/check.h"

namespace gptoss::backend {

void check_batch(const Batch& batch, const model::PlanRequest& limits, const model::Hyperparameters& shape,
                 const model::LayerRange& layers) {
    const auto rows = static_cast<std::int32_t>(batch.tokens.size());
    const auto max_sequences = static_cast<std::size_t>(limits.max_sequences);
    check(rows > 0 && rows <= limits.max_batch_tokens, "a batch larger than planned");
    check(batch.logits_rows.size() <= max_sequences, "too many logits rows");
    check(batch.segments.size() <= max_sequences, "too many segments");
    for (const TokenId token : batch.tokens)
        check(token == kTokenFromLastSample || (token >= 0 && token < shape.vocabulary),
              "a token outside the vocabulary");
    const std::size_t residual = layers.first > 0 ? batch.tokens.size() * shape.hidden : 0;
    check(batch.residual.size() == residual, "residual rows where the first layers are elsewhere");
    std::int32_t next_row = 0;
    for (const Segment& segment : batch.segments) {
        check(segment.first_row == next_row && segment.row_count > 0, "segments must cover rows in order");
        check(segment.slot >= 0 && segment.slot < limits.max_sequences, "a slot outside the plan");
        check(segment.first_position >= 0, "a negative position");
        next_row += segment.row_count;
        const auto blocks = static_cast<std::size_t>(
            (segment.first_position + segment.row_count + model::kBlockTokens - 1) / model::kBlockTokens);
        check(segment.full_blocks.size() >= blocks && segment.sliding_blocks.size() >= blocks,
              "a block table shorter than its segment");
    }
    check(next_row == rows, "segments must cover all rows");
    for (const std::int32_t row : batch.logits_rows)
        check(row >= 0 && row < rows, "a logits row outside the batch");
}

}  // namespace gptoss::backend
