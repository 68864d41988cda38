#include "provenance/download.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <random>
#include <thread>

#include "base/error.h"
#include "base/utc_time.h"
#include "gguf/split_name.h"
#include "provenance/manifest.h"
#include "provenance/partial_file.h"
#include "provenance/whole_file.h"

namespace gptoss::provenance {
namespace {

// What one exchange meant for the file.
enum class Outcome { progressed, retry, restart, refused };

struct Attempt {
    Outcome outcome = Outcome::retry;
    std::string reason;
    int status = 0;
    std::int64_t wait_ms = 0;  // the host's Retry-After
};

// "bytes 100-199/200" -> 100 and 200; nothing for any other form.
std::optional<std::pair<std::uint64_t, std::uint64_t>> parse_content_range(const std::string& text) {
    unsigned long long first = 0, last = 0, total = 0;
    if (std::sscanf(text.c_str(), "bytes %llu-%llu/%llu", &first, &last, &total) != 3) return std::nullopt;
    return std::pair<std::uint64_t, std::uint64_t>{first, total};
}

class FileDownload {
  public:
    FileDownload(const DownloadRequest& request, const RemoteFile& remote, std::int64_t bytes_per_second_max,
                 std::function<bool(std::int64_t, const std::string&)> report)
        : request_(request), remote_(remote), rate_max_(bytes_per_second_max), report_(std::move(report)) {}

    PartHash run() {
        const std::filesystem::path path = request_.folder / std::filesystem::path(remote_.path).filename();
        if (auto there = already_there(path)) return *there;
        PartialFile file(path, remote_);
        report_(static_cast<std::int64_t>(file.size_bytes()), "");
        most_bytes_ = file.size_bytes();
        bool restarted_for_hash = false;
        for (;;) {
            fetch_all(file);
            const std::string hash = file.hash();
            if (remote_.sha256.empty() || hash == remote_.sha256) {
                file.publish();
                return {path, file.size_bytes(), hash, file.stamp()};
            }
            if (restarted_for_hash)
                throw Error(
                    ErrorCode::hash_mismatch,
                    remote_.path + ": the bytes received have SHA-256 " + hash + ", the host publishes " +
                        remote_.sha256,
                    "The host or something on the way alters the file; nothing was kept under its name.",
                    {{"file", remote_.path}, {"found", hash}, {"expected", remote_.sha256}});
            restarted_for_hash = true;  // a resumed file may have mixed two contents: once more from nothing
            most_bytes_ = 0;
            restart(file, "hash differs, starting again");
        }
    }

  private:
    std::optional<PartHash> already_there(const std::filesystem::path& path) {
        std::error_code error;
        if (remote_.sha256.empty() || std::filesystem::file_size(path, error) != remote_.size_bytes || error)
            return std::nullopt;
        const PartHash there = hash_parts(std::span(&path, 1))[0];
        if (there.sha256 != remote_.sha256) return std::nullopt;
        report_(static_cast<std::int64_t>(there.size_bytes), "");
        return there;
    }

    void restart(PartialFile& file, const std::string& why) {
        report_(-static_cast<std::int64_t>(file.size_bytes()), remote_.path + ": " + why);
        file.restart();
    }

    // Exchanges until every byte is there. Only bytes beyond any that were there before count as progress: a
    // host that makes the file start again and again uses up its attempts.
    void fetch_all(PartialFile& file) {
        int attempts = 0;
        while (file.size_bytes() < remote_.size_bytes) {
            const Attempt attempt = fetch_once(file);
            if (stopped_)
                throw Error(ErrorCode::cancelled, "the download was stopped",
                            "Run the same command to go on.");
            if (attempt.outcome == Outcome::refused) refuse(attempt);
            attempts = file.size_bytes() > most_bytes_ ? 0 : attempts + 1;
            most_bytes_ = std::max(most_bytes_, file.size_bytes());
            if (attempt.outcome == Outcome::restart) restart(file, attempt.reason);
            if (file.size_bytes() == remote_.size_bytes) return;
            if (attempts >= request_.attempts_max)
                throw Error(ErrorCode::network_failed, remote_.path + ": gave up: " + attempt.reason,
                            "What arrived is kept; run the same command to go on.", {{"file", remote_.path}});
            report_(0, remote_.path + ": " + attempt.reason + ", trying again");
            wait(attempt, attempts);
        }
    }

