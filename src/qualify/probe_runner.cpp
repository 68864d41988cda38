#include "qualify/probe_runner.h"

#include <fstream>

#include "backend/devices/devices.h"
#include "base/error.h"
#include "gguf/file.h"
#include "qualify/child_process.h"
#include "qualify/scratch_folder.h"

namespace gptoss::qualify {
namespace {

using Json = nlohmann::json;

constexpr const char* kRequestFile = "request.json";
constexpr const char* kReplyFile = "reply.json";
constexpr const char* kLogitsFile = "logits.f32";

Json read_json_file(const std::filesystem::path& path) {
    std::ifstream file(path);
    Json json = Json::parse(file, nullptr, false);
    if (json.is_discarded()) throw Error(ErrorCode::file_corrupt, path.string() + " is not JSON");
    return json;
}

void write_file(const std::filesystem::path& path, std::string_view bytes) {
    std::ofstream file(path, std::ios::binary);
    file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    if (!file.flush()) throw Error(ErrorCode::disk_full, "cannot write " + path.string());
}

void read_logits(const std::filesystem::path& path, std::vector<float>& logits) {
    std::ifstream file(path, std::ios::binary | std::ios::ate);
    logits.resize(static_cast<std::size_t>(std::max<std::streamoff>(0, file.tellg())) / sizeof(float));
    file.seekg(0);
    file.read(reinterpret_cast<char*>(logits.data()),
              static_cast<std::streamsize>(logits.size() * sizeof(float)));
}

}  // namespace

Json to_json(const ProbeRequest& request) {
    Json json = {{"model", request.model},           {"device", request.device},
                 {"banned", request.kernels.banned}, {"preferred", Json::array()},
                 {"exact", request.exact},           {"first_layer", request.layers.first},
                 {"end_layer", request.layers.end},  {"kv_type", model::name_of(request.kv_types)},
                 {"gpu_layers", request.gpu_layers}, {"gpu_ordinal", request.gpu_ordinal},
                 {"passes", request.passes},         {"times_alone", request.times_alone},
                 {"probes", Json::array()}};
    for (const auto& preference : request.kernels.preferred)
        json["preferred"].push_back({preference.kernel, preference.tokens_from, preference.tokens_to});
    for (const Probe& probe : request.probes)
        json["probes"].push_back({probe.sequences, probe.tokens, probe.depth, probe.input});
    return json;
}

ProbeRequest probe_request_from_json(const Json& json) {
    try {
        ProbeRequest request;
        request.model = json.at("model").get<std::string>();
        request.device = json.at("device").get<std::string>();
        request.kernels.banned = json.at("banned").get<std::vector<std::string>>();
        for (const Json& each : json.at("preferred"))
            request.kernels.preferred.push_back({each.at(0).get<std::string>(),
                                                 each.at(1).get<std::int32_t>(),
                                                 each.at(2).get<std::int32_t>()});
        request.exact = json.at("exact").get<bool>();
        request.layers = {json.at("first_layer").get<std::int32_t>(),
                          json.at("end_layer").get<std::int32_t>()};
        request.kv_types = model::kv_types_named(json.at("kv_type").get<std::string>());
        request.gpu_layers = json.at("gpu_layers").get<std::int32_t>();
        request.gpu_ordinal = json.at("gpu_ordinal").get<std::int32_t>();
        request.passes = json.at("passes").get<std::int32_t>();
        request.times_alone = json.at("times_alone").get<bool>();
        for (const Json& each : json.at("probes"))
            request.probes.push_back({each.at(0).get<std::int32_t>(), each.at(1).get<std::int32_t>(),
                                      each.at(2).get<std::int32_t>(), each.at(3).get<std::int32_t>()});
        return request;
    } catch (const Json::exception& error) {
        throw Error(ErrorCode::request_invalid, std::string("a probe request: ") + error.what(),
                    "`qualify` writes it; it is not meant to be written by hand.");
    }
}

ProbeReply compute_probes(const ProbeRequest& request, const model::Weights& all_weights) {
    const bool sliced = request.layers.end > request.layers.first;
    const model::Weights weights =
        sliced ? slice_of(all_weights, request.layers.first, request.layers.end - request.layers.first)
               : all_weights;
    const model::Hyperparameters& shape = weights.hyperparameters;
    model::PlanRequest plan_request = plan_request_for(request.probes, shape, request.kv_types);
    if (!sliced) plan_request.gpu_layers = request.gpu_layers;
    plan_request.gpu_ordinal = request.gpu_ordinal;
    const backend::DeviceNeeds needs = backend::device_needs(request.device, weights, plan_request);
    backend::BackendOptions options;
    options.plan = model::plan(shape, plan_request, needs.weight_bytes, needs.workspace_bytes,
                               needs.runtime_bytes, needs.host);
    model::require_fit(options.plan, shape, needs.free_bytes, needs.device);
    options.kernels = request.kernels;
    options.exact = request.exact;
    const auto backend = backend::make_backend(request.device, weights, options);
    ProbeReply reply;
    reply.device = backend->info().device;
    reply.outcomes =
        run_probes(*backend, options.plan, shape, request.probes, request.passes, request.times_alone);
    return reply;
}

ProbeReply compute_probes(const ProbeRequest& request) {
    const gguf::File file = gguf::File::open(request.model);
    ProbeReply reply = compute_probes(request, model::find_weights(file));
    file.require_unchanged();
    return reply;
}

void answer_probe_request(const std::filesystem::path& folder) {
    Json json;
    try {
        const ProbeReply reply =
            compute_probes(probe_request_from_json(read_json_file(folder / kRequestFile)));
        json = {{"device", reply.device}, {"outcomes", Json::array()}};
        std::string logits;
        for (const ProbeOutcome& outcome : reply.outcomes) {
            json["outcomes"].push_back({{"logits", outcome.logits.size()},
                                        {"repeatable", outcome.repeatable},
                                        {"step_ms", outcome.step_ms}});
            logits.append(reinterpret_cast<const char*>(outcome.logits.data()),
                          outcome.logits.size() * sizeof(float));
        }
        write_file(folder / kLogitsFile, logits);
    } catch (const Error& error) {
        json = {{"problem", error.what()}, {"does_not_fit", error.code() == ErrorCode::does_not_fit}};
    }
    write_file(folder / kReplyFile, json.dump());
}

ProbeReply ChildProbeRunner::run(const ProbeRequest& request) {
    const ScratchFolder folder("gpt-oss-qualify");
    write_file(folder.path() / kRequestFile, to_json(request).dump());
    ChildProcess child({program_.string(), "qualify-probe", folder.path().string()}, folder.path() / "log");
    ProbeReply reply;
    reply.problem = child.wait(most_s_);
    if (!reply.problem.empty()) return reply;
    const Json json = read_json_file(folder.path() / kReplyFile);
    reply.problem = json.value("problem", std::string());
    reply.does_not_fit = json.value("does_not_fit", false);
    reply.device = json.value("device", std::string());
    std::vector<float> all;
    read_logits(folder.path() / kLogitsFile, all);
    std::size_t first = 0;
    for (const Json& each : json.value("outcomes", Json::array())) {
        const auto count = each.at("logits").get<std::size_t>();
        if (first + count > all.size()) {
            reply.problem = "its logits are cut short";
            break;
        }
        reply.outcomes.push_back({{all.begin() + static_cast<std::ptrdiff_t>(first),
                                   all.begin() + static_cast<std::ptrdiff_t>(first + count)},
                                  each.at("repeatable").get<bool>(),
                                  each.at("step_ms").get<double>()});
        first += count;
    }
    return reply;
}

}  // namespace gptoss::qualify
