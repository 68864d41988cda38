#include "http/http_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <stdexcept>

namespace gptoss::test {

HttpClient::HttpClient(std::uint16_t port, int receive_buffer_bytes)
    : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    if (receive_buffer_bytes > 0)  // before connecting: the window is agreed on then
        setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &receive_buffer_bytes, sizeof receive_buffer_bytes);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
        throw std::runtime_error("cannot connect");
    }
    const timeval limit{20, 0};
    setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
}

HttpClient::~HttpClient() {
    close();
}

void HttpClient::close() {
    if (socket_ >= 0) ::close(socket_);
    socket_ = -1;
}

void HttpClient::close_with_reset() {
    const linger at_once{1, 0};
    setsockopt(socket_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close();
}

void HttpClient::send(const std::string& bytes) {
    for (std::size_t sent = 0; sent < bytes.size();) {
        const auto size = ::send(socket_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
        if (size <= 0) return;  // the server closed: the reply tells why
        sent += static_cast<std::size_t>(size);
    }
}

void HttpClient::request(const std::string& method, const std::string& path, const std::string& body,
                         const std::string& headers) {
    send(method + " " + path + " HTTP/1.1\r\nHost: x\r\n" + headers +
         (body.empty() ? "" : "Content-Length: " + std::to_string(body.size()) + "\r\n") + "\r\n" + body);
}

bool HttpClient::read_more() {
    char buffer[65536];
    const auto size = ::recv(socket_, buffer, sizeof buffer, 0);
    if (size <= 0) return false;
    unread_.append(buffer, static_cast<std::size_t>(size));
    return true;
}

bool HttpClient::read_until(const std::string& text) {
    while (unread_.find(text) == std::string::npos) {
        if (!read_more()) return false;
    }
    unread_.erase(0, unread_.find(text) + text.size());
    return true;
}

HttpReply HttpClient::read_reply(bool head_only) {
    HttpReply reply;
    std::size_t head_end = 0;
    while ((head_end = unread_.find("\r\n\r\n")) == std::string::npos) {
        if (!read_more()) return reply;
    }
    std::string head = unread_.substr(0, head_end + 2);
    unread_.erase(0, head_end + 4);
    reply.status = std::stoi(head.substr(9, 3));
    head.erase(0, head.find("\r\n") + 2);
    while (!head.empty()) {
        const std::size_t colon = head.find(": "), line_end = head.find("\r\n");
        std::string name = head.substr(0, colon);
        std::transform(name.begin(), name.end(), name.begin(),
                       [](unsigned char c) { return std::tolower(c); });
        reply.headers[name] = head.substr(colon + 2, line_end - colon - 2);
        head.erase(0, line_end + 2);
    }
    if (head_only || reply.status == 204) {
        reply.complete = true;
        return reply;
    }
    if (reply.headers.contains("content-length")) {
        const std::size_t size = std::stoul(reply.headers["content-length"]);
        while (unread_.size() < size) {
            if (!read_more()) return reply;
        }
        reply.body = unread_.substr(0, size);
        unread_.erase(0, size);
        reply.complete = true;
    } else if (reply.headers.contains("transfer-encoding")) {
        for (;;) {
            std::size_t line_end = 0;
            while ((line_end = unread_.find("\r\n")) == std::string::npos) {
                if (!read_more()) return reply;
            }
            const std::size_t size = std::stoul(unread_.substr(0, line_end), nullptr, 16);
            while (unread_.size() < line_end + 2 + size + 2) {
                if (!read_more()) return reply;
            }
            reply.body += unread_.substr(line_end + 2, size);
            unread_.erase(0, line_end + 2 + size + 2);
            if (size == 0) break;
        }
        reply.complete = true;
    } else {  // HTTP/1.0: until the connection ends
        while (read_more()) {
        }
        reply.body = std::move(unread_);
        reply.complete = true;
    }
    return reply;
}

bool HttpClient::closed_by_server(std::chrono::milliseconds within) {
    pollfd waiting{socket_, POLLIN, 0};
    if (::poll(&waiting, 1, static_cast<int>(within.count())) <= 0) return false;
    char byte = 0;
    return ::recv(socket_, &byte, 1, MSG_PEEK) <= 0;
}

HttpReply ask(std::uint16_t port, const std::string& method, const std::string& path, const std::string& body,
              const std::string& headers) {
    HttpClient client(port);
    client.request(method, path, body, headers);
    return client.read_reply(method == "HEAD");
}

}  // namespace gptoss::test
