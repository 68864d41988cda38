"""What every CUDA kernel does is written once: a second formula or a second wrapper is another order of arithmetic."""

import re
from typing import Iterable

from repository import Finding, Repository, Rule

_FOLDER = "src/backend/cuda"
_COMMON = f"{_FOLDER}/ops/common"
# What is looked for, and the one file of the CUDA backend that has it.
_ONE_PLACE = {
    "SwiGLU": (r"kSwigluAlpha", f"{_COMMON}/swiglu.cuh"),
    "int8 unpacking": (r"0x6480\b", f"{_COMMON}/int8_words.cuh"),
    "MXFP4 unpacking": (r"0x8E008E00U?\b", f"{_FOLDER}/mxfp4_words.h"),
    "the rotation's angles": (r"\bsincos\(", f"{_COMMON}/rotation.cuh"),
    "weights of chosen experts": (r"__expf\((?!-)|\bexpf\((?:chosen|logits|scores)", f"{_COMMON}/routing_weights.cuh"),
    "the norm's factor": (r"rsqrtf\([^;]*epsilon", f"{_COMMON}/rms_norm.cuh"),
    "top-k routing": (r"\b__reduce_min_sync\(", f"{_COMMON}/top_k_routing.cuh"),
    "an embedding's numbers": (r"\bpacked_weight_element\(const ", f"{_FOLDER}/packed_weight_elements.cuh"),
    "cp.async": (r'asm[^;]*"cp\.async\.(?:cg|ca|commit|wait)', f"{_FOLDER}/primitives.cuh"),
    "mma.sync": (r'"mma\.sync', f"{_FOLDER}/primitives.cuh"),
    "wgmma": (r'"wgmma\.mma_async', f"{_FOLDER}/gemm_wgmma.cuh"),
    "rounding to the KV cache's 8 bits": (r"__nv_cvt_float2_to_fp8x2", f"{_FOLDER}/kv_elements.cuh"),
}


def _check_one_place(repository: Repository) -> Iterable[Finding]:
    if repository.exists(f"{_FOLDER}/CMakeLists.txt"):  # the house itself: a renamed place would let the rule sleep
        for what, (pattern, place) in _ONE_PLACE.items():
            if not repository.exists(place) or not re.search(pattern, repository.read(place)):
                yield Finding(f"{place} {what}", f"{place} should have {what}: say in this rule where it is now")
    for path in repository.under(_FOLDER, suffixes=(".h", ".cpp", ".cu", ".cuh")):
        text = repository.read(path)
        for what, (pattern, place) in _ONE_PLACE.items():
            if path != place and re.search(pattern, text):
                yield Finding(f"{path} {what}", f"{path} has {what} of its own: {place} has it for all kernels")


def _check_choices(repository: Repository) -> Iterable[Finding]:
    for path in repository.under(_FOLDER, suffixes=(".h", ".cpp", ".cu", ".cuh")):
        if not path.startswith(f"{_FOLDER}/plan/") and re.search(r"(?<![=!<>])(?:[?:=]|\breturn)\s*MatrixKernel::\w", repository.read(path)):
            yield Finding(path, f"{path} chooses a kernel: plan/ alone does, by tokens, context and card")


RULES = [
    Rule(
        "CUDA kernels are chosen in plan/ alone",
        _check_choices,
        {
            f"{_FOLDER}/plan/execution_plan.cpp": "kernel = tokens <= 128 ? MatrixKernel::wgmma_cluster : MatrixKernel::wgmma;\n",
            f"{_FOLDER}/gemm.cu": "if (plan.kernel == MatrixKernel::streamed) launch(); switch (k) { case MatrixKernel::mma: break; }\n",
        },
        {
            f"{_FOLDER}/gemm.cu": {f"{_FOLDER}/gemm.cu": "auto kernel = rows <= 8 ? MatrixKernel::streamed : other;\n"},
            f"{_FOLDER}/ops/a.cu": {f"{_FOLDER}/ops/a.cu": "MatrixKernel f() { return MatrixKernel::mma; }\n"},
        },
    ),
    Rule(
        "CUDA kernels share one of each",
        _check_one_place,
        {
            f"{_COMMON}/swiglu.cuh": "float swiglu(float gate) { return kSwigluAlpha * gate; }\n",
            f"{_FOLDER}/primitives.cuh": 'asm volatile("cp.async.cg.shared.global [%0], [%1], 16;");\n',
            "src/backend/cpu/exact.cpp": "float swiglu(float gate) { return kSwigluAlpha * gate; }\n",
        },
        {
            f"{_FOLDER}/gemm.cuh SwiGLU": {f"{_FOLDER}/gemm.cuh": "float mine(float a) { return kSwigluAlpha * a; }\n"},
            f"{_FOLDER}/a.cu the rotation's angles": {f"{_FOLDER}/a.cu": "sincos(angle, &sine, &cosine);\n"},
            f"{_FOLDER}/a.cu int8 unpacking": {f"{_FOLDER}/a.cu": "const auto offset = __ushort_as_half(0x6480);\n"},
            f"{_FOLDER}/a.cu weights of chosen experts": {f"{_FOLDER}/a.cu": "sum += expf(chosen[k] - chosen[0]);\n"},
            f"{_FOLDER}/a.cu the norm's factor": {f"{_FOLDER}/a.cu": "const float inverse = rsqrtf(mean + epsilon);\n"},
            f"{_FOLDER}/a.cu top-k routing": {f"{_FOLDER}/a.cu": "const int winner = __reduce_min_sync(kAllLanes, mine);\n"},
            f"{_FOLDER}/gemm.cuh cp.async": {f"{_FOLDER}/gemm.cuh": 'asm volatile("cp.async.ca.shared.global [%0], [%1], 4;");\n'},
        },
    ),
]
