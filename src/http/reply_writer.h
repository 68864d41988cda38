// Writes replies and streams to a connection, with the fields that every reply has.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "api/response_stream.h"
#include "http/connection.h"

namespace gptoss::http {

class ReplyWriter {
  public:
    // How the next reply is written; set for each request.
    struct Manner {
        std::string request_id;
        bool keep_alive = true;  // the connection goes on afterwards
        bool chunked = true;     // HTTP/1.1; in HTTP/1.0 the connection's end is a stream's end
        bool head_only = false;  // to HEAD
        std::vector<std::pair<std::string, std::string>> fields = {};
        std::chrono::seconds timeout{30};  // for each write
        // When the request was read: OpenAI's clients look for the time it took.
        std::chrono::steady_clock::time_point began = std::chrono::steady_clock::now();
    };

    explicit ReplyWriter(Connection& connection) : connection_(connection) {}

    // All of these are false when the client does not take the bytes.
    boost::asio::awaitable<bool> write_continue();  // 100
    boost::asio::awaitable<bool> write_reply(const api::HttpResponse& reply);
    boost::asio::awaitable<bool> begin_stream();
    boost::asio::awaitable<bool> write_piece(const std::string& bytes);
    boost::asio::awaitable<bool> end_stream();

    Manner manner;

  private:
    boost::asio::awaitable<bool> write(std::string bytes);

    Connection& connection_;
};

}  // namespace gptoss::http
