// What `qualify` decided for this machine, where `serve` finds it: a small file in the state folder, with a
// hash over itself. It belongs to one card, driver, build and kind of model; for another it says nothing.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "backend/kernel_choice.h"
#include "gguf/file.h"
#include "node/settings.h"

namespace gptoss::node {

// What a decision depends on.
struct DecisionSubject {
    std::string card;     // the GPU's name, or the processor's
    std::string driver;   // empty on a CPU
    std::string version;  // of the node
    std::string tensors;  // names, types and shapes of the model's tensors, hashed
    bool operator==(const DecisionSubject&) const = default;
};

// `device` is "cpu" or "cuda", `card` as DeviceNeeds::device calls it.
DecisionSubject decision_subject(const std::string& device, const std::string& card, const gguf::File& file);

struct KernelDecision {
    DecisionSubject subject;
    backend::KernelChoice kernels;
    bool fit_to_serve = true;
    std::string reason;  // why not
    // That `qualify` had and that were too few for all it would have looked at; 0 = nothing was left out.
    double short_minutes = 0;
};

// The file's place when no setting names one: gpt-oss-node/qualification.json in $XDG_STATE_HOME or
// ~/.local/state; empty where there is no home.
std::filesystem::path default_decision_path();

// Adds or replaces the decision for its subject. Throws Error(disk_full).
void save_decision(const std::filesystem::path& path, const KernelDecision& decision);

// The decision that the settings name for a device and a model: GPTOSS_QUALIFICATION_PATH, or the default
// place; "off" = none. Throws what find_decision() throws.
std::optional<KernelDecision> decision_for(const Settings& settings, const std::string& device,
                                           const std::string& card, const gguf::File& file);

// All decisions of a file's text; `name` is the file's, for errors. Throws Error(file_corrupt) as find_decision().
std::vector<KernelDecision> decisions_from_text(std::string_view text, const std::string& name);

// Nothing when there is no file or nothing in it for that subject. Throws Error(file_corrupt) when the file is
// not what was written: a kernel that was banned must not come back because of that.
std::optional<KernelDecision> find_decision(const std::filesystem::path& path,
                                            const DecisionSubject& subject);

}  // namespace gptoss::node
