// `qualify`: does this machine compute right, and how fast? `qualify-probe` is its child.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <memory>
#include <optional>

#include "backend/devices/devices.h"
#include "base/error.h"
#include "cli/commands.h"
#include "cli/gpu_layers.h"
#include "cli/progress_line.h"
#include "cli/settings_flags.h"
#include "cli/stopwatch.h"
#include "node/demo_model.h"
#include "provenance/chain/private_key.h"
#include "provenance/whole_file.h"
#include "qualify/probe_worker.h"
#include "qualify/qualify.h"
#include "qualify/report_signature.h"

namespace gptoss::cli {
namespace {

struct QualifyCommand {
    qualify::QualifyOptions options;
    std::string report_file, page_file, decision_path, verify, signer, env_file;
    std::vector<std::string> compare, stages;
    bool json = false, no_decision = false, if_needed = false;
};

// Again and again while more is found: whoever reads it meanwhile, or is left with it, has a whole file.
void write_file(const std::string& path, const std::string& text) {
    using std::filesystem::file_type;
    const file_type kind = std::filesystem::symlink_status(path).type();
    if (kind == file_type::not_found || kind == file_type::regular)
        return provenance::write_whole_file(path, text);
    std::ofstream file(path);
    file << text;
    if (!file.flush()) throw Error(ErrorCode::disk_full, "cannot write " + path);
}

qualify::Report read_report(const std::string& path) {
    std::ifstream file(path);
    if (!file)
        throw Error(ErrorCode::file_not_found, path + " cannot be read", "Name a report of `qualify`.");
    return qualify::report_from_json(nlohmann::json::parse(file, nullptr, false));
}

// What is being done: one line on a terminal, a line each with its time in a log.
class StepsOnStderr {
  public:
    void show(const std::string& what) {
        if (isatty(STDERR_FILENO) != 0) return line_.show(what + " ...");
        std::fprintf(stderr, "%7.1f s  %s\n", watch_.seconds(), what.c_str());
    }
    void clear() { line_.clear(); }

