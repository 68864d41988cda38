#include "api/compaction_format.h"

#include <utility>

#include "api/error_reply.h"
#include "api/random_id.h"
#include "api/responses_input.h"
#include "api/responses_output.h"

namespace gptoss::api {

namespace {

class CompactionFormat final : public ReplyFormat {
  public:
    CompactionFormat(ResponseMetadata facts, std::shared_ptr<const SealedText> seal)
        : facts_(std::move(facts)), seal_(std::move(seal)) {}

    // It is never streamed.
    void open(std::int32_t, Events&) override {}
    void add(std::int32_t, const ItemEvent&, Events&) override {}
    void close(std::int32_t, const FinishInfo&, const UsageTotals*, Events&) override {}
    void end(const UsageTotals&, Events&) override {}

    Json whole(std::span<const Transcript> transcripts, std::span<const FinishInfo>,
               const UsageTotals& totals) const override {
        const Json history = Json::array(
            {{{"type", "message"},
              {"role", "developer"},
              {"content", "Summary of the conversation before this point:\n\n" + transcripts[0].content()}}});
        const Json item{{"id", random_id("cmp_")},
                        {"type", "compaction"},
                        {"encrypted_content", seal_->seal(to_text(history), kCompactionSeal)}};
        return {{"id", facts_.id},
                {"object", "response.compaction"},
                {"created_at", facts_.created_s},
                {"output", Json::array({item})},
                {"usage", responses_usage(totals)}};
    }

    Json error(const Error& error) const override { return openai_error(error); }

  private:
    ResponseMetadata facts_;
    std::shared_ptr<const SealedText> seal_;
};

}  // namespace

std::unique_ptr<ReplyFormat> make_compaction_format(ResponseMetadata facts,
                                                    std::shared_ptr<const SealedText> seal) {
    return std::make_unique<CompactionFormat>(std::move(facts), std::move(seal));
}

}  // namespace gptoss::api