    Attempt fetch_once(PartialFile& file) {
        HttpRequest http{.url = remote_.url, .headers = authorization(request_.host)};
        http.timeout_ms = 0;
        http.bytes_per_second_max = rate_max_;
        const std::uint64_t offset = file.size_bytes();
        if (offset > 0) {
            http.headers.push_back("Range: bytes=" + std::to_string(offset) + "-");
            if (!file.entity_tag().empty()) http.headers.push_back("If-Range: " + file.entity_tag());
        }
        Attempt attempt;
        bool too_much = false;
        const auto on_head = [&](const HttpReply& reply) {
            attempt = judge(reply, offset);
            if (attempt.outcome != Outcome::progressed) return false;
            const auto tag = reply.headers.find("etag");
            if (tag != reply.headers.end() && !tag->second.starts_with("W/"))
                file.set_entity_tag(tag->second);
            return true;
        };
        const auto on_body = [&](std::span<const std::byte> bytes) {
            if (bytes.size() > remote_.size_bytes - file.size_bytes()) {
                too_much = true;
                return false;
            }
            file.append(bytes);
            return report_(static_cast<std::int64_t>(bytes.size()), "") || !(stopped_ = true);
        };
        // An exception must not pass through libcurl's C frames.
        std::exception_ptr failure;
        const auto guarded = [&](std::span<const std::byte> bytes) {
            try {
                return on_body(bytes);
            } catch (...) {
                failure = std::current_exception();
                return false;
            }
        };
        const HttpReply reply = client_.perform(http, on_head, guarded);
        if (failure) std::rethrow_exception(failure);
        if (too_much) return {Outcome::restart, "the host sent more bytes than it announced"};
        if (attempt.outcome == Outcome::progressed && file.size_bytes() < remote_.size_bytes)
            attempt.reason = reply.network_error.empty() ? "the host ended early" : reply.network_error;
        if (attempt.reason.empty()) attempt.reason = reply.network_error;
        return attempt;
    }

    // Whether the bytes that follow are the ones asked for.
    Attempt judge(const HttpReply& reply, std::uint64_t offset) const {
        Attempt attempt{Outcome::progressed, "", reply.status};
        if (reply.status ==
            200) {  // everything from the start: the host knows no ranges, or the content changed
            if (offset > 0)
                return {Outcome::restart, "the host does not continue where we were", reply.status};
            return attempt;
        }
        if (reply.status == 206) {
            const auto header = reply.headers.find("content-range");
            const auto range =
                header == reply.headers.end() ? std::nullopt : parse_content_range(header->second);
            if (range && range->first == offset && range->second == remote_.size_bytes) return attempt;
            return {Outcome::restart, "the host sent another range than asked for", reply.status};
        }
        if (reply.status == 416)
            return {Outcome::restart, "the host has fewer bytes than before", reply.status};
        const bool passing = reply.status == 408 || reply.status == 429 || reply.status >= 500;
        attempt.outcome = passing ? Outcome::retry : Outcome::refused;
        attempt.reason = "HTTP status " + std::to_string(reply.status);
        if (const auto after = reply.headers.find("retry-after"); after != reply.headers.end())
            attempt.wait_ms = 1000 * std::clamp(std::atoi(after->second.c_str()), 0, 300);
        return attempt;
    }

    [[noreturn]] void refuse(const Attempt& attempt) const {
        const bool key = attempt.status == 401 || attempt.status == 403;
        throw Error(attempt.status == 404 ? ErrorCode::not_found : ErrorCode::network_refused,
                    remote_.path + ": " + attempt.reason,
                    key ? "Set HF_TOKEN to a token that may read the repository."
                        : "Check the name and the revision.",
                    {{"file", remote_.path}, {"status", std::to_string(attempt.status)}});
    }