  private:
    ProgressLine line_;
    Stopwatch watch_;
};

// As `receipt check` ends.
int verify(const QualifyCommand& command) {
    std::ifstream file(command.verify);
    if (!file)
        throw Error(ErrorCode::file_not_found, command.verify + " cannot be read",
                    "Name a report of `qualify`.");
    const auto json = nlohmann::ordered_json::parse(file, nullptr, false);
    const qualify::Report report = qualify::report_from_json(json);
    const qualify::SignatureVerdict verdict = qualify::check_report_signature(json, command.signer);
    std::printf("%s: %s, %s, %s\n%s\n", command.verify.c_str(), report.device.c_str(), report.model.c_str(),
                report.fit_to_serve() ? "FIT TO SERVE" : "NOT FIT TO SERVE", verdict.why.c_str());
    return verdict.holds ? 0 : 4;
}

// The host's key, where it has one and a report will be written.
std::optional<provenance::chain::PrivateKey> signing_key(const QualifyCommand& command) {
    if (command.report_file.empty() && !command.json) return std::nullopt;
    const node::Settings settings = settings_without_flags(command.env_file);
    if (settings.host_private_key.empty()) return std::nullopt;
    return provenance::chain::PrivateKey(settings.host_private_key, "HOST_PRIVATE_KEY");
}

int run(QualifyCommand command) {
    if (!command.verify.empty()) return verify(command);
    if (!command.compare.empty()) {
        std::fputs(qualify::compare(read_report(command.compare[0]), read_report(command.compare[1])).c_str(),
                   stdout);
        return 0;
    }
    qualify::QualifyOptions& options = command.options;
    if (options.model.empty()) options.model = node::find_demo_model().string();
    options.program = std::filesystem::read_symlink("/proc/self/exe");
    if (!command.no_decision)
        options.decision_path = command.decision_path.empty() ? node::default_decision_path()
                                                              : std::filesystem::path(command.decision_path);
    if (!command.stages.empty()) {
        const auto asked = [&](const char* stage) {
            return std::ranges::find(command.stages, stage) != command.stages.end();
        };
        options.kernels = asked("kernels");
        options.weights = asked("weights");
        options.answers = asked("answers");
        options.load = asked("load");
    }
    if (command.if_needed)
        if (const auto earlier = qualify::earlier_decision(options)) {
            std::printf(
                "qualified before on this card, driver and version: %s\n",
                earlier->fit_to_serve ? "FIT TO SERVE" : ("NOT FIT TO SERVE: " + earlier->reason).c_str());
            return earlier->fit_to_serve ? 0 : 1;
        }
    const std::optional<provenance::chain::PrivateKey> key = signing_key(command);
    const auto json_of = [&](const qualify::Report& report) {
        nlohmann::ordered_json document = qualify::to_json(report);
        if (key) document = qualify::sign_report(std::move(document), *key);
        return document.dump(2) + "\n";
    };
    const auto write = [&](const qualify::Report& report) {
        if (!command.report_file.empty()) write_file(command.report_file, json_of(report));
        if (!command.page_file.empty()) write_file(command.page_file, qualify::to_html(report));
    };
    StepsOnStderr steps;
    qualify::ChildProbeRunner runner(options.program, options.probe_most_s);
    const qualify::Report report = qualify::qualify(
        options, runner, [&](const std::string& what) { steps.show(what); }, write);
    steps.clear();
    write(report);
    std::fputs(command.json ? json_of(report).c_str() : qualify::to_text(report).c_str(), stdout);
    return report.fit_to_serve() ? 0 : 1;
}

}  // namespace

void add_qualify(CLI::App& app, int& exit_code) {
    CLI::App* command =
        app.add_subcommand("qualify", "Find out whether this machine computes right, and how fast");
    auto options = std::make_shared<QualifyCommand>();
    command->add_option("--model", options->options.model, "GGUF file (not given: the demo model)");
    options->options.device = backend::device_names().front();
    command->add_option("--device", options->options.device, "cpu or cuda")->capture_default_str();
    add_gpu_layers(*command, options->options.gpu_layers);
    command
        ->add_option("--gpu-ordinal", options->options.gpu_ordinal,
                     "Which GPU, in the driver's order [GPTOSS_GPU_ORDINAL]")
        ->envname("GPTOSS_GPU_ORDINAL")
        ->check(CLI::Range(0, 63));
    command->add_option("--kv-cache-type", options->options.kv_cache_type, "bf16, f16, f8 or f8_full")
        ->check(CLI::IsMember({"bf16", "f16", "f8", "f8_full", "q8_0"}))
        ->capture_default_str();
    command
        ->add_option("--minutes", options->options.minutes,
                     "Of load on a whole node, and the most for the kernels; 0 = no load, kernels as long as "
                     "they take")
        ->check(CLI::Range(0.0, 1440.0))
        ->capture_default_str();
    command->add_option("--expect", options->options.expected_sha256, "SHA-256 the weights must have");
    command->add_option("--stages", options->stages, "Only these: kernels,weights,answers,load")
        ->delimiter(',')
        ->check(CLI::IsMember({"kernels", "weights", "answers", "load"}));
    command->add_flag("--if-needed", options->if_needed,
                      "Only when this card, driver, version and kind of model were not qualified before");
    command->add_option("--report", options->report_file, "Write the report as JSON");
    command->add_option("--page", options->page_file, "Write the report as a page for people");
    command
        ->add_option("--qualification-path", options->decision_path,
                     "Where the decision is kept for `serve` [GPTOSS_QUALIFICATION_PATH]")
        ->envname("GPTOSS_QUALIFICATION_PATH");
    command->add_flag("--no-decision", options->no_decision, "Keep no decision");
    command->add_flag("--json", options->json, "For programs");
    command->add_option("--compare", options->compare, "Two reports: what changed between them")->expected(2);
    command->add_option("--verify", options->verify, "A report: is it as its host signed it?");
    command->add_option("--signer", options->signer, "With --verify: the address it must be signed by");
    command->add_option("--env-file", options->env_file,
                        "Where HOST_PRIVATE_KEY is looked for, to sign the report (default: .env)");
    command->footer(
        "Exit status: 0 fit to serve, 1 not; with --verify 0 signed, 4 not. A kernel that computes wrong is "
        "banned: `serve` never uses it\n"
        "again on this card with this driver and version.");
    command->callback([options, &exit_code] { exit_code = run(*options); });

    CLI::App* probe = app.add_subcommand("qualify-probe", "Compute the probes of `qualify`")->group("");
    auto folder = std::make_shared<std::string>();
    probe->add_option("folder", *folder)->required();
    probe->callback([folder, &exit_code] {
        qualify::answer_probe_requests(*folder);
        exit_code = 0;
    });
}

}  // namespace gptoss::cli
