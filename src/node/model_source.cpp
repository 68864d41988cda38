#include "node/model_source.h"

#include "base/error.h"
#include "model/plan.h"
#include "node/demo_model.h"
#include "node/validation.h"

namespace gptoss::node {
namespace {

void require_no_file(const Settings& settings) {
    const auto refuse = [](const std::string& setting) {
        throw Error(ErrorCode::setting_invalid, "GPTOSS_SYNTHETIC and " + setting + " exclude each other",
                    "Random weights come from no file and have no provenance: leave one of the two out.");
    };
    if (!settings.model_path.empty()) refuse("MODEL_PATH");
    if (settings.require_model_validation == ValidationMode::require)
        refuse("REQUIRE_MODEL_VALIDATION=require");
    if (settings.receipts != ReceiptsMode::off)
        refuse("GPTOSS_RECEIPTS=" + std::string(name_of(settings.receipts)));
}

}  // namespace

ModelSource::ModelSource(const Settings& settings) {
    if (!settings.synthetic.empty()) {
        require_no_file(settings);
        shape_ = settings.synthetic == "gpt-oss-120b" ? model::gpt_oss_120b() : model::gpt_oss_20b();
        metadata_ = model::synthetic_metadata(shape_);
        return;
    }
    path_ = settings.model_path.empty() ? find_demo_model() : std::filesystem::path(settings.model_path);
    file_ = gguf::File::open(path_);
    found_ = model::find_weights(*file_);
    shape_ = found_->hyperparameters;
}

void ModelSource::make_weights() {
    if (weights() == nullptr) made_.emplace(shape_);
}

std::int64_t ModelSource::tensor_bytes() const {
    if (!file_) return model::published_weight_bytes(shape_);
    std::int64_t bytes = 0;
    for (const gguf::Tensor& tensor : file_->tensors())
        bytes += static_cast<std::int64_t>(tensor.data.size());
    return bytes;
}

}  // namespace gptoss::node
