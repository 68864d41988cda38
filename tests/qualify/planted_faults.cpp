#include "qualify/planted_faults.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "backend/cuda/gemm.h"
#include "qualify/spoil.h"

namespace gptoss::test {
namespace {

using namespace backend::cuda;

constexpr std::int32_t kWrongTokens = 129;
constexpr std::int32_t kFewRows = 512;  // twice as many have room in every plan of `qualify`

std::map<std::string, GpuFault>& faults() {
    static std::map<std::string, GpuFault> all;
    return all;
}

std::optional<GpuFault> fault_of(const std::string& kernel) {
    const auto found = faults().find(kernel);
    return found == faults().end() ? std::nullopt : std::optional(found->second);
}

// What a product leaves; nothing where it leaves several things, or adds to what was there.
Result result_of(const GemmProblem& problem) {
    const EpilogueTargets& epilogue = problem.epilogue;
    const std::int32_t rows_of_expert = problem.weights.rows / problem.experts;
    switch (epilogue.kind) {
        case Epilogue::swiglu:
            return {epilogue.activations, false, problem.row_count, rows_of_expert / 2, rows_of_expert / 2};
        case Epilogue::expert_output:
            return {epilogue.expert_outputs, false, problem.row_count, rows_of_expert, rows_of_expert};
        case Epilogue::residual:
            return {epilogue.output, true, problem.row_count, rows_of_expert, epilogue.output_stride};
        default:
            return {};
    }
}

void spoil_product(GpuFault fault, const GemmProblem& problem, cudaStream_t stream) {
    const bool experts = problem.experts > 1;
    const Result result = result_of(problem);
    if (result.data == nullptr) return;
    switch (fault) {
        case GpuFault::wrong_lane:
            return spoil_lane(result, stream);
        case GpuFault::race:
            return spoil_by_race(result, stream);
        case GpuFault::wrong_at_129_tokens:
            if (result.rows == kWrongTokens * (experts ? kExpertsPerToken : 1)) spoil_tile(result, stream);
            return;
        case GpuFault::rare_not_a_number:
            return spoil_rarely(result, stream);
        case GpuFault::stale_workspace:
            if (problem.epilogue.kind == Epilogue::expert_output && result.rows <= kFewRows)
                spoil_by_what_was_there(result, stream);
            return;
        case GpuFault::illegal_address:
            return write_nowhere(stream);
        default:
            return;
    }
}

}  // namespace

void plant(std::map<std::string, GpuFault> planted) {
    faults() = std::move(planted);
}

// The names that the linker gives a wrapped function and its wrapper.
#define GPTOSS_GEMM \
    "_ZN6gptoss7backend4cuda11launch_gemmERKNS1_11GemmProblemERKNS1_10MatrixPlanEiP11CUstream_st"
#define GPTOSS_PREFILL \
    "_ZN6gptoss7backend4cuda24launch_prefill_attentionERKNS1_16PrefillAttentionEbP11CUstream_st"
#define GPTOSS_DECODE \
    "_ZN6gptoss7backend4cuda16launch_attentionERKNS1_13DecodeContextERKNS1_10LayerStageEiP11CUstream_st"

void true_gemm(const GemmProblem&, const MatrixPlan&, std::int32_t, cudaStream_t) asm("__real_" GPTOSS_GEMM);
void faulty_gemm(const GemmProblem&, const MatrixPlan&, std::int32_t,
                 cudaStream_t) asm("__wrap_" GPTOSS_GEMM);
void true_prefill(const PrefillAttention&, bool, cudaStream_t) asm("__real_" GPTOSS_PREFILL);
void faulty_prefill(const PrefillAttention&, bool, cudaStream_t) asm("__wrap_" GPTOSS_PREFILL);
void true_decode(const DecodeContext&, const LayerStage&, std::int32_t,
                 cudaStream_t) asm("__real_" GPTOSS_DECODE);
void faulty_decode(const DecodeContext&, const LayerStage&, std::int32_t,
                   cudaStream_t) asm("__wrap_" GPTOSS_DECODE);

void faulty_gemm(const GemmProblem& problem, const MatrixPlan& plan, std::int32_t sm_count,
                 cudaStream_t stream) {
    const auto fault =
        fault_of((problem.experts > 1 ? "experts/" : "dense/") + std::string(name_of(plan.kernel)));
    const bool again = fault == GpuFault::slow && problem.epilogue.kind != Epilogue::residual;
    for (int times = 0; times < (again ? 3 : 1); ++times) true_gemm(problem, plan, sm_count, stream);
    if (fault) spoil_product(*fault, problem, stream);
}

void faulty_prefill(const PrefillAttention& attention, bool use_wgmma, cudaStream_t stream) {
    true_prefill(attention, use_wgmma, stream);
    if (attention.window == 0 &&
        fault_of(use_wgmma ? "attention/wgmma" : "attention/mma") == GpuFault::wrong_when_deep)
        spoil_deep_rows(attention, stream);
}

void faulty_decode(const DecodeContext& context, const LayerStage& stage, std::int32_t kv_splits,
                   cudaStream_t stream) {
    true_decode(context, stage, kv_splits, stream);
    if (!stage.slides && fault_of("pass/decode") == GpuFault::wrong_when_deep)
        spoil_deep_rows(context, stream);
    if (!stage.slides && context.rows == 1 && fault_of("pass/decode") == GpuFault::wrong_keys)
        spoil_keys(context, stage, stream);
}

}  // namespace gptoss::test
