// The processes that compute probes, and the backend that they keep.
#include "qualify/probe_worker.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "qualify/probe_computer.h"
#include "qualify/small_model.h"
#include "support/temporary_folder.h"

namespace gptoss::qualify {
namespace {

class ChildProbes : public testing::Test {
  protected:
    ChildProbes() { request_.device = "cpu"; }

    std::filesystem::path script(const std::string& text) const {
        const auto path = folder_.path() / "program";
        std::ofstream(path) << "#!/bin/sh\n" << text << "\n";
        std::filesystem::permissions(path, std::filesystem::perms::owner_all);
        return path;
    }

    const test::TemporaryFolder folder_;
    ProbeRequest request_;
};

TEST_F(ChildProbes, ACrashAHangAndARefusalAreProblemsOfTheChild) {
    EXPECT_EQ(ChildProbeRunner("/bin/false", 10).run(request_).problem, "exit status 1");
    EXPECT_EQ(ChildProbeRunner("/bin/true", 10).run(request_).problem, "ended without an answer");
    EXPECT_EQ(ChildProbeRunner(script("kill -SEGV $$"), 10).run(request_).problem, "ended by signal 11");
    EXPECT_EQ(ChildProbeRunner(script("exec sleep 60"), 0.2).run(request_).problem, "took longer than 0 s");
    EXPECT_EQ(ChildProbeRunner(script("echo \"no such device\" >&2; exit 2"), 10).run(request_).problem,
              "exit status 2: no such device");
    request_.most_s = 0.1;
    EXPECT_EQ(ChildProbeRunner(script("exec sleep 60"), 1000).run(request_).problem, "took longer than 0 s");
}

// Answers with its process id; with a problem where the request names a kernel.
constexpr const char* kAnswers = R"(
while read -r _; do
    if grep -q mma "$2/request.json"; then echo '{"problem": "an illegal memory access"}' > "$2/reply.json"
    else echo "{\"device\": \"$$\"}" > "$2/reply.json"; fi
    printf x >&0
done)";

TEST_F(ChildProbes, OneProcessAnswersUntilThereIsAProblem) {
    ChildProbeRunner runner(script(kAnswers), 10);
    const std::string first = runner.run(request_).device;
    EXPECT_EQ(runner.run(request_).device, first);
    ProbeRequest exact = request_;
    exact.exact = true;
    const std::string reference = runner.run(exact).device;
    EXPECT_NE(reference, first);

    ProbeRequest wrong = request_;
    wrong.kernels.banned = {"experts/mma"};
    EXPECT_EQ(runner.run(wrong).problem, "an illegal memory access");
    const std::string second = runner.run(request_).device;
    EXPECT_NE(second, first) << "what a lost device leaves behind";
    EXPECT_EQ(runner.run(exact).device, reference);

    runner.start_anew();
    EXPECT_NE(runner.run(request_).device, second);
}

TEST(ProbeComputer, WhatItKeepsChangesNoBit) {
    const model::SyntheticModel model(test::small_shape());
    ProbeComputer kept(model.weights());
    ProbeRequest request;
    request.device = "cpu";
    for (const bool exact : {false, true})
        for (const std::vector<Probe>& probes :
             {std::vector<Probe>{{8, 1, 1024}, {1, 129, 0}}, {{1, 33, 0}}, {{1, 200, 0}, {1, 1, 66'496}}}) {
            request.exact = exact;
            request.probes = probes;
            const ProbeReply found = kept.compute(request), alone = compute_probes(request, model.weights());
            for (std::size_t i = 0; i < probes.size(); ++i)
                EXPECT_EQ(found.outcomes[i].logits, alone.outcomes[i].logits) << probes[i].name();
        }
    request.exact = false;
    request.kernels.banned = {"cpu/avx512", "cpu/avx2", "cpu/portable"};
    EXPECT_ANY_THROW(kept.compute(request));
    request.kernels = {};
    EXPECT_NO_THROW(kept.compute(request)) << "a backend is not used again after an error";
}

}  // namespace
}  // namespace gptoss::qualify
