#include "qualify/probe_worker.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <optional>

#include "base/error.h"
#include "gguf/file.h"
#include "qualify/probe_computer.h"

namespace gptoss::qualify {
namespace {

using Json = nlohmann::json;

constexpr const char* kRequestFile = "request.json";
constexpr const char* kReplyFile = "reply.json";
constexpr const char* kLogitsFile = "logits.f32";
constexpr double kUntilItHasEnded_s = 60;  // once its side of the connection is closed: a core may be written

Json read_json_file(const std::filesystem::path& path) {
    std::ifstream file(path);
    Json json = Json::parse(file, nullptr, false);
    if (json.is_discarded()) throw Error(ErrorCode::file_corrupt, path.string() + " is not JSON");
    return json;
}

void flush(std::ofstream& file, const std::filesystem::path& path) {
    if (!file.flush()) throw Error(ErrorCode::disk_full, "cannot write " + path.string());
}

void write_json_file(const std::filesystem::path& path, const Json& json) {
    std::ofstream file(path, std::ios::binary);
    file << json.dump();
    flush(file, path);
}

struct OpenModel {
    explicit OpenModel(const std::string& path)
        : file(gguf::File::open(path)), weights(model::find_weights(file)), computer(weights) {}
    gguf::File file;
    model::Weights weights;
    ProbeComputer computer;
};

Json compute(const std::filesystem::path& folder, std::optional<OpenModel>& model) {
    const ProbeRequest request = probe_request_from_json(read_json_file(folder / kRequestFile));
    if (!model) model.emplace(request.model);
    const ProbeReply reply = model->computer.compute(request);
    model->file.require_unchanged();
    Json json = {{"device", reply.device}, {"outcomes", Json::array()}};
    std::ofstream logits(folder / kLogitsFile, std::ios::binary);
    for (const ProbeOutcome& outcome : reply.outcomes) {
        json["outcomes"].push_back({{"logits", outcome.logits.size()},
                                    {"repeatable", outcome.repeatable},
                                    {"step_ms", outcome.step_ms}});
        logits.write(reinterpret_cast<const char*>(outcome.logits.data()),
                     static_cast<std::streamsize>(outcome.logits.size() * sizeof(float)));
    }
    flush(logits, folder / kLogitsFile);
    return json;
}

ProbeReply read_reply(const std::filesystem::path& folder) {
    const Json json = read_json_file(folder / kReplyFile);
    ProbeReply reply;
    reply.problem = json.value("problem", std::string());
    reply.does_not_fit = json.value("does_not_fit", false);
    reply.device = json.value("device", std::string());
    std::ifstream logits(folder / kLogitsFile, std::ios::binary);
    for (const Json& each : json.value("outcomes", Json::array())) {
        ProbeOutcome outcome{std::vector<float>(each.at("logits").get<std::size_t>()),
                             each.at("repeatable").get<bool>(), each.at("step_ms").get<double>()};
        if (!logits.read(reinterpret_cast<char*>(outcome.logits.data()),
                         static_cast<std::streamsize>(outcome.logits.size() * sizeof(float)))) {
            reply.problem = "its logits are cut short";
            break;
        }
        reply.outcomes.push_back(std::move(outcome));
    }
    return reply;
}

}  // namespace

ProbeWorker::ProbeWorker(const std::filesystem::path& program) : folder_("gpt-oss-qualify") {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        throw Error(ErrorCode::network_failed, "cannot make a connection to a child process");
    connection_ = ends[0];
    try {
        process_ = std::make_unique<ChildProcess>(
            std::vector<std::string>{program.string(), "qualify-probe", folder_.path().string()},
            folder_.path() / "log", ends[1]);
    } catch (...) {
        close(ends[0]);
        close(ends[1]);
        throw;
    }
    close(ends[1]);
}

ProbeWorker::~ProbeWorker() {
    close(connection_);
}

// Empty when it has answered.
std::string ProbeWorker::wait(double most_s) {
    pollfd wanted{connection_, POLLIN, 0};
    if (poll(&wanted, 1, static_cast<int>(most_s * 1000)) == 0) {
        process_->stop(0);
        return "took longer than " + std::to_string(static_cast<int>(most_s)) + " s";
    }
    char byte = 0;
    if (recv(connection_, &byte, 1, 0) == 1) return {};
    const std::string ending = process_->wait(kUntilItHasEnded_s);
    return ending.empty() ? "ended without an answer" : ending;
}

ProbeReply ProbeWorker::run(const ProbeRequest& request, double most_s) {
    write_json_file(folder_.path() / kRequestFile, to_json(request));
    // Whether it has ended already is seen by waiting.
    static_cast<void>(send(connection_, "\n", 1, MSG_NOSIGNAL));
    if (std::string problem = wait(most_s); !problem.empty()) return {{}, {}, std::move(problem)};
    return read_reply(folder_.path());
}

ProbeReply ChildProbeRunner::run(const ProbeRequest& request) {
    std::unique_ptr<ProbeWorker>& worker = request.exact ? reference_ : device_;
    if (!worker) worker = std::make_unique<ProbeWorker>(program_);
    ProbeReply reply = worker->run(request, request.most_s > 0 ? std::min(request.most_s, most_s_) : most_s_);
    if (!reply.problem.empty()) worker.reset();
    return reply;
}

void ChildProbeRunner::start_anew() {
    device_.reset();
    reference_.reset();
}

void answer_probe_requests(const std::filesystem::path& folder) {
    std::optional<OpenModel> model;
    char byte = 0;
    while (read(STDIN_FILENO, &byte, 1) == 1) {
        Json json;
        try {
            json = compute(folder, model);
        } catch (const Error& error) {
            json = {{"problem", error.what()}, {"does_not_fit", error.code() == ErrorCode::does_not_fit}};
        }
        write_json_file(folder / kReplyFile, json);
        if (write(STDIN_FILENO, &byte, 1) != 1 || json.contains("problem")) return;
    }
}

}  // namespace gptoss::qualify
