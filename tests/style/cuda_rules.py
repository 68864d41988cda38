"""What every CUDA kernel does is written once: a second formula or a second wrapper is another order of arithmetic."""

import re
from typing import Iterable

from repository import Finding, Repository, Rule

_FOLDER = "src/backend/cuda"
_COMMON = f"{_FOLDER}/ops/common"
# What is looked for, and the one file of the CUDA backend that has it.
_ONE_PLACE = {
    "SwiGLU": (r"kSwigluAlpha", f"{_COMMON}/swiglu.cuh"),
    "cp.async": (r'asm[^;]*"cp\.async\.(?:cg|ca|commit|wait)', f"{_FOLDER}/primitives.cuh"),
    "mma.sync": (r'"mma\.sync', f"{_FOLDER}/primitives.cuh"),
    "wgmma": (r'"wgmma\.mma_async', f"{_FOLDER}/gemm_wgmma.cuh"),
    "rounding to the KV cache's 8 bits": (r"__nv_cvt_float2_to_fp8x2", f"{_FOLDER}/kv_elements.cuh"),
}


def _check_one_place(repository: Repository) -> Iterable[Finding]:
    for path in repository.under(_FOLDER, suffixes=(".h", ".cpp", ".cu", ".cuh")):
        text = repository.read(path)
        for what, (pattern, place) in _ONE_PLACE.items():
            if path != place and re.search(pattern, text):
                yield Finding(f"{path} {what}", f"{path} has {what} of its own: {place} has it for all kernels")


RULES = [
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
            f"{_FOLDER}/gemm.cuh cp.async": {f"{_FOLDER}/gemm.cuh": 'asm volatile("cp.async.ca.shared.global [%0], [%1], 4;");\n'},
        },
    ),
]
