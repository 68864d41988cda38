#include "qualify/qualification_report.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "base/error.h"

namespace gptoss::qualify {
namespace {

using Json = nlohmann::json;

constexpr std::array<std::string_view, 4> kVerdicts = {"passed", "avoided", "failed", "skipped"};
constexpr double kMoved = 0.02;

const Figure* find(const std::vector<Figure>& figures, const std::string& name) {
    const auto found = std::ranges::find(figures, name, &Figure::name);
    return found == figures.end() ? nullptr : &*found;
}

const Finding* find(const std::vector<Finding>& findings, const Finding& like) {
    const auto found = std::ranges::find_if(
        findings, [&](const Finding& each) { return each.stage == like.stage && each.name == like.name; });
    return found == findings.end() ? nullptr : &*found;
}

}  // namespace

std::string_view to_text(Verdict verdict) {
    return kVerdicts[static_cast<std::size_t>(verdict)];
}

int Report::count(Verdict verdict) const {
    return static_cast<int>(std::ranges::count(findings, verdict, &Finding::verdict));
}

bool Report::fit_to_serve() const {
    return unfinished.empty() && !findings.empty() && count(Verdict::failed) == 0;
}

nlohmann::ordered_json to_json(const Report& report) {
    nlohmann::ordered_json json = {{"format", "gpt-oss-node qualification 1"},
                                   {"fit_to_serve", report.fit_to_serve()},
                                   {"version", report.version},
                                   {"device", report.device},
                                   {"driver", report.driver},
                                   {"model", report.model},
                                   {"composite_sha256", report.composite_sha256},
                                   {"started", report.started_utc},
                                   {"took_s", report.took_s}};
    if (!report.unfinished.empty()) json["unfinished"] = report.unfinished;
    json["findings"] = Json::array();
    for (const Finding& each : report.findings)
        json["findings"].push_back({{"stage", each.stage},
                                    {"name", each.name},
                                    {"verdict", to_text(each.verdict)},
                                    {"detail", each.detail}});
    json["figures"] = Json::array();
    for (const Figure& each : report.figures)
        json["figures"].push_back({{"name", each.name},
                                   {"value", each.value},
                                   {"unit", each.unit},
                                   {"bound", each.bound},
                                   {"more_is_better", each.more_is_better}});
    json["kernels"] = {{"banned", report.kernels.banned}, {"preferred", Json::array()}};
    for (const auto& each : report.kernels.preferred)
        json["kernels"]["preferred"].push_back(
            {{"kernel", each.kernel}, {"tokens_from", each.tokens_from}, {"tokens_to", each.tokens_to}});
    return json;
}

Report report_from_json(const Json& json) {
    try {
        Report report;
        report.version = json.at("version").get<std::string>();
        report.device = json.at("device").get<std::string>();
        report.driver = json.at("driver").get<std::string>();
        report.model = json.at("model").get<std::string>();
        report.composite_sha256 = json.at("composite_sha256").get<std::string>();
        report.started_utc = json.at("started").get<std::string>();
        report.took_s = json.at("took_s").get<double>();
        report.unfinished = json.value("unfinished", std::string());
        for (const Json& each : json.at("findings")) {
            const auto found = std::ranges::find(kVerdicts, each.at("verdict").get<std::string>());
            if (found == kVerdicts.end())
                throw Error(ErrorCode::file_corrupt, "a report: an unknown verdict");
            report.findings.push_back(
                {each.at("stage").get<std::string>(), each.at("name").get<std::string>(),
                 static_cast<Verdict>(found - kVerdicts.begin()), each.at("detail").get<std::string>()});
        }
        for (const Json& each : json.at("figures"))
            report.figures.push_back({each.at("name").get<std::string>(), each.at("unit").get<std::string>(),
                                      each.at("value").get<double>(), each.at("bound").get<double>(),
                                      each.at("more_is_better").get<bool>()});
        report.kernels.banned = json.at("kernels").at("banned").get<std::vector<std::string>>();
        for (const Json& each : json.at("kernels").at("preferred"))
            report.kernels.preferred.push_back({each.at("kernel").get<std::string>(),
                                                each.at("tokens_from").get<std::int32_t>(),
                                                each.at("tokens_to").get<std::int32_t>()});
        return report;
    } catch (const Json::exception& error) {
        throw Error(ErrorCode::file_corrupt, std::string("not a report of `qualify`: ") + error.what(),
                    "Name a file that `gpt-oss-node qualify --report` wrote.");
    }
}

std::string to_text(const Report& report) {
    std::string text = fmt::format("{}\n{}, {}\n", report.device, report.model, report.version);
    std::string stage;
    for (const Finding& each : report.findings) {
        if (each.stage != stage) text += fmt::format("\n{}\n", stage = each.stage);
        text += fmt::format("  {:8} {:34} {}\n", to_text(each.verdict), each.name, each.detail);
    }
    if (!report.figures.empty()) text += "\nfigures\n";
    for (const Figure& each : report.figures)
        text += fmt::format(
            "  {:44} {:>10.4g} {}{}\n", each.name, each.value, each.unit,
            each.bound > 0
                ? fmt::format("  ({} {:.4g})", each.more_is_better ? "at least" : "at most", each.bound)
                : "");
    for (const std::string& each : report.kernels.banned) text += fmt::format("banned: {}\n", each);
    for (const auto& each : report.kernels.preferred)
        text +=
            fmt::format("preferred: {} for {} to {} tokens\n", each.kernel, each.tokens_from, each.tokens_to);
    if (!report.unfinished.empty()) text += fmt::format("unfinished: {}\n", report.unfinished);
    text += fmt::format("\n{} in {:.0f} s: {} passed, {} avoided, {} failed, {} skipped\n",
                        report.fit_to_serve() ? "FIT TO SERVE" : "NOT FIT TO SERVE", report.took_s,
                        report.count(Verdict::passed), report.count(Verdict::avoided),
                        report.count(Verdict::failed), report.count(Verdict::skipped));
    return text;
}

std::string compare(const Report& before, const Report& after) {
    std::string text = fmt::format("before: {}, {}, {}\nafter:  {}, {}, {}\n", before.device, before.model,
                                   before.version, after.device, after.model, after.version);
    for (const Finding& now : after.findings) {
        const Finding* then = find(before.findings, now);
        if (then == nullptr)
            text += fmt::format("new       {}, {}: {} {}\n", now.stage, now.name, to_text(now.verdict),
                                now.detail);
        else if (then->verdict != now.verdict)
            text += fmt::format("changed   {}, {}: {} -> {} {}\n", now.stage, now.name,
                                to_text(then->verdict), to_text(now.verdict), now.detail);
    }
    for (const Finding& then : before.findings)
        if (find(after.findings, then) == nullptr)
            text += fmt::format("gone      {}, {}: was {}\n", then.stage, then.name, to_text(then.verdict));
    for (const Figure& now : after.figures) {
        const Figure* then = find(before.figures, now.name);
        if (then == nullptr || then->value == 0) continue;
        const double ratio = now.value / then->value;
        if (std::abs(ratio - 1) > kMoved)
            text += fmt::format("{}  {}: {:.4g} -> {:.4g} {} ({:+.1f} %)\n",
                                (ratio > 1) == now.more_is_better ? "better  " : "worse   ", now.name,
                                then->value, now.value, now.unit, (ratio - 1) * 100);
    }
    return text;
}

}  // namespace gptoss::qualify
