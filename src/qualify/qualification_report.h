// What `qualify` found: JSON for programs, a page for people, signed where the host has a key. Holds no secret
// and nothing that a user wrote, so that it can be attached to a bug report.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "backend/kernel_choice.h"

namespace gptoss::qualify {

enum class Verdict {
    passed,
    avoided,  // a kernel is wrong or slow, is banned from now on, and another does its work
    failed,   // this machine must not serve so
    skipped,  // could not be asked here; `detail` says why
};
std::string_view to_text(Verdict verdict);

struct Finding {
    std::string stage;  // "kernels", "whole model", "answers", "load", "weights"
    std::string name;   // stays the same from run to run: reports are compared by it
    Verdict verdict = Verdict::passed;
    std::string detail;
};

struct Figure {
    std::string name, unit;
    double value = 0;
    double bound = 0;  // what it is held against; 0 = nothing
    bool more_is_better = true;
};

struct Report {
    // The machine and what was tried on it.
    std::string version, device, driver, model, composite_sha256, started_utc;
    double took_s = 0;
    std::string unfinished;  // what was being done when this much was known; empty = it is whole
    std::vector<Finding> findings;
    std::vector<Figure> figures;
    backend::KernelChoice kernels;  // what serve will use from now on

    bool fit_to_serve() const;
    int count(Verdict verdict) const;
};

nlohmann::ordered_json to_json(const Report& report);
// Throws Error(file_corrupt) naming the member.
Report report_from_json(const nlohmann::json& json);

// For the terminal.
std::string to_text(const Report& report);
// A page that stands alone: no script, no file beside it. Figures as bars against their bounds.
std::string to_html(const Report& report);

// Two reports side by side: findings whose verdict changed, figures that moved by more than 2 %.
std::string compare(const Report& before, const Report& after);

}  // namespace gptoss::qualify
