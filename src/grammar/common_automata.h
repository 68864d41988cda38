// Automata that many schemas share: numbers without bounds, formats. Made once for the program; whoever uses
// one pays for it all the same.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "grammar/byte_dfa.h"

namespace gptoss::grammar {

class CommonAutomata {
  public:
    template <class Make>
    std::shared_ptr<const ByteDfa> get(const std::string& key, Budget& budget, Make make) {
        const std::lock_guard lock(mutex_);
        Entry& entry = entries_[key];
        if (!entry.dfa) {
            Budget own;
            entry.dfa = std::make_shared<const ByteDfa>(make(own));
            entry.cost = own.spent();
        }
        budget.spend(entry.cost);
        return entry.dfa;
    }

  private:
    struct Entry {
        std::shared_ptr<const ByteDfa> dfa;
        Budget::Cost cost;
    };
    std::mutex mutex_;
    std::map<std::string, Entry> entries_;  // few: the formats, and two kinds of numbers
};

inline CommonAutomata& common_automata() {
    static CommonAutomata automata;
    return automata;
}

}  // namespace gptoss::grammar