    // Doubling, with a random half so that the parts do not come back all at once.
    void wait(const Attempt& attempt, int attempts) {
        const std::int64_t longest =
            std::min<std::int64_t>(30'000, std::int64_t{request_.backoff_first_ms} << std::min(attempts, 10));
        std::uniform_int_distribution<std::int64_t> between(longest / 2, longest);
        std::this_thread::sleep_for(std::chrono::milliseconds(std::max(attempt.wait_ms, between(random_))));
    }

    const DownloadRequest& request_;
    const RemoteFile& remote_;
    std::int64_t rate_max_;
    std::function<bool(std::int64_t, const std::string&)> report_;
    HttpClient client_;
    std::mt19937 random_{std::random_device{}()};
    bool stopped_ = false;
    std::uint64_t most_bytes_ = 0;  // that the file has had
};

void check_disk(const DownloadRequest& request, const std::vector<RemoteFile>& files) {
    std::uint64_t needed = 0;
    for (const RemoteFile& file : files) {
        const auto path = request.folder / std::filesystem::path(file.path).filename();
        std::error_code error;
        std::uint64_t there = 0;
        for (const auto& candidate : {path, std::filesystem::path(path.string() + ".part")})
            if (const auto size = std::filesystem::file_size(candidate, error); !error)
                there = std::max<std::uint64_t>(there, size);
        needed += file.size_bytes - std::min(there, file.size_bytes);
    }
    const auto space = std::filesystem::space(request.folder);
    if (needed > space.available)
        throw Error(
            ErrorCode::disk_full,
            request.folder.string() + ": " + std::to_string(needed / 1'000'000) + " MB are needed, " +
                std::to_string(space.available / 1'000'000) + " MB are free",
            "Free some room or choose another folder with --to.",
            {{"needed_bytes", std::to_string(needed)}, {"free_bytes", std::to_string(space.available)}});
}

void write_records(const DownloadRequest& request, const DownloadResult& result) {
    const std::filesystem::path first = result.parts[0].path;
    save_manifest(manifest_path(first), make_manifest(result.parts, request.repository, result.commit,
                                                      "downloaded " + utc_text(now_s())));
    const auto split = gguf::parse_split_name(first);
    std::filesystem::path hash_file =
        split ? split->prefix : std::filesystem::path(first).replace_extension();
    hash_file += "-composite-hash.txt";
    write_whole_file(hash_file, composite_hash(result.parts) + '\n');
}

}  // namespace

DownloadResult download(const DownloadRequest& request, const DownloadSink& sink) {
    HttpClient client;
    const Listing listing =
        list_files(client, request.host, request.repository, request.file, request.revision);
    std::filesystem::create_directories(request.folder);
    check_disk(request, listing.files);

    std::mutex mutex;
    DownloadProgress progress;
    bool stop = false;
    for (const RemoteFile& file : listing.files) progress.total_bytes += file.size_bytes;
    const auto report = [&](std::int64_t bytes, const std::string& event) {
        const std::lock_guard lock(mutex);
        progress.done_bytes =
            static_cast<std::uint64_t>(static_cast<std::int64_t>(progress.done_bytes) + bytes);
        progress.event = event;
        if (sink && !sink(progress)) stop = true;
        return !stop;
    };

    DownloadResult result;
    result.commit = listing.commit;
    result.parts.resize(listing.files.size());
    std::vector<std::exception_ptr> errors(listing.files.size());
    {
        const std::int64_t share =
            request.bytes_per_second_max / static_cast<std::int64_t>(listing.files.size());
        std::vector<std::jthread> threads;
        for (std::size_t i = 0; i < listing.files.size(); ++i)
            threads.emplace_back([&, i] {
                try {
                    result.parts[i] = FileDownload(request, listing.files[i], share, report).run();
                } catch (...) {
                    errors[i] = std::current_exception();
                }
            });
    }
    for (const auto& error : errors)
        if (error) std::rethrow_exception(error);
    result.published_hashes = std::none_of(listing.files.begin(), listing.files.end(),
                                           [](const RemoteFile& file) { return file.sha256.empty(); });
    write_records(request, result);
    return result;
}

}  // namespace gptoss::provenance
