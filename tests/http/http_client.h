// A blocking client that sends exactly the bytes it is told to.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>

namespace gptoss::test {

struct HttpReply {
    int status = 0;                              // 0 = the connection ended before a whole header came
    std::map<std::string, std::string> headers;  // names in lower case
    std::string body;                            // chunks joined
    bool complete = false;
};

class HttpClient {
  public:
    // A client that will not read can ask the system to hold little for it: 0 = as the system likes.
    explicit HttpClient(std::uint16_t port, int receive_buffer_bytes = 0);
    ~HttpClient();
    HttpClient(const HttpClient&) = delete;
    HttpClient& operator=(const HttpClient&) = delete;

    void send(const std::string& bytes);
    // "METHOD path" with a body.
    void request(const std::string& method, const std::string& path, const std::string& body = "",
                 const std::string& headers = "");
    HttpReply read_reply(bool head_only = false);
    // Reads until this text has come; false when the connection ended before.
    bool read_until(const std::string& text);
    bool closed_by_server(std::chrono::milliseconds within);
    void close();
    void close_with_reset();  // as a process that is killed with unread data

  private:
    bool read_more();
    int socket_ = -1;
    std::string unread_;
};

// One request on a connection of its own.
HttpReply ask(std::uint16_t port, const std::string& method, const std::string& path,
              const std::string& body = "", const std::string& headers = "");

}  // namespace gptoss::test
