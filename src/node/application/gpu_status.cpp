#include "node/application/gpu_status.h"

namespace gptoss::node {

api::Json GpuStatus::to_json() const {
    api::Json json = {{"name", name}, {"bus_id", bus_id}, {"driver", driver}};
    for (const Value& each : values) json[std::string(each.name)] = each.value;
    json["throttling"] = throttling;
    json["xids"] = xids;
    if (!failure.empty()) json["failure"] = failure;
    if (!obstacle.empty()) json["obstacle"] = obstacle;
    return json;
}

}  // namespace gptoss::node
