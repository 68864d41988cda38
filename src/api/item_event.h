// What every reply is made of: items, in the order they were generated. An item begins, grows by pieces and
// ends. Streaming writes each event as it comes, a whole reply collects the same events in a Transcript, so
// the two cannot differ.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "backend/sampling.h"

namespace gptoss::api {

enum class ItemKind {
    reasoning,
    preamble,  // said to the user before a call
    content,   // the answer
    call,      // of a function; its text is the arguments
};

// Preambles and answers: what the user sees.
inline bool is_visible(ItemKind kind) {
    return kind == ItemKind::preamble || kind == ItemKind::content;
}

struct ItemEvent {
    enum class Step { begin, delta, end };
    Step step = Step::delta;
    ItemKind kind = ItemKind::content;
    std::int32_t item = 0;                        // 0, 1, …: its place among the reply's items
    std::string text;                             // delta: a piece of the item's text
    std::int32_t call_index = -1;                 // of a call: 0, 1, … among the calls
    std::string call_id;                          // begin of a call
    std::string name;                             // begin of a call
    bool custom = false;                          // of a call of a custom tool: its text is not JSON
    bool complete = true;                         // end: false when the generation stopped inside the item
    std::vector<backend::SampledToken> logprobs;  // of the tokens that made this text, when asked for
    std::int32_t tokens = 0;                      // sampled so far, markup included
};

struct Item {
    ItemKind kind = ItemKind::content;
    std::string text;
    std::string call_id;  // of a call
    std::string name;     // of a call
    bool custom = false;  // a call of a custom tool: its text is not JSON
    bool complete = false;
    std::vector<backend::SampledToken> logprobs;
};

// A choice's events, put together.
struct Transcript {
    std::vector<Item> items;

    void add(const ItemEvent& event);

    std::string reasoning() const;
    std::string content() const;  // preambles and answers as paragraphs
    bool has_calls() const;
    std::vector<backend::SampledToken> logprobs() const;
};

// Where a reply has one text only, its visible items are paragraphs of it: an empty line stands between two.
class Paragraphs {
  public:
    // What to show for a piece of a visible item.
    std::string next(const ItemEvent& delta);

  private:
    std::int32_t last_item_ = -1;
};

}  // namespace gptoss::api
