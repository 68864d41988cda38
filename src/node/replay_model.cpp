#include "node/replay_model.h"

#include "node/loaded_model.h"
#include "node/validation.h"

namespace gptoss::node {
namespace {

std::string composite_of(const Settings& settings, const ModelSource& source) {
    if (source.file() == nullptr) return {};
    Settings hashed = settings;
    hashed.require_model_validation = ValidationMode::off;
    hashed.hash_weights = true;
    std::vector<std::filesystem::path> paths;
    for (const gguf::Part& part : source.file()->parts()) paths.push_back(part.path);
    return "0x" + validate_model(hashed, paths).composite;
}

}  // namespace

ReplayModel::ReplayModel(const Settings& settings, const std::vector<Device>& devices)
    : source_(settings),
      tokenizer_(Tokenizer::from_metadata(source_.metadata())),
      constraints_(tokenizer_),
      composite_(composite_of(settings, source_)) {
    const Placement placement = place_model(settings, devices, source_);
    backend::BackendOptions options;
    options.plan = placement.plan;
    options.padding_from = first_padding(tokenizer_);
    options.threads = static_cast<std::int32_t>(settings.threads);
    backend_ = placement.make(source_, options, [](std::int64_t, std::int64_t) {});
    if (source_.file() != nullptr)
        source_.file()->require_unchanged();  // what was hashed must be what was loaded
    replayer_ =
        std::make_unique<engine::Replayer>(*backend_, options.plan, source_.shape(), options.padding_from);
    numerics_ = numerics_of(backend_->info());
}

}  // namespace gptoss::node
