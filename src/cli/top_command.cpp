// `top`: how busy a running node is, once or live, from its /v1/status and /metrics.
#include <spdlog/fmt/fmt.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "acceptance/load_reading.h"
#include "acceptance/report.h"
#include "cli/commands.h"
#include "cli/remote_node.h"

namespace gptoss::cli {
namespace {

using acceptance::Json;
using acceptance::Load;
using acceptance::LoadReading;
using acceptance::number_at;
using acceptance::object_at;

constexpr std::chrono::seconds kWindow{10};  // of the figures of the last seconds: long enough to be steady
constexpr double kGigabyte = 1e9;

struct TopOptions {
    acceptance::ClientOptions client;
    std::string key_file;
    double interval_s = 1;
    bool once = false;
};

std::string text_at(const Json& object, const char* name) {
    return acceptance::one_line(acceptance::text_at(object, name));
}

std::string row(std::string_view name, const std::string& value) {
    return fmt::format("{:<16}{}\n", name, value);
}

std::string bar(double share) {
    constexpr int kCells = 20;
    const int full = static_cast<int>(std::clamp(share, 0.0, 1.0) * kCells + 0.5);
    return "[" + std::string(static_cast<std::size_t>(full), '#') +
           std::string(static_cast<std::size_t>(kCells - full), '.') + "]";
}

std::string state_text(const Json& status) {
    std::string text = text_at(status, "status");
    for (const char* reason : {"obstacle", "failure"})
        if (const std::string why = text_at(status, reason); !why.empty()) text += ": " + why;
    const Json& progress = object_at(status, "progress");
    if (!progress.empty()) {
        text +=
            fmt::format(", {} {:.0f} %", text_at(progress, "stage"), number_at(progress, "fraction") * 100);
    }
    return text;
}

// What the card reports; not every card reports everything.
std::string gpu_rows(const Json& gpu) {
    std::string text;
    const double used = number_at(gpu, "memory_used_bytes"), total = number_at(gpu, "memory_total_bytes");
    if (total > 0) {
        std::string memory =
            fmt::format("{} {:.1f} of {:.1f} GB", bar(used / total), used / kGigabyte, total / kGigabyte);
        if (const double ceiling = number_at(gpu, "memory_ceiling_bytes"); ceiling > 0)
            memory += fmt::format(", ceiling {:.1f}", ceiling / kGigabyte);
        text += row("VRAM", memory);
    }
    std::string state;
    const auto add = [&](const char* name, const char* unit) {
        if (!gpu.contains(name)) return;
        state += fmt::format("{}{:.0f}{}", state.empty() ? "" : "   ", number_at(gpu, name), unit);
    };
    add("temperature_celsius", " °C");
    add("power_watts", " W");
    add("power_limit_watts", " W limit");
    add("utilization_percent", " % busy");
    add("sm_clock_mhz", " MHz");
    if (number_at(gpu, "throttled") > 0) state += "   throttled";
    return state.empty() ? text : text + row("GPU", state);
}

std::string latency_text(const std::optional<acceptance::Latency>& latency) {
    if (!latency) return "-";
    return fmt::format("{:.1f} ms mean, {:.1f} ms p95", latency->mean_ms, latency->p95_ms);
}

std::string engine_rows(const Json& status, const Load& load) {
    const Json& engine = object_at(status, "engine");
    if (engine.empty()) return {};
    const double used = number_at(engine, "kv_blocks_used"), cached = number_at(engine, "kv_blocks_cached");
    const double total = std::max(number_at(engine, "kv_blocks_total"), 1.0);
    std::string text = row("KV", fmt::format("{} {:.1f} % in use, {:.1f} % kept for prefixes",
                                             bar(used / total), used / total * 100, cached / total * 100));
    text += row("requests", fmt::format("{:.0f} running (of {:.0f}), {:.0f} waiting (of {:.0f})",
                                        number_at(engine, "running"), number_at(status, "max_sequences"),
                                        number_at(engine, "waiting"), number_at(status, "queue_limit")));
    if (number_at(engine, "waiting") > 0)
        text += row("queue",
                    fmt::format("{:.1f} s the first has waited", number_at(engine, "oldest_wait_ms") / 1e3));
    const double bound_ms = number_at(engine, "step_bound_ms");
    text += row("scheduling",
                text_at(status, "scheduling") +
                    (bound_ms > 0 ? fmt::format(", a step with prompts may take {:.0f} ms", bound_ms) : ""));
    text += row("tok/s",
                fmt::format("{:.1f} prompt, {:.1f} generation", number_at(engine, "prompt_tokens_per_second"),
                            number_at(engine, "generated_tokens_per_second")));
    text += "\n";
    text += load.since_start ? "since the start\n" : fmt::format("last {:.0f} s\n", load.seconds);
    if (!load.since_start)
        text += row("replies", fmt::format("{:.1f}/s, refused {:.1f}/s", load.replies_per_second,
                                           load.refused_per_second));
    text += row("prefix hits", load.prefix_hit_share
                                   ? fmt::format("{:.1f} % of prompt tokens", *load.prefix_hit_share * 100)
                                   : "-");
    text += row("first token", latency_text(load.first_token));
    text += row("between tokens", latency_text(load.next_token));
    return text;
}

std::string picture(const std::string& url, const LoadReading& reading, const Load& load) {
    if (!reading.problem.empty())
        return row("node", url) + row("state", acceptance::one_line(reading.problem));
    const Json& status = reading.status;
    std::string text = row("node", fmt::format("{}   gpt-oss-node {}", url, text_at(status, "version")));
    if (const std::string model = text_at(status, "model"); !model.empty())
        text += row("model", fmt::format("{}, context {:.0f}", model, number_at(status, "context_length")));
    text += row("state", state_text(status));
    if (const std::string device = text_at(status, "device"); !device.empty())
        text += row("device", device + "; " + text_at(status, "placement"));
    return text + gpu_rows(object_at(status, "gpu")) + engine_rows(status, load);
}

volatile std::sig_atomic_t stop_asked = 0;

// The terminal's second screen, without a cursor and without wrapping; gone when this goes.
class Screen {
  public:
    Screen() {
        struct sigaction action {};
        action.sa_handler = [](int) { stop_asked = 1; };  // without SA_RESTART: it ends a pause
        sigaction(SIGINT, &action, nullptr);
        sigaction(SIGTERM, &action, nullptr);
        say("\033[?1049h\033[?25l\033[?7l");
    }
    ~Screen() { say("\033[?7h\033[?25h\033[?1049l"); }
    Screen(const Screen&) = delete;
    Screen& operator=(const Screen&) = delete;

