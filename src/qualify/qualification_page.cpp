#include <spdlog/fmt/fmt.h>

#include <algorithm>

#include "qualify/qualification_report.h"

namespace gptoss::qualify {
namespace {

std::string escaped(std::string_view text) {
    std::string safe;
    for (const char character : text) {
        switch (character) {
            case '<':
                safe += "&lt;";
                break;
            case '>':
                safe += "&gt;";
                break;
            case '&':
                safe += "&amp;";
                break;
            case '"':
                safe += "&quot;";
                break;
            default:
                safe += character;
        }
    }
    return safe;
}

constexpr std::string_view kStyle =
    "body{font:16px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#1b1f24;"
    "background:#fff}table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.3rem .6rem;"
    "border-bottom:1px solid #d7dde4;vertical-align:top}.passed{color:#116329}.avoided{color:#7d4e00}"
    ".failed{color:#a40e26;font-weight:600}.skipped{color:#57606a}"
    "@media(prefers-color-scheme:dark){body{color:#e6edf3;background:#0d1117}td,th{border-color:#30363d}"
    ".passed{color:#56d364}.avoided{color:#e3b341}.failed{color:#ff7b72}.skipped{color:#8b949e}}";

// A bar from 0 to the value, with a line at the bound.
std::string bar(const Figure& figure) {
    if (figure.bound <= 0) return {};
    const double most = std::max(figure.value, figure.bound) * 1.05;
    const bool good = figure.more_is_better ? figure.value >= figure.bound : figure.value <= figure.bound;
    return fmt::format(
        R"(<svg width="200" height="14" role="img" aria-label="{:.4g} of {:.4g}"><rect width="{:.1f}" height="14" fill="{}"/><rect x="{:.1f}" width="2" height="14" fill="currentColor"/></svg>)",
        figure.value, figure.bound, 200 * figure.value / most, good ? "#2da44e" : "#cf222e",
        200 * figure.bound / most);
}

}  // namespace

std::string to_html(const Report& report) {
    std::string page = fmt::format(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" "
        "content=\"width=device-width\"><title>Qualification of {0}</title><style>{1}</style><h1>{2}</h1>"
        "<p>{0}, {3}<br>{4}<br>weights {5}<br>{6}, {7:.0f} s</p>",
        escaped(report.device), kStyle, report.fit_to_serve() ? "Fit to serve" : "Not fit to serve",
        escaped(report.driver), escaped(report.model), escaped(report.composite_sha256),
        escaped(report.started_utc), report.took_s);
    page += "<h2>Findings</h2><table><tr><th>stage<th>what<th>verdict<th>detail</tr>";
    for (const Finding& each : report.findings)
        page += fmt::format("<tr><td>{}<td>{}<td class=\"{}\">{}<td>{}</tr>", escaped(each.stage),
                            escaped(each.name), to_text(each.verdict), to_text(each.verdict),
                            escaped(each.detail));
    page += "</table><h2>Figures</h2><table><tr><th>what<th>value<th>bound<th></tr>";
    for (const Figure& each : report.figures)
        page += fmt::format("<tr><td>{}<td>{:.4g} {}<td>{}<td>{}</tr>", escaped(each.name), each.value,
                            escaped(each.unit), each.bound > 0 ? fmt::format("{:.4g}", each.bound) : "",
                            bar(each));
    page += "</table><h2>Kernels</h2><ul>";
    for (const std::string& each : report.kernels.banned) page += "<li>banned: " + escaped(each);
    for (const auto& each : report.kernels.preferred)
        page += fmt::format("<li>{} for steps of {} to {} tokens", escaped(each.kernel), each.tokens_from,
                            each.tokens_to);
    if (report.kernels == backend::KernelChoice{}) page += "<li>the program's own choice everywhere";
    return page + "</ul><p>Version " + escaped(report.version) + "</p></html>\n";
}

}  // namespace gptoss::qualify
