// What the console needs beside the API: the last day, MCP servers, the fleet, downloads. Each part is used and tested
// alone; this holds them together for serve().
#pragma once

#include "node/application/day_history.h"
#include "node/application/fleet.h"
#include "node/application/mcp_relay.h"
#include "node/application/model_download.h"

namespace gptoss::node {

struct ConsoleOptions {
    McpOptions mcp;
    std::filesystem::path fleet_file;
    ModelDownloadOptions download;
};

struct ConsoleParts {
    // Throws what the parts throw for files that cannot be read.
    ConsoleParts(http::ReplyMeter& next, ConsoleOptions options)
        : history(next),
          mcp(std::move(options.mcp)),
          fleet(std::move(options.fleet_file)),
          download(std::move(options.download)) {}

    http::Router with_routes(http::Router router) {
        add_history_routes(router, history);
        mcp.add_routes(router);
        fleet.add_routes(router);
        return router;
    }

    DayHistory history;
    McpRelay mcp;
    Fleet fleet;
    ModelDownload download;
};

}  // namespace gptoss::node
