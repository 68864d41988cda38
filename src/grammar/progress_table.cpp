#include "grammar/progress_table.h"

namespace gptoss::grammar {
namespace {
constexpr std::size_t kMostRows = 4096;  // of 1 kB each
}

ProgressTable::ProgressTable(const Grammar& grammar) : grammar_(grammar) {
    id({});
}

ProgressTable::Id ProgressTable::id(Progress progress) {
    const auto [entry, added] = ids_.try_emplace(std::move(progress), static_cast<Id>(rows_.size()));
    if (added) {
        progress_.push_back(&entry->first);
        rows_.emplace_back();
    }
    return entry->second;
}

ProgressTable::Id ProgressTable::work_out(Id from, std::uint8_t byte) {
    if (from == kDead) return kDead;
    const Id to = id(grammar::step(grammar_, *progress_[from], byte));
    if (!rows_[from]) {
        rows_[from] = std::make_unique<Row>();
        rows_[from]->fill(kUnknown);
        ++row_count_;
    }
    return (*rows_[from])[byte] = to;
}

void ProgressTable::keep_small() {
    if (row_count_ < kMostRows && progress_.size() < 4 * kMostRows) return;
    ids_.clear();
    progress_.clear();
    rows_.clear();
    row_count_ = 0;
    id({});
}

}  // namespace gptoss::grammar
