#include "http/request_target.h"

#include <algorithm>
#include <charconv>

#include "http/headers.h"

namespace gptoss::http {

namespace {

std::string percent_decoded(std::string_view text) {
    std::string decoded;
    for (std::size_t i = 0; i < text.size(); ++i) {
        unsigned value = 0;
        if (text[i] == '%' && i + 2 < text.size()) {
            const char* digits = text.data() + i + 1;
            if (std::from_chars(digits, digits + 2, value, 16).ptr == digits + 2) {
                decoded += static_cast<char>(value);
                i += 2;
                continue;
            }
        }
        decoded += text[i];
    }
    return decoded;
}

// Length of "http://" or "https://" at the beginning; 0 when there is neither.
std::size_t scheme_length(std::string_view target) {
    for (const std::string_view scheme : {"http://", "https://"})
        if (equal_without_case(target.substr(0, scheme.size()), scheme)) return scheme.size();
    return 0;
}

bool is_host_character(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' ||
           c == '-' || c == '_';
}

bool is_port(std::string_view text) {
    return text.size() <= 5 && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

std::optional<RequestTarget> read_request_target(std::string_view target) {
    RequestTarget read;
    if (target == "*") {
        read.path = "*";
        return read;
    }
    if (const std::size_t scheme = scheme_length(target); scheme > 0) {
        target.remove_prefix(scheme);
        const std::size_t end = std::min(target.find_first_of("/?#"), target.size());
        read.authority = std::string(target.substr(0, end));
        target.remove_prefix(end);
        if (host_of(read.authority).empty()) return std::nullopt;
    } else if (!target.starts_with('/')) {
        return std::nullopt;
    }
    target = target.substr(0, target.find('#'));
    const std::size_t question = std::min(target.find('?'), target.size());
    read.path = percent_decoded(target.substr(0, question));
    if (read.path.empty()) read.path = "/";
    if (question < target.size()) read.query = std::string(target.substr(question + 1));
    return read;
}

std::string host_of(std::string_view authority) {
    std::string_view host = authority, port;
    if (authority.starts_with('[')) {
        const std::size_t end = authority.find(']');
        if (end == std::string_view::npos) return {};
        host = authority.substr(1, end - 1);
        port = authority.substr(end + 1);
        const bool is_address = !host.empty() && std::ranges::all_of(host, [](char c) {
            return c == ':' || is_host_character(c) || c == '%';
        });
        if (!is_address) return {};
    } else {
        const std::size_t colon = std::min(authority.find(':'), authority.size());
        host = authority.substr(0, colon);
        port = authority.substr(colon);
        if (host.empty() || !std::ranges::all_of(host, is_host_character)) return {};
    }
    if (!port.empty() && (port.front() != ':' || !is_port(port.substr(1)))) return {};
    return std::string(host);
}

}  // namespace gptoss::http
