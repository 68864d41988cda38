// A part of the model swapped for the same part of another quantisation.
#include <gtest/gtest.h>

#include "base/error.h"
#include "model/synthetic.h"
#include "provenance/manifest.h"
#include "provenance/part_hashes.h"
#include "qualify/qualify.h"
#include "qualify/scripted_runner.h"
#include "qualify/small_model.h"
#include "support/temporary_folder.h"

namespace gptoss::qualify {
namespace {

// The same random weights in three parts, all matrices in one type: the parts hold the same tensors.
std::filesystem::path write_model(const std::filesystem::path& folder, gguf::TensorType type) {
    std::filesystem::create_directories(folder);
    const model::SyntheticModel model(test::small_shape(), 1, {.dense = type, .experts = type});
    model::write_synthetic(folder / "model.gguf", model.weights(), 3);
    return folder / "model-00001-of-00003.gguf";
}

void record_hashes(const std::filesystem::path& model) {
    std::vector<std::filesystem::path> paths;
    const gguf::File file = gguf::File::open(model);
    for (const gguf::Part& part : file.parts()) paths.push_back(part.path);
    const auto hashes = provenance::hash_parts(paths, {});
    provenance::save_manifest(provenance::manifest_path(model),
                              provenance::make_manifest(hashes, "", "", "hashed in a test"));
}

Report hashed(const std::filesystem::path& model) {
    QualifyOptions options;
    options.model = model.string();
    options.kernels = options.answers = false;
    options.minutes = 0;
    test::ScriptedRunner no_probes([](const std::string&, const Probe&, int) { return 1.0; });
    return qualify(options, no_probes, [](const std::string&) {});
}

TEST(SwappedPart, OfAnotherQuantisationIsCaughtAndNamed) {
    const test::TemporaryFolder folder;
    const auto model = write_model(folder.path() / "own", gguf::TensorType::Q8_0);
    record_hashes(model);
    EXPECT_TRUE(hashed(model).fit_to_serve());
    const auto subject = node::decision_subject("cpu", "", gguf::File::open(model));

    const auto other = write_model(folder.path() / "other", gguf::TensorType::BF16);
    const std::string part = "model-00002-of-00003.gguf";
    std::filesystem::copy_file(other.parent_path() / part, model.parent_path() / part,
                               std::filesystem::copy_options::overwrite_existing);
    ASSERT_NO_THROW(gguf::File::open(model)) << "every tensor is there: only the bytes tell";
    const Report report = hashed(model);
    EXPECT_FALSE(report.fit_to_serve());
    const auto failed = std::ranges::find(report.findings, Verdict::failed, &Finding::verdict);
    ASSERT_NE(failed, report.findings.end());
    EXPECT_EQ(failed->stage, "weights");
    EXPECT_NE(failed->detail.find(part), std::string::npos) << failed->detail;
    EXPECT_NE(node::decision_subject("cpu", "", gguf::File::open(model)), subject)
        << "what was decided for the model does not hold for this one";
}

}  // namespace
}  // namespace gptoss::qualify
