#include "base/error.h"

namespace gptoss {

std::string_view to_string(ErrorCode code) {
    switch (code) {
        case ErrorCode::file_not_found:
            return "file_not_found";
        case ErrorCode::file_unreadable:
            return "file_unreadable";
        case ErrorCode::file_corrupt:
            return "file_corrupt";
        case ErrorCode::file_unsupported:
            return "file_unsupported";
        case ErrorCode::part_missing:
            return "part_missing";
        case ErrorCode::part_mismatch:
            return "part_mismatch";
        case ErrorCode::key_missing:
            return "key_missing";
        case ErrorCode::key_invalid:
            return "key_invalid";
        case ErrorCode::tensor_missing:
            return "tensor_missing";
        case ErrorCode::tensor_invalid:
            return "tensor_invalid";
        case ErrorCode::setting_unknown:
            return "setting_unknown";
        case ErrorCode::setting_invalid:
            return "setting_invalid";
        case ErrorCode::does_not_fit:
            return "does_not_fit";
        case ErrorCode::device_failed:
            return "device_failed";
        case ErrorCode::request_invalid:
            return "request_invalid";
        case ErrorCode::context_exceeded:
            return "context_exceeded";
        case ErrorCode::unauthorized:
            return "unauthorized";
        case ErrorCode::not_found:
            return "not_found";
        case ErrorCode::queue_full:
            return "queue_full";
        case ErrorCode::shutting_down:
            return "shutting_down";
        case ErrorCode::cancelled:
            return "cancelled";
        case ErrorCode::hash_mismatch:
            return "hash_mismatch";
        case ErrorCode::network_failed:
            return "network_failed";
        case ErrorCode::network_refused:
            return "network_refused";
        case ErrorCode::chain_failed:
            return "chain_failed";
        case ErrorCode::disk_full:
            return "disk_full";
    }
    return "unknown";
}

Error::Error(ErrorCode code, const std::string& message, std::string hint, Facts facts)
    : std::runtime_error(message), code_(code), hint_(std::move(hint)), facts_(std::move(facts)) {}

std::string Error::for_people() const {
    return hint_.empty() ? std::string(what()) : std::string(what()) + "\n  " + hint_;
}

}  // namespace gptoss
