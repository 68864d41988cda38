// What is known of the GPU at a moment, as the node reports it: in /metrics, /v1/status and /ready.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/json_reader.h"

namespace gptoss::node {

struct GpuStatus {
    // One number with the name it has in JSON; in /metrics "gptoss_gpu_" stands before it.
    struct Value {
        std::string_view name, help;
        double value = 0;
    };
    std::string name, bus_id, driver;
    std::vector<Value> values;             // what this card reports: not every card reports everything
    std::vector<std::string> throttling;   // why its clocks are lowered now; empty = they are not
    std::vector<unsigned long long> xids;  // the driver's error numbers since the node started, newest last
    std::string failure;                   // why the card cannot be trusted any more; empty = healthy
    std::string obstacle;                  // why no new requests are taken for the moment; empty = they are

    void add(std::string_view value_name, std::string_view help, double value) {
        values.push_back({value_name, help, value});
    }

    // Null when the card does not report it.
    const double* find(std::string_view value_name) const {
        for (const Value& each : values)
            if (each.name == value_name) return &each.value;
        return nullptr;
    }
    api::Json to_json() const;
};

}  // namespace gptoss::node
