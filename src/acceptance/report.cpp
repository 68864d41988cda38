#include "acceptance/report.h"

#include <algorithm>
#include <array>
#include <cstdio>

namespace gptoss::acceptance {
namespace {

struct Look {
    const char* word;
    const char* colour;
};

Look look_of(Verdict verdict) {
    switch (verdict) {
        case Verdict::passed:
            return {"ok", "\033[32m"};
        case Verdict::failed:
            return {"FAILED", "\033[31;1m"};
        case Verdict::skipped:
            return {"skipped", "\033[2m"};
    }
    return {"", ""};
}

std::string xml(const std::string& text) {
    std::string escaped;
    for (const char c : one_line(text)) {
        switch (c) {
            case '&':
                escaped += "&amp;";
                break;
            case '<':
                escaped += "&lt;";
                break;
            case '>':
                escaped += "&gt;";
                break;
            case '"':
                escaped += "&quot;";
                break;
            default:
                escaped += c;
        }
    }
    return escaped;
}

std::string seconds(double time_ms) {
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%.3f", time_ms / 1e3);
    return text.data();
}

}  // namespace

std::string one_line(const std::string& text) {
    std::string line = text;
    std::replace_if(
        line.begin(), line.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, ' ');
    return line;
}

int Report::count(Verdict verdict) const {
    return static_cast<int>(std::count_if(outcomes.begin(), outcomes.end(),
                                          [&](const Outcome& each) { return each.verdict == verdict; }));
}

std::string Report::table(bool colours) const {
    std::string text = one_line(model) + " at " + url + "\n\n";
    for (const Outcome& each : outcomes) {
        const Look look = look_of(each.verdict);
        std::array<char, 128> row{};
        std::snprintf(row.data(), row.size(), "%s%-8s%s %-24s %8s s  ", colours ? look.colour : "", look.word,
                      colours ? "\033[0m" : "", each.name.c_str(), seconds(each.time_ms).c_str());
        text += row.data() + one_line(each.detail) + "\n";
    }
    return text + "\n" + std::to_string(count(Verdict::passed)) + " passed, " +
           std::to_string(count(Verdict::failed)) + " failed, " + std::to_string(count(Verdict::skipped)) +
           " skipped\n";
}

nlohmann::ordered_json Report::to_json() const {
    nlohmann::ordered_json json = {{"passed", passed()}, {"url", url}, {"model", model}};
    json["checks"] = json["skipped"] = nlohmann::ordered_json::array();
    for (const Outcome& each : outcomes) {
        if (each.verdict == Verdict::skipped) {
            json["skipped"].push_back({{"name", each.name}, {"reason", each.detail}});
        } else {
            json["checks"].push_back({{"name", each.name},
                                      {"passed", each.verdict == Verdict::passed},
                                      {"detail", each.detail},
                                      {"time_ms", each.time_ms}});
        }
    }
    return json;
}

std::string Report::to_junit() const {
    double total_ms = 0;
    std::string cases;
    for (const Outcome& each : outcomes) {
        total_ms += each.time_ms;
        cases += "  <testcase classname=\"gpt-oss-node.check\" name=\"" + xml(each.name) + "\" time=\"" +
                 seconds(each.time_ms) + "\">";
        if (each.verdict == Verdict::failed) cases += "<failure message=\"" + xml(each.detail) + "\"/>";
        if (each.verdict == Verdict::skipped) cases += "<skipped message=\"" + xml(each.detail) + "\"/>";
        cases += "</testcase>\n";
    }
    return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"gpt-oss-node check " + xml(url) +
           "\" tests=\"" + std::to_string(outcomes.size()) + "\" failures=\"" +
           std::to_string(count(Verdict::failed)) + "\" skipped=\"" +
           std::to_string(count(Verdict::skipped)) + "\" time=\"" + seconds(total_ms) + "\">\n" + cases +
           "</testsuite>\n";
}

}  // namespace gptoss::acceptance
