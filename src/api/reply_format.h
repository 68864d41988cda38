// How one endpoint's replies look on the wire. The generation behind them is the same for all
// (generation_exchange.h), and so is the transport that frames the events.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "api/event.h"
#include "api/item_event.h"
#include "api/json_reader.h"
#include "api/response_metadata.h"
#include "base/error.h"

namespace gptoss::api {

class ReplyFormat {
  public:
    virtual ~ReplyFormat() = default;

    // Streaming: each appends events to `out`.
    virtual void open(std::int32_t choice, Events& out) = 0;
    virtual void add(std::int32_t choice, const ItemEvent& event, Events& out) = 0;
    // `totals` is given with the last choice that ends, null before.
    virtual void close(std::int32_t choice, const FinishInfo& outcome, const UsageTotals* totals,
                       Events& out) = 0;
    virtual void end(const UsageTotals& totals, Events& out) = 0;
    // The generation failed: the last events of the stream.
    virtual void fail(const Error& error, Events& out) { out.push_back(unnamed_event(this->error(error))); }
    // To be sent after a long silence; nothing = the transport's own sign of life.
    virtual void keep_alive(Events& out) const { static_cast<void>(out); }

    // Not streaming: the reply's body. One transcript and one outcome a choice.
    virtual Json whole(std::span<const Transcript> transcripts, std::span<const FinishInfo> outcomes,
                       const UsageTotals& totals) const = 0;
    virtual Json error(const Error& error) const = 0;
};

}  // namespace gptoss::api
