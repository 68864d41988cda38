// What a Hugging Face-compatible host says about a repository's files.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "provenance/http_client.h"

namespace gptoss::provenance {

struct RepositoryHost {
    std::string endpoint = "https://huggingface.co";  // HF_ENDPOINT
    std::string token;                                // HF_TOKEN; never printed
};

struct RemoteFile {
    std::string path;  // within the repository
    std::uint64_t size_bytes = 0;
    std::string sha256;  // as the host publishes it; empty when it does not
    std::string url;     // pinned to the commit
};

struct Listing {
    std::string commit;             // what the revision stands for now: everything is fetched at this commit
    std::vector<RemoteFile> files;  // the file asked for, or all parts of the split it belongs to, in order
};

// The files that `file` stands for, read from the host's listing of a folder, without their url. Throws as
// list_files does.
std::vector<RemoteFile> files_in_tree(const std::string& body, const std::string& repository,
                                      const std::string& file, const std::string& commit);

// Throws Error(network_failed), Error(network_refused) with the status and what to do, Error(not_found) when
// the repository has no such file, Error(part_missing) when it lacks some of a split's parts.
Listing list_files(HttpClient& client, const RepositoryHost& host, const std::string& repository,
                   const std::string& file, const std::string& revision);

// "Authorization: Bearer …" when there is a token.
std::vector<std::string> authorization(const RepositoryHost& host);

}  // namespace gptoss::provenance
