#include "grammar/progress_table.h"

namespace gptoss::grammar {
namespace {
constexpr std::size_t kMostRows = 4096;  // of 1 kB each
}

ProgressTable::ProgressTable(const JsonGrammar& grammar) : grammar_(grammar) {
    id({});
}

ProgressTable::Id ProgressTable::id(const JsonGrammar::Progress& progress) {
    const auto [entry, added] = ids_.try_emplace(progress, static_cast<Id>(rows_.size()));
    if (added) {
        progress_.push_back(&entry->first);
        rows_.emplace_back().fill(progress.empty() ? kDead : kUnknown);
    }
    return entry->second;
}

ProgressTable::Id ProgressTable::work_out(Id from, std::uint8_t byte) {
    const Id to = id(grammar_.step(*progress_[from], byte));
    return rows_[from][byte] = to;
}

void ProgressTable::keep_small() {
    if (rows_.size() < kMostRows) return;
    ids_.clear();
    progress_.clear();
    rows_.clear();
    id({});
}

}  // namespace gptoss::grammar
