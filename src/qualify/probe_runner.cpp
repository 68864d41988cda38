#include "qualify/probe_runner.h"

#include "base/error.h"

namespace gptoss::qualify {

nlohmann::json to_json(const ProbeRequest& request) {
    nlohmann::json json = {{"model", request.model},           {"device", request.device},
                           {"banned", request.kernels.banned}, {"preferred", nlohmann::json::array()},
                           {"exact", request.exact},           {"first_layer", request.layers.first},
                           {"end_layer", request.layers.end},  {"kv_type", model::name_of(request.kv_types)},
                           {"gpu_layers", request.gpu_layers}, {"gpu_ordinal", request.gpu_ordinal},
                           {"passes", request.passes},         {"times_alone", request.times_alone},
                           {"probes", nlohmann::json::array()}};
    for (const auto& preference : request.kernels.preferred)
        json["preferred"].push_back({preference.kernel, preference.tokens_from, preference.tokens_to});
    for (const Probe& probe : request.probes)
        json["probes"].push_back({probe.sequences, probe.tokens, probe.depth, probe.input, probe.piece});
    return json;
}

ProbeRequest probe_request_from_json(const nlohmann::json& json) {
    try {
        ProbeRequest request;
        request.model = json.at("model").get<std::string>();
        request.device = json.at("device").get<std::string>();
        request.kernels.banned = json.at("banned").get<std::vector<std::string>>();
        for (const nlohmann::json& each : json.at("preferred"))
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
        for (const nlohmann::json& each : json.at("probes"))
            request.probes.push_back({each.at(0).get<std::int32_t>(), each.at(1).get<std::int32_t>(),
                                      each.at(2).get<std::int32_t>(), each.at(3).get<std::int32_t>(),
                                      each.at(4).get<std::int32_t>()});
        return request;
    } catch (const nlohmann::json::exception& error) {
        throw Error(ErrorCode::request_invalid, std::string("a probe request: ") + error.what(),
                    "`qualify` writes it; it is not meant to be written by hand.");
    }
}

}  // namespace gptoss::qualify
