#include "api/delta.h"

namespace gptoss::api {

void Transcript::add(const Delta& delta) {
    switch (delta.kind) {
        case Delta::Kind::reasoning:
            reasoning += delta.text;
            break;
        case Delta::Kind::content:
            content += delta.text;
            break;
        case Delta::Kind::call_begin:
            calls.push_back({delta.call_id, delta.name, {}});
            break;
        case Delta::Kind::call_arguments:
            if (!calls.empty()) calls.back().arguments += delta.text;
            break;
    }
    logprobs.insert(logprobs.end(), delta.logprobs.begin(), delta.logprobs.end());
}

}  // namespace gptoss::api
