// Downloads a model's files: all at once, each resumable after any interruption, checked against the
// published hash, and under its final name only when it is whole.
//
// While it is under way a file is NAME.part beside NAME.part.json, which says what the bytes are of (commit,
// size, hash, entity tag). Bytes that were on disk when a download resumes are hashed again before more are
// added.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "provenance/part_hashes.h"
#include "provenance/repository.h"

namespace gptoss::provenance {

struct DownloadRequest {
    RepositoryHost host;
    std::string repository;
    std::string file;  // any part of a split model stands for all of them
    std::string revision = "main";
    std::filesystem::path folder;
    std::int64_t bytes_per_second_max = 0;  // over all files; 0 = unlimited
    int attempts_max = 10;                  // in a row without a byte beyond those had before, a file
    int backoff_first_ms = 500;             // doubles with every attempt in a row, up to 30 s
};

struct DownloadProgress {
    std::uint64_t done_bytes = 0;
    std::uint64_t total_bytes = 0;
    std::string event;  // a retry or restart in words; empty for plain progress
};

// Called from several threads, one at a time; false stops the download, which can be resumed later.
using DownloadSink = std::function<bool(const DownloadProgress&)>;

struct DownloadResult {
    std::vector<PartHash> parts;
    std::string commit;
    bool published_hashes = false;  // the host published a hash for every file, and all were equal
};

// Writes the files, the manifest and PREFIX-composite-hash.txt into the folder. Files that are already there
// and have the published hash are kept. Throws Error: network_failed, network_refused, not_found,
// part_missing, disk_full (before the first byte), hash_mismatch (after one restart from nothing),
// file_unreadable, cancelled.
DownloadResult download(const DownloadRequest& request, const DownloadSink& sink = {});

}  // namespace gptoss::provenance