    // Over what was there, so that nothing flickers.
    static void show(const std::string& text) {
        std::string bytes = "\033[H";
        for (const char c : text) bytes += c == '\n' ? "\033[K\n" : std::string(1, c);
        say(bytes + "\033[J");
    }

  private:
    static void say(const std::string& bytes) {
        std::fwrite(bytes.data(), 1, bytes.size(), stdout);
        std::fflush(stdout);
    }
};

void pause_for(double time_s) {
    const auto whole_s = static_cast<std::time_t>(time_s);
    const timespec time{whole_s, static_cast<long>((time_s - static_cast<double>(whole_s)) * 1e9)};
    nanosleep(&time, nullptr);
}

int show_once(const acceptance::Client& client) {
    const LoadReading reading = read_load(client);
    std::printf("%s", picture(client.url(), reading, compare(nullptr, reading)).c_str());
    return reading.problem.empty() ? 0 : 1;
}

int show_live(const acceptance::Client& client, double interval_s) {
    const Screen screen;
    std::deque<LoadReading> readings;
    while (stop_asked == 0) {
        LoadReading reading = read_load(client);
        while (readings.size() > 1 && reading.taken - readings[1].taken >= kWindow) readings.pop_front();
        const Load load = compare(readings.empty() ? nullptr : &readings.front(), reading);
        Screen::show(picture(client.url(), reading, load) + "\nCtrl-C ends.\n");
        if (reading.problem.empty()) {
            if (load.since_start) readings.clear();  // those from before a restart mean nothing any more
            readings.push_back(std::move(reading));
        }
        if (stop_asked == 0) pause_for(interval_s);
    }
    return 0;
}

int run(TopOptions options) {
    options.client.api_key = api_key_of_client(options.key_file);
    options.client.url = url_of_node(options.client.url);
    const acceptance::Client client(options.client);
    return options.once || isatty(STDOUT_FILENO) == 0 ? show_once(client)
                                                      : show_live(client, options.interval_s);
}

}  // namespace

void add_top(CLI::App& app, int& exit_code) {
    CLI::App* command = app.add_subcommand("top", "Watch a running node: memory, queue, speed, latency");
    auto options = std::make_shared<TopOptions>();
    options->client.url = "http://127.0.0.1:8080";
    options->client.timeout_ms = 5'000;
    command->add_option("--url", options->client.url, "The node")->capture_default_str();
    command->add_option("--api-key-file", options->key_file, kApiKeyFileHelp);
    command->add_option("--interval", options->interval_s, "Seconds between two looks")
        ->check(CLI::Range(0.1, 3600.0))
        ->capture_default_str();
    command->add_flag("--once", options->once, "Look once and end; also done where there is no terminal");
    command->footer("Exit status of --once: 0 the node told, 1 it did not.");
    command->callback([options, &exit_code] { exit_code = run(*options); });
}

}  // namespace gptoss::cli
