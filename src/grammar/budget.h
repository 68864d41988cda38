// What the schemas, patterns and grammars of one request may still cost while they are compiled. Counted as
// the work is done, so that no input can make the compiler run away.
#pragma once

#include <cstddef>
#include <stdexcept>
#include <string>

#include "base/limits.h"
#include "base/step_bound.h"

namespace gptoss::grammar {

// In words that go behind a keyword in a message to the client: "it needs more than 200,000 states …".
struct BudgetExceeded : std::runtime_error {
    using std::runtime_error::runtime_error;
};

class Budget {
  public:
    struct Cost {
        std::size_t states = 0;
        std::size_t dfa_states = 0;
        std::size_t literal_bytes = 0;
        std::size_t steps = 0;
        Cost operator-(const Cost& other) const {
            return {states - other.states, dfa_states - other.dfa_states, literal_bytes - other.literal_bytes,
                    steps - other.steps};
        }
    };

    // Each throws BudgetExceeded when there is not as much left.
    void spend_states(std::size_t count) { spend(spent_.states, count, limits::kGrammarStates, "states"); }
    void spend_dfa_states(std::size_t count) {
        spend(spent_.dfa_states, count, limits::kGrammarDfaStates, "states of patterns and numbers");
    }
    void spend_literal_bytes(std::size_t count) {
        spend(spent_.literal_bytes, count, limits::kGrammarLiteralBytes, "bytes of names and values");
    }
    // Throws TooManySteps (base/step_bound.h) as well, for a thread that others wait for.
    void spend_steps(std::size_t count) {
        StepBound::spend(count);
        spend(spent_.steps, count, limits::kGrammarSteps, "steps");
    }

    // What was compiled before costs a request as much as when it is compiled now, so that the same request
    // has the same answer.
    void spend(const Cost& cost) {
        spend_states(cost.states);
        spend_dfa_states(cost.dfa_states);
        spend_literal_bytes(cost.literal_bytes);
        spend(spent_.steps, cost.steps, limits::kGrammarSteps, "steps");  // none are taken now
    }

    const Cost& spent() const { return spent_; }

  private:
    static void spend(std::size_t& spent, std::size_t count, std::size_t limit, const char* what) {
        if (count > limit - spent)
            throw BudgetExceeded("it needs more than " + std::to_string(limit) + " " + what +
                                 " (the bound for all schemas, patterns and grammars of a request); "
                                 "make it smaller or offer fewer tools");
        spent += count;
    }

    Cost spent_;
};

}  // namespace gptoss::grammar
