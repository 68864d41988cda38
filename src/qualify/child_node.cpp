#include "qualify/child_node.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <thread>

#include "acceptance/client.h"
#include "base/error.h"

namespace gptoss::qualify {
namespace {

// One that is free now. Another program may take it before the node does; then the node says so and ends.
int free_port() {
    const int descriptor = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    const bool bound = descriptor >= 0 &&
                       bind(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 &&
                       getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &size) == 0;
    if (descriptor >= 0) close(descriptor);
    if (!bound) throw Error(ErrorCode::network_failed, "no free port on 127.0.0.1");
    return ntohs(address.sin_port);
}

std::vector<std::string> command_of(const std::filesystem::path& program,
                                    const std::vector<std::string>& flags, const std::string& url) {
    std::vector<std::string> command = {
        program.string(), "serve",     "--env-file", "/dev/null",
        "--host",         "127.0.0.1", "--port",     url.substr(url.rfind(':') + 1)};
    command.insert(command.end(), flags.begin(), flags.end());
    return command;
}

}  // namespace

ChildNode::ChildNode(const std::filesystem::path& program, const std::vector<std::string>& flags)
    : folder_("gpt-oss-qualify-node"),
      url_("http://127.0.0.1:" + std::to_string(free_port())),
      process_(command_of(program, flags, url_), folder_.path() / "log") {}

std::string ChildNode::wait_until_ready(double most_s) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(most_s);
    const acceptance::Client client({.url = url_, .api_key = {}, .timeout_ms = 2000});
    while (std::chrono::steady_clock::now() < end) {
        if (!process_.running()) return "the node did not start: " + ending();
        const acceptance::PlainReply reply = client.get("/ready");
        if (reply.status == 200) return {};
        if (reply.json.is_object() && acceptance::text_at(reply.json, "status") == "failed")
            return "the node failed: " + acceptance::text_at(reply.json, "failure", "it does not say why");
        std::this_thread::sleep_for(std::chrono::milliseconds(200));
    }
    return "the node was not ready after " + std::to_string(static_cast<int>(most_s)) + " s";
}

std::string ChildNode::ending() {
    if (process_.running()) return {};
    const std::string how = process_.wait(0);
    return how.empty() ? "it ended by itself" : how;
}

std::int64_t ChildNode::resident_bytes() const {
    std::ifstream file("/proc/" + std::to_string(process_.id()) + "/statm");
    std::int64_t size = 0, resident = 0;
    file >> size >> resident;
    return file ? resident * sysconf(_SC_PAGESIZE) : 0;
}

}  // namespace gptoss::qualify
