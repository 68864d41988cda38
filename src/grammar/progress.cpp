#include "grammar/progress.h"

#include <algorithm>
#include <optional>
#include <unordered_map>
#include <unordered_set>

namespace gptoss::grammar {
namespace {

constexpr std::size_t kMostPlaces = limits::kLiveStates;
constexpr std::size_t kFew = 16;
constexpr std::size_t kMostVisits = 16 * kMostPlaces;  // states looked at for one byte

std::uint64_t mixed(std::uint64_t value) {  // the finaliser of SplitMix64
    value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9ULL;
    value = (value ^ (value >> 27)) * 0x94D049BB133111EBULL;
    return value ^ (value >> 31);
}

void add(StackName& name, std::uint64_t value) {
    name.low = mixed(name.low + 0x9E3779B97F4A7C15ULL + value);
    name.high = mixed(name.high * 0xD6E8FEB86659FD93ULL + mixed(value + 0xA0761D6478BD642FULL));
}

// Follows everything that reads nothing, from the places that one byte leads to.
class Closure {
  public:
    Closure(const Grammar& grammar, Progress& out) : grammar_(grammar), out_(out) {}

    void keep(const Progress::Place& place) {  // inside a terminal
        if (out_.places.size() < kMostPlaces) out_.places.push_back(place);
    }

    void enter(GrammarState state, const Stack& stack) {
        open_.push_back({state, context_of(stack)});
        follow();
    }

    // No more will be entered.
    void finish() {
        for (const Found& found : found_) {
            if (out_.places.size() >= kMostPlaces) break;
            out_.places.push_back({found.state, found.at, stack_of(found.context)});
        }
        drop_equal_places();
    }

  private:
    using Context = std::size_t;  // of contexts_: the rule that a state belongs to
    struct Target {
        GrammarState state;
        Context context;
    };
    struct ContextData {
        Stack stack;  // of a rule that was entered before this byte; for the others, when it is complete
        bool is_new = false;
        bool has_ended = false;  // it can be read without reading anything
        GrammarState rule = 0;
        std::uint32_t depth = 0;
        std::vector<Target> returns;  // new ones only
    };
    struct Found {
        GrammarState state;
        Grammar::Reading at;
        Context context;
    };

    Context context_of(const Stack& stack) {
        const StackName name = name_of(stack);
        const auto same = [&](const ContextData& known) {
            return !known.is_new && name_of(known.stack) == name;
        };
        const auto known = find_context(name.low, same);
        return known ? *known : add_context({stack, false, false, 0, depth_of(stack), {}}, name.low);
    }

    // One for each rule, wherever it is entered from.
    Context context_of_rule(GrammarState rule, std::uint32_t depth) {
        const auto same = [&](const ContextData& known) { return known.is_new && known.rule == rule; };
        if (const auto known = find_context(rule, same)) return *known;
        const Context added = add_context({nullptr, true, false, rule, depth, {}}, rule);
        open_.push_back({rule, added});
        return added;
    }

    // A few are compared, many are hashed.
    template <class Same>
    std::optional<Context> find_context(std::uint64_t key, Same same) const {
        if (contexts_.size() <= kFew) {
            for (Context i = 0; i < contexts_.size(); ++i)
                if (same(contexts_[i])) return i;
            return std::nullopt;
        }
        for (auto [found, end] = by_key_.equal_range(key); found != end; ++found)
            if (same(contexts_[found->second])) return found->second;
        return std::nullopt;
    }

    Context add_context(ContextData data, std::uint64_t key) {
        contexts_.push_back(std::move(data));
        if (contexts_.size() == kFew + 1) {
            for (Context i = 0; i + 1 < contexts_.size(); ++i)
                by_key_.emplace(contexts_[i].is_new ? contexts_[i].rule : name_of(contexts_[i].stack).low, i);
        }
        if (contexts_.size() > kFew) by_key_.emplace(key, contexts_.size() - 1);
        return contexts_.size() - 1;
    }

    void follow() {
        while (!open_.empty()) {
            const Target at = open_.back();
            open_.pop_back();
            if (!seen_.insert(at.state, at.context)) continue;
            const std::size_t before = open_.size();
            visit(at);
            visits_ += 1 + (open_.size() - before);
            if (visits_ > kMostVisits) return open_.clear();
        }
    }

    void visit(Target at) {
        const Grammar::State& state = grammar_.states[at.state];
        if (state.ends_rule) end_rule(at.context);
        if (state.terminal != Grammar::Terminal::none) {
            if (const auto reading = grammar_.begin(state)) {
                if (const auto next = grammar_.continuation(state, *reading))
                    open_.push_back({*next, at.context});
                if (grammar_.can_continue(state, *reading))
                    found_.push_back({at.state, *reading, at.context});
            }
        } else if (!state.bytes.empty()) {
            found_.push_back({at.state, {}, at.context});
        }
        // The last one pushed is followed first: turn them round, so that ways are found as they are written.
        for (auto ref = state.rules.rbegin(); ref != state.rules.rend(); ++ref) enter_rule(*ref, at.context);
        for (auto to = state.empty.rbegin(); to != state.empty.rend(); ++to)
            open_.push_back({*to, at.context});
    }

