// What the server says of itself: which model, whose weights, where the layers are, how much memory.
#include "acceptance/check_session.h"

namespace gptoss::acceptance {
namespace {

constexpr const char* kNotOffered = "not offered by this server";

// The entry of /v1/models that is to be tested: the one named, else the first.
const Json* find_card(const Json& list, const std::string& model) {
    const auto data = list.find("data");
    if (data == list.end() || !data->is_array()) return nullptr;
    for (const Json& each : *data)
        if (each.is_object() && (model.empty() || text_at(each, "id") == model)) return &each;
    return nullptr;
}

// Always made, also with --only: every other check needs to know the model's name.
Finding find_model(Session& session) {
    const PlainReply reply = session.client.get("/v1/models");
    if (!reply.problem.empty()) return fail(reply.problem);
    if (reply.status != 200)
        return fail("GET /v1/models gives HTTP " + std::to_string(reply.status) + ": " +
                    reply.body.substr(0, 200));
    const Json* card = reply.json.is_object() ? find_card(reply.json, session.options.model) : nullptr;
    if (card == nullptr) return fail("/v1/models lists no model " + session.options.model);
    session.model = text_at(*card, "id");
    // Ours and vLLM's name for it.
    session.context_length =
        static_cast<std::int64_t>(number_at(*card, "context_length", number_at(*card, "max_model_len")));
    const std::string context =
        session.context_length > 0 ? ", context " + std::to_string(session.context_length) + " tokens" : "";
    return pass(session.model + context);
}

Finding verified(const Session& session) {
    const Json status = session.status().value_or(Json());
    const Json& provenance = object_at(object_at(status, "card"), "provenance");
    if (provenance.empty()) return session.options.require_verified ? fail(kNotOffered) : skip(kNotOffered);
    const std::string detail = text_at(provenance, "detail"), hash = text_at(provenance, "composite_sha256");
    const std::string evidence = detail + (hash.empty() ? "" : ", composite " + hash.substr(0, 16) + "…");
    if (provenance.value("verified", Json()) == true) return pass(evidence);
    return session.options.require_verified ? fail("not verified: " + evidence)
                                            : skip(evidence + " (--require-verified insists)");
}

Finding layers_on_gpu(const Session& session) {
    const auto status = session.status();
    const std::string placement = status ? text_at(*status, "placement") : "";
    if (placement.empty()) return session.options.require_gpu ? fail(kNotOffered) : skip(kNotOffered);
    const bool some_on_cpu = placement.find("CPU") != std::string::npos;
    if (!some_on_cpu) return pass(placement);
    const bool is_cpu_node = text_at(*status, "device").starts_with("CPU");
    return is_cpu_node && !session.options.require_gpu ? skip("a CPU node: " + placement) : fail(placement);
}

Finding vram_idle(const Session& session) {
    const auto status = session.status();
    return judge_vram(session, status ? number_at(object_at(*status, "gpu"), "memory_used_bytes") : 0);
}

}  // namespace

Finding judge_vram(const Session& session, double used_bytes) {
    if (used_bytes <= 0) return skip(kNotOffered);
    constexpr double kMiB = 1024 * 1024;
    double ceiling_bytes = static_cast<double>(session.options.vram_ceiling_mib) * kMiB;
    if (ceiling_bytes == 0)
        ceiling_bytes =
            number_at(object_at(session.status().value_or(Json()), "gpu"), "memory_ceiling_bytes");
    const std::string used = decimal(used_bytes / 1e9) + " GB in use";
    if (ceiling_bytes == 0) return skip(used + ", no ceiling given (--vram-ceiling-mb) nor set at the node");
    const std::string detail = used + " of " + decimal(ceiling_bytes / 1e9) + " GB";
    return used_bytes < ceiling_bytes ? pass(detail) : fail(detail + ": above the ceiling");
}

bool check_node(Session& session) {
    const Finding model = find_model(session);
    if (model.verdict == Verdict::failed) {
        session.report.outcomes.push_back({"model loaded", Verdict::failed, model.detail, 0});
        return false;
    }
    session.run("model loaded", [&] { return model; });
    session.run("model verified", [&] { return verified(session); });
    session.run("layers on the GPU", [&] { return layers_on_gpu(session); });
    session.run("VRAM idle", [&] { return vram_idle(session); });
    return true;
}

}  // namespace gptoss::acceptance
