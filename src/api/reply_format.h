// How one endpoint's replies look on the wire. The generation behind them is the same for all
// (generation_exchange.h).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "api/delta.h"
#include "api/json_reader.h"
#include "api/reply_facts.h"
#include "base/error.h"

namespace gptoss::api {

class ReplyFormat {
  public:
    virtual ~ReplyFormat() = default;

    // Streaming: each appends server-sent events to `out`.
    virtual void open(std::int32_t choice, std::string& out) = 0;
    virtual void add(std::int32_t choice, const Delta& delta, std::string& out) = 0;
    // `totals` is given with the last choice that ends, null before.
    virtual void close(std::int32_t choice, const Outcome& outcome, const Totals* totals,
                       std::string& out) = 0;
    virtual void end(const Totals& totals, std::string& out) = 0;

    // Not streaming: the reply's body. One transcript and one outcome a choice.
    virtual Json whole(std::span<const Transcript> transcripts, std::span<const Outcome> outcomes,
                       const Totals& totals) const = 0;

    virtual Json error(const Error& error) const = 0;
};

// "data: …\n\n"
void append_event(std::string& out, const Json& data);

}  // namespace gptoss::api
