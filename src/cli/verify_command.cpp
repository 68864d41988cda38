// `verify`: are these the bytes they should be?
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/utc_time.h"
#include "cli/commands.h"
#include "gguf/file.h"
#include "model/weights.h"
#include "provenance/verify.h"

namespace gptoss::cli {
namespace {

struct VerifyOptions {
    std::string model, expected, release;
    bool json = false, write_manifest = false;
};

// A progress line on the terminal, a tenth of a second apart at most.
provenance::HashProgress progress_line() {
    if (!isatty(STDERR_FILENO)) return {};
    auto shown_permille = std::make_shared<std::atomic<std::uint64_t>>(0);
    return [shown_permille](std::uint64_t done_bytes, std::uint64_t total_bytes) {
        const std::uint64_t permille = total_bytes ? done_bytes * 1000 / total_bytes : 1000;
        if (shown_permille->exchange(permille) != permille)
            std::fprintf(stderr, "\rhashing %5.1f %%  of %.2f GB ", static_cast<double>(permille) / 10,
                         static_cast<double>(total_bytes) / 1e9);
        if (done_bytes == total_bytes) std::fprintf(stderr, "\r\033[K");
        return true;
    };
}

const char* to_text(provenance::Verdict verdict) {
    switch (verdict) {
        case provenance::Verdict::equal:
            return "equal";
        case provenance::Verdict::different:
            return "DIFFERENT";
        case provenance::Verdict::absent:
            return "absent";
    }
    return "";
}

// One sentence that ends the report.
std::string verdict_of(const provenance::VerifyReport& report) {
    std::string equal, different;
    for (const auto& comparison : report.comparisons) {
        std::string& list = comparison.verdict == provenance::Verdict::equal ? equal : different;
        if (comparison.verdict != provenance::Verdict::absent)
            list += (list.empty() ? "" : " and ") + ("the " + comparison.against);
    }
    if (!different.empty())
        return "DIFFERENT: these bytes are not those of " + different +
               ". Do not serve them; download the file again, or find out who changed it.";
    if (!equal.empty()) return "VERIFIED: every byte is as in " + equal + ".";
    return "WELL-FORMED, not verified: the file is a whole gpt-oss, but nothing is known to compare it with. "
           "Give a hash with "
           "--expect.";
}

nlohmann::ordered_json to_json(const provenance::VerifyReport& report) {
    nlohmann::ordered_json json = {{"composite_sha256", report.composite},
                                   {"passed", !report.failed()},
                                   {"verdict", verdict_of(report)}};
    for (const auto& part : report.parts)
        json["parts"].push_back({{"file", part.path.filename().string()},
                                 {"size_bytes", part.size_bytes},
                                 {"sha256", part.sha256}});
    for (const auto& comparison : report.comparisons)
        json["comparisons"].push_back({{"against", comparison.against},
                                       {"verdict", to_text(comparison.verdict)},
                                       {"detail", comparison.detail}});
    return json;
}

void print(const provenance::VerifyReport& report) {
    for (const auto& part : report.parts)
        std::printf("%s  %s\n", part.sha256.c_str(), part.path.filename().c_str());
    std::printf("%s  composite\n", report.composite.c_str());
    for (const auto& comparison : report.comparisons)
        std::printf("  %-18s %-10s %s\n", comparison.against.c_str(), to_text(comparison.verdict),
                    comparison.detail.c_str());
    std::printf("%s\n", verdict_of(report).c_str());
}

int run(const VerifyOptions& options) {
    const gguf::File file =
        gguf::File::open(options.model);  // structure first: the cheap and precise complaint
    model::find_weights(file);
    provenance::VerifyRequest request{{}, options.expected, options.release};
    for (const gguf::Part& part : file.parts()) request.parts.push_back(part.path);
    const provenance::VerifyReport report = provenance::verify(request, progress_line());
    if (options.json) {
        std::printf("%s\n", to_json(report).dump(2).c_str());
    } else {
        print(report);
    }
    if (report.failed()) return 1;
    if (options.write_manifest) {
        const auto path = provenance::manifest_path(options.model);
        const auto earlier = provenance::load_manifest(path);
        provenance::save_manifest(
            path, provenance::make_manifest(report.parts, earlier ? earlier->repository : "",
                                            earlier ? earlier->revision : "", "hashed " + utc_text(now_s())));
        std::fprintf(stderr, "wrote %s\n", path.c_str());
    }
    return 0;
}

}  // namespace

void add_verify(CLI::App& app, int& exit_code) {
    auto* command =
        app.add_subcommand("verify", "Hash every part of a model and compare with what is known of it");
    auto options = std::make_shared<VerifyOptions>();
    command->add_option("--model", options->model, "A GGUF file, or any part of a split one")->required();
    command->add_option("--expect", options->expected,
                        "The composite hash (or a single file's SHA-256) it must have");
    command->add_option("--release", options->release,
                        "Compare with this release's published hashes (default: by file name)");
    command->add_flag("--write-manifest", options->write_manifest,
                      "Record the hashes beside the model for fast starts");
    command->add_flag("--json", options->json, "For machines");
    command->footer("Exit status: 0 nothing differs, 1 something differs or the file is damaged.");
    command->callback([options, &exit_code] { exit_code = run(*options); });
}

}  // namespace gptoss::cli