    void enter_rule(const Grammar::RuleRef& ref, Context from) {
        const std::uint32_t depth = contexts_[from].depth + 1;
        if (depth > ref.max_depth) return;
        const Context rule = context_of_rule(ref.rule, depth);
        contexts_[rule].depth = std::max(contexts_[rule].depth, depth);
        auto& returns = contexts_[rule].returns;
        const auto same = [&](const Target& known) {
            return known.state == ref.return_state && known.context == from;
        };
        if (std::any_of(returns.begin(), returns.end(), same)) return;
        returns.push_back({ref.return_state, from});
        if (contexts_[rule].has_ended) open_.push_back({ref.return_state, from});
    }

    void end_rule(Context context) {
        if (contexts_[context].is_new) {
            contexts_[context].has_ended = true;
            for (const Target& target : contexts_[context].returns) open_.push_back(target);
            return;
        }
        const Stack stack = contexts_[context].stack;
        if (!stack) {
            out_.complete = true;
            return;
        }
        for (const Frame::Return& back : stack->returns)
            open_.push_back({back.state, context_of(back.stack)});
    }

    // Rules do not enter themselves unread (Grammar::has_left_recursion), so this comes to an end.
    Stack stack_of(Context context) {
        if (!contexts_[context].is_new || contexts_[context].stack) return contexts_[context].stack;
        auto frame = std::make_shared<Frame>();
        frame->depth = contexts_[context].depth;
        add(frame->name, contexts_[context].rule);
        for (const Target& target : contexts_[context].returns) {
            frame->returns.push_back({target.state, stack_of(target.context)});
            const StackName below = name_of(frame->returns.back().stack);
            add(frame->name, target.state);
            add(frame->name, below.low);
            add(frame->name, below.high);
        }
        contexts_[context].stack = frame;
        return frame;
    }

    void drop_equal_places() {
        if (out_.places.size() < 2) return;
        struct Hash {
            std::size_t operator()(const Progress::Place* place) const {
                return mixed(place->state * 0x9E3779B97F4A7C15ULL + place->at.inner +
                             mixed(place->at.count + name_of(place->stack).low));
            }
        };
        struct Equal {
            bool operator()(const Progress::Place* a, const Progress::Place* b) const { return *a == *b; }
        };
        std::unordered_set<const Progress::Place*, Hash, Equal> known;
        std::vector<Progress::Place> distinct;
        distinct.reserve(out_.places.size());
        for (const Progress::Place& place : out_.places)
            if (known.insert(&place).second) distinct.push_back(place);
        if (distinct.size() < out_.places.size()) out_.places = std::move(distinct);
    }

    class SeenPairs {
      public:
        bool insert(GrammarState state, Context context) {
            const std::uint64_t pair = std::uint64_t{state} << 32 | context;
            if (many_.empty()) {
                if (std::find(few_.begin(), few_.end(), pair) != few_.end()) return false;
                few_.push_back(pair);
                if (few_.size() > 2 * kFew) many_.insert(few_.begin(), few_.end());
                return true;
            }
            return many_.insert(pair).second;
        }

      private:
        std::vector<std::uint64_t> few_;
        std::unordered_set<std::uint64_t> many_;
    };

    const Grammar& grammar_;
    Progress& out_;
    std::vector<ContextData> contexts_;
    std::unordered_multimap<std::uint64_t, Context> by_key_;  // when there are many
    std::vector<Target> open_;
    std::vector<Found> found_;
    SeenPairs seen_;
    std::size_t visits_ = 0;
};

}  // namespace

StackName name_of(const Stack& stack) {
    return stack ? stack->name : StackName{};
}

std::size_t Progress::hash() const {
    std::uint64_t value = complete ? 1 : 0;
    for (const Place& place : places)
        value = mixed(value * 31 + place.state + (std::uint64_t{place.at.inner} << 32) +
                      mixed(place.at.count + name_of(place.stack).low));
    return value;
}

Progress begin(const Grammar& grammar) {
    return resume(grammar, grammar.start, nullptr);
}

Progress resume(const Grammar& grammar, GrammarState state, const Stack& stack) {
    Progress progress;
    Closure closure(grammar, progress);
    closure.enter(state, stack);
    closure.finish();
    return progress;
}

Progress step(const Grammar& grammar, const Progress& progress, std::uint8_t byte) {
    Progress out;
    Closure closure(grammar, out);
    for (const Progress::Place& place : progress.places) {
        const Grammar::State& state = grammar.states[place.state];
        if (state.terminal == Grammar::Terminal::none) {
            for (const Grammar::ByteEdge& edge : state.bytes)
                if (byte >= edge.first && byte <= edge.last) closure.enter(edge.to, place.stack);
        } else if (const auto to = grammar.read(state, place.at, byte)) {
            if (const auto next = grammar.continuation(state, *to)) closure.enter(*next, place.stack);
            if (grammar.can_continue(state, *to)) closure.keep({place.state, *to, place.stack});
        }
    }
    closure.finish();
    return out;
}

Progress step(const Grammar& grammar, Progress progress, std::string_view bytes) {
    for (const char byte : bytes) {
        if (progress.is_dead()) break;
        progress = step(grammar, progress, static_cast<std::uint8_t>(byte));
    }
    return progress;
}

}  // namespace gptoss::grammar
