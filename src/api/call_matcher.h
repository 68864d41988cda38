// Which call a tool's result answers. Clients name the call by its id, its function, both, or use one id
// twice; of several that fit, the one that waits longest among the latest calls is meant.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace gptoss::api {

class CallMatcher {
  public:
    struct Call {
        std::string name;
        std::size_t number = 0;  // 0, 1, …: its place among the conversation's calls
    };

    void add_call(const std::string& id, const std::string& name);

    // Nothing when no call fits. Empty `id` or `name` = not given. A call that was answered already fits too,
    // where its id is given.
    std::optional<Call> answer(const std::string& id, const std::string& name);

  private:
    // Unanswered calls by some key: the latest calls that stand together are looked at first.
    using Together = std::deque<std::size_t>;
    using Waiting = std::unordered_map<std::string, std::vector<Together>>;

    void add(Waiting& waiting, const std::string& key, std::size_t number);
    std::optional<std::size_t> take(Waiting& waiting, const std::string& key);

    struct Known {
        std::string name;
        std::size_t turn = 0;
        bool answered = false;
    };
    std::vector<Known> calls_;
    std::size_t turn_ = 0;  // counts the groups of calls with results between them
    bool answering_ = false;
    Waiting by_id_and_name_, by_id_, by_name_;
    std::unordered_map<std::string, std::size_t> latest_by_id_;
};

}  // namespace gptoss::api
