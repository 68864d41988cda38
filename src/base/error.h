// Operating errors: a bad file, a bad request, a full queue. One closed enum, a message for people, a hint
// that says what to do, and the facts (which part, which tensor, which byte, which limit) for machines.
// Programmer errors are not here: they abort (base/check.h).
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gptoss {

enum class ErrorCode {
    file_not_found,    // nothing at that path
    file_unreadable,   // it is there, the system refuses (permissions, I/O error)
    file_corrupt,      // bytes contradict the format
    file_unsupported,  // well-formed, but not something this node reads (version, type, architecture)
    part_missing,      // a part of a split model is not beside the others
    part_mismatch,     // a part is swapped, duplicated, foreign or of another split
    key_missing,       // required metadata is absent
    key_invalid,       // metadata is there with a wrong type or an impossible value
    tensor_missing,    // a tensor the architecture needs is absent
    tensor_invalid,    // a tensor with a wrong shape or type
    setting_unknown,   // a flag, environment variable or .env name nobody reads
    setting_invalid,   // a value that cannot be parsed or contradicts another
    does_not_fit,      // the memory plan exceeds what is free
    device_failed,     // the GPU or its driver reported an error
    request_invalid,   // the client's request is wrong: HTTP 400
    context_exceeded,  // prompt longer than the context: HTTP 400 with both counts
    unauthorized,      // missing or wrong key: HTTP 401
    not_found,         // no such model, route or object: HTTP 404
    queue_full,        // try again later: HTTP 429 or 503 with Retry-After
    shutting_down,     // draining: HTTP 503
    cancelled,         // the client went away or an administrator stopped it
    hash_mismatch,     // bytes are not the ones they should be
    network_failed,    // a remote host could not be reached or broke off
    network_refused,   // a remote host answered with a refusal
    chain_failed,      // the chain answered with something unusable
    disk_full,         // not enough room
};

// The enum's spelling, for logs, JSON and tests: "file_corrupt".
std::string_view to_string(ErrorCode code);

class Error : public std::runtime_error {
  public:
    using Facts = std::vector<std::pair<std::string, std::string>>;

    // `message` says what is wrong and where; `hint` says what to do about it (may be empty).
    Error(ErrorCode code, const std::string& message, std::string hint = {}, Facts facts = {});

    ErrorCode code() const noexcept { return code_; }
    const std::string& hint() const noexcept { return hint_; }
    const Facts& facts() const noexcept { return facts_; }

    // Message and hint on separate lines, as the command line prints them.
    std::string for_people() const;

  private:
    ErrorCode code_;
    std::string hint_;
    Facts facts_;
};

}  // namespace gptoss
