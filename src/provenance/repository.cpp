#include "provenance/repository.h"

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/bounded_json.h"
#include "base/error.h"
#include "gguf/split_name.h"
#include "provenance/sha256.h"
#include "provenance/url.h"

namespace gptoss::provenance {
namespace {

std::string hint_for(int status) {
    switch (status) {
        case 401:
        case 403:
            return "The repository may be private or gated: set HF_TOKEN to a token that may read it.";
        case 404:
            return "Check the names of the repository, the file and the revision.";
        case 429:
            return "The host limits requests: wait a while, or set HF_TOKEN.";
        default:
            return "The host has trouble; try again later, or set HF_ENDPOINT to a mirror.";
    }
}

// GET with a few retries for what passes by itself.
std::string get(HttpClient& client, const RepositoryHost& host, const std::string& url) {
    constexpr int kTries = 4;
    for (int attempt = 1;; ++attempt) {
        const HttpReply reply = client.perform({.url = url, .headers = authorization(host)});
        const bool passing = !reply.network_error.empty() || reply.status == 429 || reply.status >= 500;
        if (passing && attempt < kTries) {
            std::this_thread::sleep_for(std::chrono::milliseconds(250 << attempt));
            continue;
        }
        if (!reply.network_error.empty())
            throw Error(ErrorCode::network_failed, url + ": " + reply.network_error,
                        "Check the connection; HF_ENDPOINT names another host.", {{"url", url}});
        if (reply.status != 200)
            throw Error(reply.status == 404 ? ErrorCode::not_found : ErrorCode::network_refused,
                        url + ": HTTP status " + std::to_string(reply.status), hint_for(reply.status),
                        {{"url", url}, {"status", std::to_string(reply.status)}});
        return reply.body;
    }
}

// Large files carry the SHA-256 of their content; small ones are plain git blobs, without a usable hash.
RemoteFile remote_file(const nlohmann::json& entry) {
    RemoteFile file;
    file.path = entry.value("path", "");
    if (entry.contains("lfs") && entry["lfs"].is_object()) {
        file.size_bytes = entry["lfs"].value("size", std::uint64_t{0});
        file.sha256 = normalise_hash(entry["lfs"].value("oid", ""));
    } else {
        file.size_bytes = entry.value("size", std::uint64_t{0});
    }
    return file;
}

std::vector<std::string> wanted_paths(const std::string& file) {
    const auto split = gguf::parse_split_name(file);
    if (!split) return {file};
    std::vector<std::string> paths;
    for (std::uint32_t number = 1; number <= split->count; ++number)
        paths.push_back(split->part(number).string());
    return paths;
}

// A name that climbs out of its repository would ask the host for something else than was named.
void require_plain(const std::string& name, const char* what) {
    for (std::size_t begin = 0; begin <= name.size();) {
        const std::size_t end = std::min(name.find('/', begin), name.size());
        const std::string segment = name.substr(begin, end - begin);
        if (segment.empty() || segment == "." || segment == "..")
            throw Error(ErrorCode::setting_invalid,
                        "the " + std::string(what) + "'s name " + name + " has the part \"" + segment + "\"",
                        "Name it as the host lists it: owner/repository/folder/file.gguf.", {{what, name}});
        begin = end + 1;
    }
}

// It goes into addresses, the manifest and onto the terminal.
void require_commit(const std::string& commit, const RepositoryHost& host) {
    constexpr std::size_t kLongest = 64;
    const bool is_plain = !commit.empty() && commit.size() <= kLongest &&
                          std::ranges::all_of(commit, [](unsigned char c) { return std::isalnum(c) != 0; });
    if (!is_plain)
        throw Error(ErrorCode::network_refused,
                    host.endpoint + ": the name of the commit has an unexpected form",
                    "HF_ENDPOINT does not seem to be a Hugging Face-compatible host.");
}

}  // namespace

std::vector<std::string> authorization(const RepositoryHost& host) {
    if (host.token.empty()) return {};
    return {"Authorization: Bearer " + host.token};
}

std::vector<RemoteFile> files_in_tree(const std::string& body, const std::string& repository,
                                      const std::string& file, const std::string& commit) {
    try {
        const auto tree = parse_bounded_json(body);
        std::vector<RemoteFile> files;
        for (const std::string& path : wanted_paths(file)) {
            const auto entry = std::find_if(tree.begin(), tree.end(), [&](const auto& candidate) {
                return candidate.is_object() && candidate.value("path", "") == path;
            });
            if (entry == tree.end())
                throw Error(path == file ? ErrorCode::not_found : ErrorCode::part_missing,
                            repository + " has no file " + path + " at " + commit,
                            "Check the name; for a split model, name any of its parts.", {{"file", path}});
            files.push_back(remote_file(*entry));
        }
        return files;
    } catch (const nlohmann::json::exception& error) {
        throw Error(ErrorCode::network_refused,
                    std::string("the host's list of files has an unexpected form: ") + error.what(),
                    "HF_ENDPOINT does not seem to be a Hugging Face-compatible host.");
    }
}

Listing list_files(HttpClient& client, const RepositoryHost& host, const std::string& repository,
                   const std::string& file, const std::string& revision) {
    try {
        require_plain(repository, "repository");
        require_plain(file, "file");
        const std::string models = host.endpoint + "/api/models/" + encoded_path(repository);
        Listing listing;
        listing.commit =
            parse_bounded_json(get(client, host, models + "/revision/" + encoded_segment(revision)))
                .at("sha")
                .get<std::string>();
        require_commit(listing.commit, host);
        const std::string commit = encoded_segment(listing.commit);
        const auto folder_end = file.rfind('/');
        const std::string folder =
            folder_end == std::string::npos ? "" : "/" + encoded_path(file.substr(0, folder_end));
        const std::string tree = get(client, host, models + "/tree/" + commit + folder);
        listing.files = files_in_tree(tree, repository, file, listing.commit);
        for (RemoteFile& each : listing.files)
            each.url = host.endpoint + "/" + encoded_path(repository) + "/resolve/" + commit + "/" +
                       encoded_path(each.path);
        return listing;
    } catch (const nlohmann::json::exception& error) {
        throw Error(ErrorCode::network_refused,
                    host.endpoint + ": an answer of unexpected form: " + error.what(),
                    "HF_ENDPOINT does not seem to be a Hugging Face-compatible host.");
    }
}

}  // namespace gptoss::provenance
