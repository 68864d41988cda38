// What the checks found: a table for people, JSON for programs, JUnit for CI.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace gptoss::acceptance {

// For the terminal as for XML: a server's text must not move the cursor nor break a row.
std::string one_line(const std::string& text);

enum class Verdict { passed, failed, skipped };

struct Outcome {
    std::string name;  // stays the same from run to run: scripts select by it
    Verdict verdict = Verdict::passed;
    std::string detail;  // what was measured, what was wrong, or why it was skipped
    double time_ms = 0;
};

struct Report {
    std::string url, model;
    std::vector<Outcome> outcomes;

    int count(Verdict verdict) const;
    bool passed() const { return count(Verdict::failed) == 0; }

    std::string table(bool colours) const;

    // {"passed", "url", "model", "checks": [{"name", "passed", "detail", "time_ms"}], "skipped": [{"name",
    // "reason"}]}
    nlohmann::ordered_json to_json() const;

    std::string to_junit() const;
};

}  // namespace gptoss::acceptance
