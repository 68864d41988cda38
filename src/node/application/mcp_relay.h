// Tools of MCP servers for the console: a page may talk to its own node alone, so the node hands on what the page says to
// the servers that an administrator has listed, and to no other. The node reads neither side: it is a way, not a client.
// https://modelcontextprotocol.io/specification/2025-06-18/basic/transports (Streamable HTTP; only POST)
#pragma once

#include <filesystem>
#include <memory>

#include "http/router.h"
#include "http/worker_pool.h"

namespace gptoss::node {

struct McpOptions {
    std::filesystem::path servers_file;  // as named_addresses.h has it, read at each call; empty = no servers
    std::int64_t timeout_ms = 60'000;    // of one call, until the server's last byte
    int calls_at_once = 8;
};

class McpRelay {
  public:
    // Throws what reading the file throws, so that a broken one is found at start.
    explicit McpRelay(McpOptions options);
    ~McpRelay();  // calls under way are given up within a second

    //   GET  /v1/mcp       {"servers": [{"name"}]}
    //   POST /v1/mcp/NAME  the body goes to that server, its reply comes back: JSON or an event stream, whole
    void add_routes(http::Router& router);

  private:
    api::HandlerResult names() const;
    api::HandlerResult call(const http::HttpRequest& request, const api::Caller& caller);

    McpOptions options_;
    std::unique_ptr<http::WorkerPool> pool_;  // null without servers
    std::shared_ptr<std::atomic<bool>> stop_;
};

}  // namespace gptoss::node
