#include "qualify/qualify.h"

#include <chrono>

#include "backend/devices/devices.h"
#include "base/error.h"
#include "base/utc_time.h"
#include "gguf/file.h"
#include "provenance/verify.h"
#include "qualify/known_speeds.h"
#include "qualify/node_stages.h"

namespace gptoss::qualify {
namespace {

constexpr double kReadyWithin_s = 1800;

void qualify_weights(const QualifyOptions& options, const gguf::File& file, Report& report) {
    provenance::VerifyRequest request{{}, options.expected_sha256, {}};
    for (const gguf::Part& part : file.parts()) request.parts.push_back(part.path);
    const provenance::VerifyReport verified = provenance::verify(request);
    report.composite_sha256 = verified.composite;
    for (const provenance::Comparison& comparison : verified.comparisons)
        report.findings.push_back({"weights", comparison.against,
                                   comparison.verdict == provenance::Verdict::equal       ? Verdict::passed
                                   : comparison.verdict == provenance::Verdict::different ? Verdict::failed
                                                                                          : Verdict::skipped,
                                   comparison.detail});
}

std::vector<std::string> serve_flags(const QualifyOptions& options) {
    std::vector<std::string> flags = {"--model",
                                      options.model,
                                      "--device",
                                      options.device,
                                      "--kv-cache-type",
                                      options.kv_cache_type,
                                      "--qualification-path",
                                      options.decision_path.empty() ? "off" : options.decision_path.string()};
    const auto add = [&](const char* flag, std::int32_t number) {
        flags.insert(flags.end(), {flag, std::to_string(number)});
    };
    if (options.device == "cuda" && options.gpu_layers < model::PlanRequest{}.gpu_layers)
        add("--gpu-layers", options.gpu_layers);
    if (options.device == "cuda") add("--gpu-ordinal", options.gpu_ordinal);
    return flags;
}

void qualify_node(const QualifyOptions& options, Report& report, const StageProgress& progress) {
    progress("starting a node");
    ChildNode node(options.program, serve_flags(options));
    if (const std::string problem = node.wait_until_ready(kReadyWithin_s); !problem.empty()) {
        report.findings.push_back({"answers", "node starts", Verdict::failed, problem});
        return;
    }
    if (options.answers) {
        progress("asking what is known");
        const bool on_gpu = options.device == "cuda";
        AnswerOptions answers{report.composite_sha256, on_gpu};
        if (on_gpu) answers.needle_tokens = model::gpt_oss_120b().context_length;
        qualify_answers(node, answers, report);
    }
    if (options.load && options.minutes > 0)
        qualify_load(node, {.minutes = options.minutes, .on_gpu = options.device == "cuda"}, report,
                     progress);
    node.stop();
}

node::DecisionSubject subject_of(const QualifyOptions& options, const gguf::File& file,
                                 const model::Weights& weights) {
    const backend::DeviceNeeds needs = backend::device_needs(
        options.device, weights,
        model::PlanRequest{.context_length = model::kBlockTokens, .gpu_ordinal = options.gpu_ordinal});
    return node::decision_subject(options.device, needs.device, file);
}

KernelStageOptions stage_options(const QualifyOptions& options, const model::Weights& weights) {
    KernelStageOptions stage;
    stage.model = options.model;
    stage.device = options.device;
    stage.kernels = backend::kernel_names(options.device, weights, options.gpu_ordinal);
    stage.step_text = backend::step_text(options.device, weights, options.gpu_ordinal);
    stage.shape = weights.hyperparameters;
    stage.gpu_layers = options.gpu_layers;
    stage.gpu_ordinal = options.gpu_ordinal;
    if (options.device != "cpu" &&
        model::device_layers(stage.shape, {.gpu_layers = options.gpu_layers}).first > 0)
        for (const std::string& kernel : backend::cpu_kernel_names()) stage.kernels.push_back(kernel);
    stage.kv_types = model::kv_types_named(options.kv_cache_type);
    if (options.device == "cpu") stage.most_tokens = 512;
    stage.most_s = options.minutes * 60;
    return stage;
}

// What the first failed finding says.
std::string reason_of(const Report& report) {
    for (const Finding& each : report.findings)
        if (each.verdict == Verdict::failed) return each.name + ": " + each.detail;
    return {};
}

}  // namespace

std::optional<node::KernelDecision> earlier_decision(const QualifyOptions& options) {
    const gguf::File file = gguf::File::open(options.model);
    const std::optional<node::KernelDecision> earlier =
        node::find_decision(options.decision_path, subject_of(options, file, model::find_weights(file)));
    const bool has_more = options.minutes <= 0 || (earlier && options.minutes > earlier->short_minutes);
    if (earlier && earlier->short_minutes > 0 && has_more) return std::nullopt;
    return earlier;
}

Report qualify(const QualifyOptions& options, ProbeRunner& runner, const StageProgress& show,
               const ReportFound& found) {
    const auto begin = std::chrono::steady_clock::now();
    Report report;
    report.version = GPTOSS_VERSION;
    report.started_utc = utc_text(now_s());
    const auto progress = [&](const std::string& what) {
        report.unfinished = what;
        show(what);
    };
    const auto show_so_far = [&](Report so_far) {
        so_far.took_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
        found(so_far);
    };
    report.model = std::filesystem::path(options.model).filename().string();
    const gguf::File file = gguf::File::open(options.model);
    const model::Weights weights = model::find_weights(file);
    node::KernelDecision decision{subject_of(options, file, weights), {}, true, {}, 0};
    report.driver = decision.subject.driver;
    report.device = decision.subject.card;
    bool decided = true;
    const auto keep_decision = [&] {
        decision.fit_to_serve = report.count(Verdict::failed) == 0;
        decision.reason = reason_of(report);
        if (options.kernels && decided && !options.decision_path.empty())
            node::save_decision(options.decision_path, decision);
    };

    if (options.kernels) {
        KernelStageResult kernels = qualify_kernels(stage_options(options, weights), runner, progress,
                                                    [&](const KernelStageResult& so_far) {
                                                        Report with = report;
                                                        with.findings = so_far.findings;
                                                        with.figures = so_far.figures;
                                                        show_so_far(std::move(with));
                                                    });
        report.findings = std::move(kernels.findings);
        report.figures = std::move(kernels.figures);
        compare_with_known_cards(weights.hyperparameters, report);
        report.kernels = decision.kernels = kernels.choice;
        decision.short_minutes = kernels.was_short ? options.minutes : 0;
        decided = kernels.decided;
        keep_decision();  // the node that is asked next serves by it, as the owner's will
    }
    const bool kernels_right = decision.fit_to_serve;
    show_so_far(report);
    if (options.weights) {
        progress("hashing the weights");
        qualify_weights(options, file, report);
        show_so_far(report);
    }
    const bool loads = options.load && options.minutes > 0;
    if (kernels_right && (options.answers || loads)) qualify_node(options, report, progress);
    keep_decision();
    report.unfinished.clear();
    report.took_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    return report;
}

}  // namespace gptoss::qualify
