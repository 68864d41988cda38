// A grammar made deterministic as far as it is used: progress by number, each step worked out once. Masks try
// thousands of tokens from the same few places, so nearly every step is a look-up.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string_view>
#include <vector>

#include "grammar/json_grammar.h"

namespace gptoss::grammar {

class ProgressTable {
  public:
    using Id = std::uint32_t;
    static constexpr Id kDead = 0;

    explicit ProgressTable(const JsonGrammar& grammar);

    Id id(const JsonGrammar::Progress& progress);
    Id step(Id from, std::uint8_t byte) {
        const Id known = rows_[from][byte];
        return known != kUnknown ? known : work_out(from, byte);
    }

    bool goes_on(Id from, std::string_view bytes) {
        for (const char byte : bytes) from = step(from, static_cast<std::uint8_t>(byte));
        return from != kDead;
    }

    // Forgets everything when it has grown large. Ids are invalid afterwards.
    void keep_small();

  private:
    static constexpr Id kUnknown = 0xFFFFFFFF;
    Id work_out(Id from, std::uint8_t byte);

    const JsonGrammar& grammar_;
    std::map<JsonGrammar::Progress, Id> ids_;
    std::vector<const JsonGrammar::Progress*> progress_;  // keys of ids_
    std::vector<std::array<Id, 256>> rows_;
};

}  // namespace gptoss::grammar
