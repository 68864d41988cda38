#include "node/kernel_decision.h"

#include <fstream>
#include <nlohmann/json.hpp>
#include <span>
#include <sstream>
#include <vector>

#include "base/error.h"
#include "base/state_file.h"
#include "provenance/sha256.h"
#include "provenance/whole_file.h"

namespace gptoss::node {
namespace {

using Json = nlohmann::json;

std::string hash_of(std::string_view text) {
    return provenance::to_hex(provenance::sha256(std::as_bytes(std::span(text))));
}

// "model name : Intel(R) Xeon(R)" -> "Intel(R) Xeon(R)"
std::string processor_name() {
    std::ifstream file("/proc/cpuinfo");
    for (std::string line; std::getline(file, line);)
        if (line.starts_with("model name"))
            if (const std::size_t at = line.find(": "); at != std::string::npos) return line.substr(at + 2);
    return "CPU";
}

// "NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.65.06  Sun ..." -> "580.65.06"
std::string driver_version() {
    std::ifstream file("/proc/driver/nvidia/version");
    std::string line;
    std::getline(file, line);
    std::istringstream words(line);
    for (std::string word; words >> word;)
        if (word.find('.') != std::string::npos && word.find_first_not_of("0123456789.") == std::string::npos)
            return word;
    return "unknown";
}

Json to_json(const KernelDecision& decision) {
    Json json = {{"card", decision.subject.card},          {"driver", decision.subject.driver},
                 {"version", decision.subject.version},    {"tensors", decision.subject.tensors},
                 {"banned", decision.kernels.banned},      {"preferred", Json::array()},
                 {"fit_to_serve", decision.fit_to_serve},  {"reason", decision.reason},
                 {"short_minutes", decision.short_minutes}};
    for (const auto& each : decision.kernels.preferred)
        json["preferred"].push_back({each.kernel, each.tokens_from, each.tokens_to});
    return json;
}

KernelDecision from_json(const Json& json) {
    KernelDecision decision;
    decision.subject = {json.at("card").get<std::string>(), json.at("driver").get<std::string>(),
                        json.at("version").get<std::string>(), json.at("tensors").get<std::string>()};
    decision.kernels.banned = json.at("banned").get<std::vector<std::string>>();
    for (const Json& each : json.at("preferred"))
        decision.kernels.preferred.push_back(
            {each.at(0).get<std::string>(), each.at(1).get<std::int32_t>(), each.at(2).get<std::int32_t>()});
    decision.fit_to_serve = json.at("fit_to_serve").get<bool>();
    decision.reason = json.at("reason").get<std::string>();
    decision.short_minutes = json.value("short_minutes", 0.0);  // older nodes did not say
    return decision;
}

std::vector<KernelDecision> read_all(const std::filesystem::path& path) {
    if (path.empty() || !std::filesystem::exists(path)) return {};
    std::ifstream file(path);
    return decisions_from_text(std::string(std::istreambuf_iterator<char>(file), {}), path.string());
}

}  // namespace

std::vector<KernelDecision> decisions_from_text(std::string_view text, const std::string& name) {
    const Json json = Json::parse(text, nullptr, false);
    std::vector<KernelDecision> all;
    try {
        if (json.at("sha256").get<std::string>() != hash_of(json.at("decisions").dump()))
            throw Error(
                ErrorCode::file_corrupt, name + " is not what `qualify` wrote",
                "Run `gpt-oss-node qualify` again, or delete the file to serve without its decisions.");
        for (const Json& each : json.at("decisions")) all.push_back(from_json(each));
    } catch (const Json::exception&) {
        throw Error(ErrorCode::file_corrupt, name + " holds no decisions of `qualify`",
                    "Run `gpt-oss-node qualify` again, or delete the file to serve without its decisions.");
    }
    return all;
}

DecisionSubject decision_subject(const std::string& device, const std::string& card, const gguf::File& file) {
    std::string tensors;
    for (const gguf::Tensor& tensor : file.tensors()) {
        tensors += tensor.name + " " + std::to_string(static_cast<int>(tensor.type));
        for (const std::uint64_t size : tensor.shape) tensors += " " + std::to_string(size);
        tensors += "\n";
    }
    return {device == "cpu" ? processor_name() : card, device == "cpu" ? std::string() : driver_version(),
            GPTOSS_VERSION, hash_of(tensors)};
}

std::filesystem::path default_decision_path() {
    return state_file("qualification.json");
}

void save_decision(const std::filesystem::path& path, const KernelDecision& decision) {
    std::vector<KernelDecision> all;
    try {
        all = read_all(path);
    } catch (const Error&) {  // what cannot be read is written anew
    }
    std::erase_if(all, [&](const auto& each) { return each.subject == decision.subject; });
    all.push_back(decision);
    Json decisions = Json::array();
    for (const KernelDecision& each : all) decisions.push_back(to_json(each));
    const Json json = {{"sha256", hash_of(decisions.dump())}, {"decisions", decisions}};
    if (path.has_parent_path()) std::filesystem::create_directories(path.parent_path());
    provenance::write_whole_file(path, json.dump(1) + "\n");
}

std::optional<KernelDecision> decision_for(const Settings& settings, const std::string& device,
                                           const std::string& card, const gguf::File& file) {
    if (settings.qualification_path == "off") return std::nullopt;
    const std::filesystem::path path = settings.qualification_path.empty()
                                           ? default_decision_path()
                                           : std::filesystem::path(settings.qualification_path);
    if (path.empty() || !std::filesystem::exists(path)) return std::nullopt;
    return find_decision(path, decision_subject(device, card, file));
}

std::optional<KernelDecision> find_decision(const std::filesystem::path& path,
                                            const DecisionSubject& subject) {
    for (const KernelDecision& each : read_all(path))
        if (each.subject == subject) return each;
    return std::nullopt;
}

}  // namespace gptoss::node
