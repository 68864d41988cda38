// `download`: a model's files, resumable, checked, with progress.
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "base/error.h"
#include "cli/commands.h"
#include "provenance/download.h"
#include "provenance/known_releases.h"

namespace gptoss::cli {
namespace {

struct DownloadOptions {
    std::string what, revision = "main", folder;
    std::uint64_t bytes_per_second_max = 0;
    int attempts_max = 10;
    int backoff_first_ms = 500;
};

volatile std::sig_atomic_t interrupted = 0;

// "gpt-oss-120b", or owner/repository/path/to/file.gguf.
void name_source(const std::string& what, provenance::DownloadRequest& request) {
    if (const provenance::KnownRelease* release = provenance::find_release(what)) {
        request.repository = release->repository;
        request.file = release->first_file;
        return;
    }
    const auto owner_end = what.find('/');
    const auto repository_end = owner_end == std::string::npos ? owner_end : what.find('/', owner_end + 1);
    if (repository_end == std::string::npos || repository_end + 1 == what.size())
        throw Error(ErrorCode::setting_invalid,
                    what + " is neither a known release nor owner/repository/file",
                    "Known releases: gpt-oss-120b, gpt-oss-20b. Or name a file: owner/repository/model.gguf");
    request.repository = what.substr(0, repository_end);
    request.file = what.substr(repository_end + 1);
}

std::string environment(const char* name) {
    const char* value = std::getenv(name);
    return value ? value : "";
}

// Progress with the speed of the last seconds and the time left; events on lines of their own.
class Display {
  public:
    bool show(const provenance::DownloadProgress& progress) {
        const auto now = std::chrono::steady_clock::now();
        if (!progress.event.empty())
            std::fprintf(stderr, "%s%s\n", terminal_ ? "\r\033[K" : "", progress.event.c_str());
        const double seconds = std::chrono::duration<double>(now - last_time_).count();
        const bool whole = progress.done_bytes == progress.total_bytes;
        if (seconds >= (terminal_ ? 0.5 : 10.0) || whole) {
            const double bytes = static_cast<double>(progress.done_bytes) - static_cast<double>(last_bytes_);
            rate_ = rate_ < 0 ? bytes / seconds : 0.8 * rate_ + 0.2 * bytes / seconds;
            print(progress, whole);
            last_time_ = now;
            last_bytes_ = progress.done_bytes;
        }
        return interrupted == 0;
    }

  private:
    void print(const provenance::DownloadProgress& progress, bool whole) const {
        const double left_bytes = static_cast<double>(progress.total_bytes - progress.done_bytes);
        const double left_seconds = rate_ > 0 ? left_bytes / rate_ : 0;
        std::fprintf(
            stderr, "%s%6.2f of %.2f GB  %5.1f %%  %7.1f MB/s  %d:%02d left%s", terminal_ ? "\r\033[K" : "",
            static_cast<double>(progress.done_bytes) / 1e9, static_cast<double>(progress.total_bytes) / 1e9,
            100.0 * static_cast<double>(progress.done_bytes) / static_cast<double>(progress.total_bytes),
            rate_ / 1e6, static_cast<int>(left_seconds) / 60, static_cast<int>(left_seconds) % 60,
            terminal_ && !whole ? "" : "\n");
    }

    bool terminal_ = isatty(STDERR_FILENO) != 0;
    std::chrono::steady_clock::time_point last_time_ = std::chrono::steady_clock::now();
    std::uint64_t last_bytes_ = 0;
    double rate_ = -1;
};

int run(const DownloadOptions& options) {
    provenance::DownloadRequest request;
    name_source(options.what, request);
    if (const std::string endpoint = environment("HF_ENDPOINT"); !endpoint.empty())
        request.host.endpoint = endpoint;
    while (request.host.endpoint.ends_with('/')) request.host.endpoint.pop_back();
    request.host.token = environment("HF_TOKEN");
    request.revision = options.revision;
    request.folder = options.folder.empty()
                         ? "models/" + request.repository.substr(request.repository.find('/') + 1)
                         : options.folder;
    request.bytes_per_second_max = static_cast<std::int64_t>(options.bytes_per_second_max);
    request.attempts_max = options.attempts_max;
    request.backoff_first_ms = options.backoff_first_ms;
    std::signal(SIGINT, [](int) { interrupted = 1; });
    std::signal(SIGTERM, [](int) { interrupted = 1; });

    Display display;
    const provenance::DownloadResult result = provenance::download(
        request, [&](const provenance::DownloadProgress& progress) { return display.show(progress); });
    for (const auto& part : result.parts) std::printf("%s  %s\n", part.sha256.c_str(), part.path.c_str());
    std::printf("%s  composite, revision %s\n", provenance::composite_hash(result.parts).c_str(),
                result.commit.c_str());
    std::fprintf(stderr, result.published_hashes
                             ? "Every part has the hash its host publishes.\n"
                             : "The host publishes no hash for some files: compare with another source.\n");
    std::fprintf(stderr, "Serve it with: MODEL_PATH=%s gpt-oss-node serve\n", result.parts[0].path.c_str());
    return 0;
}

}  // namespace

void add_download(CLI::App& app, int& exit_code) {
    auto* command = app.add_subcommand(
        "download", "Fetch a model: resumable, in parallel, checked against its published hashes");
    auto options = std::make_shared<DownloadOptions>();
    command
        ->add_option("what", options->what,
                     "gpt-oss-120b, gpt-oss-20b, or owner/repository/file.gguf (any part of a split model)")
        ->required();
    command->add_option("--to", options->folder, "The folder to put it in (default: models/REPOSITORY)");
    command->add_option("--revision", options->revision,
                        "Branch, tag or commit; pinned to the commit it stands for");
    command
        ->add_option("--limit", options->bytes_per_second_max,
                     "Bandwidth limit over all parts, bytes a second (20M, 1G)")
        ->transform(CLI::AsSizeValue(true));
    command
        ->add_option("--attempts", options->attempts_max,
                     "Attempts in a row, restarts of a part included, without a byte beyond those had before")
        ->check(CLI::Range(1, 1000));
    command
        ->add_option("--backoff-ms", options->backoff_first_ms,
                     "First wait between attempts; doubles up to 30 s")
        ->check(CLI::Range(1, 30000));
    command->footer(
        "Environment: HF_ENDPOINT names another Hugging Face-compatible host, HF_TOKEN is sent to it.\n"
        "Interrupted downloads go on where they were when the same command runs again.");
    command->callback([options, &exit_code] { exit_code = run(*options); });
}

}  // namespace gptoss::cli
