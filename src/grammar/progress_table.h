// A grammar made deterministic as far as it is used: progress by number, each step worked out once. Masks try
// thousands of tokens from the same few places, so nearly every step is a look-up.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "grammar/progress.h"

namespace gptoss::grammar {

class ProgressTable {
  public:
    using Id = std::uint32_t;
    static constexpr Id kDead = 0;

    explicit ProgressTable(const Grammar& grammar);

    Id id(Progress progress);
    Id step(Id from, std::uint8_t byte) {
        const Id known = rows_[from] ? (*rows_[from])[byte] : kUnknown;
        return known != kUnknown ? known : work_out(from, byte);
    }

    // Places that a step from there looks at.
    std::size_t width(Id of) const { return progress_[of]->places.size(); }

    // Forgets everything when it has grown large. Ids are invalid afterwards.
    void keep_small();

  private:
    static constexpr Id kUnknown = 0xFFFFFFFF;
    using Row = std::array<Id, 256>;
    struct Hash {
        std::size_t operator()(const Progress& progress) const { return progress.hash(); }
    };
    Id work_out(Id from, std::uint8_t byte);

    const Grammar& grammar_;
    std::unordered_map<Progress, Id, Hash> ids_;
    std::vector<const Progress*> progress_;   // keys of ids_
    std::vector<std::unique_ptr<Row>> rows_;  // of those from which a step was made
    std::size_t row_count_ = 0;
};

}  // namespace gptoss::grammar
