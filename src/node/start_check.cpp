#include "node/start_check.h"

#include <algorithm>

#include "gguf/file.h"
#include "model/weights.h"
#include "node/demo_model.h"
#include "provenance/known_releases.h"

namespace gptoss::node {
namespace {

template <typename Check>
void collect(std::vector<Error>& problems, const Check& check) {
    try {
        check();
    } catch (const Error& error) {
        problems.push_back(error);
    }
}

void require_model(const std::filesystem::path& path) {
    try {
        const gguf::File file = gguf::File::open(path);
        model::find_weights(file);
    } catch (const Error& error) {
        if (error.code() != ErrorCode::file_not_found && error.code() != ErrorCode::part_missing) throw;
        throw Error(error.code(), error.what(), how_to_get(path), error.facts());
    }
}

}  // namespace

std::string how_to_get(const std::filesystem::path& path) {
    const provenance::KnownRelease* release = provenance::find_release_by_file(path.filename().string());
    if (release == nullptr)
        return "Set MODEL_PATH to a GGUF file of gpt-oss, or leave it out to serve the demo model. "
               "`gpt-oss-node download "
               "gpt-oss-20b` fetches a model.";
    const std::string folder = path.has_parent_path() ? path.parent_path().string() : ".";
    return "Fetch it, or what is missing of it: gpt-oss-node download " + std::string(release->name) +
           " --to " + folder;
}

void require_gpu_where_asked(const Settings& settings, const std::vector<Device>& devices) {
    const bool asked = settings.gpu_layers > 0 || settings.device == DeviceChoice::cuda;
    const bool has_gpu = std::any_of(devices.begin(), devices.end(),
                                     [](const Device& device) { return device.name != "cpu"; });
    if (!asked || has_gpu) return;
    throw Error(ErrorCode::setting_invalid,
                (settings.gpu_layers > 0 ? "GPU_LAYERS=" + std::to_string(settings.gpu_layers)
                                         : "GPTOSS_DEVICE=" + std::string(name_of(settings.device))) +
                    " asks for a GPU, but this build computes on the CPU alone",
                "Set GPU_LAYERS=0 to compute on the CPU, or build with the CMake preset cuda.");
}

std::vector<Error> problems_before_start(const Settings& settings, const std::vector<Device>& devices) {
    std::vector<Error> problems;
    collect(problems, [&] {
        if (!settings.synthetic.empty()) return;
        require_model(settings.model_path.empty() ? find_demo_model()
                                                  : std::filesystem::path(settings.model_path));
    });
    collect(problems, [&] { require_gpu_where_asked(settings, devices); });
    return problems;
}

}  // namespace gptoss::node
