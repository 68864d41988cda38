"""Words that were replaced by the field's own do not come back (docs/architecture.md has the glossary)."""

import re
from typing import Iterable

from repository import Finding, Repository, Rule

_CODE = (".h", ".cpp", ".cu", ".cuh", ".py", ".md")
# A retired word -> the word of the field.
_EVERYWHERE = {
    "PlaneType": "WeightFormat",
    "ExpertChoice": "TopKRouting",
    "PrefillForward": "BatchedForward",
    "SlabStream": "KTileStream",
    "BrainNumbers": "MmaBf16",
    "HalfNumbers": "MmaF16",
    "hold_registers": "fence_accumulators",
    "let_next_stage_start": "griddep_launch_dependents",
    "wait_for_previous_stage": "griddep_wait",
    "launch_dependent": "launch_pdl",
    "expert_width": "intermediate_size",
    "experts_used": "experts_per_token",
    "Mailbox": "TokenQueue",
    "ReplyFacts": "ResponseMetadata",
    "GenerationExchange": "GenerationStream",
    "ToldTokens": "RecordedTokens",
}
_OF_CUDA = {"slab": "K-tile or panel", "slabs": "K-tiles or panels", "multiprocessor": "SM", "multiprocessors": "SMs"}
_STYLE = "tests/style/"


def _check_words(repository: Repository) -> Iterable[Finding]:
    for path in repository.under("src", "tests", "bench", "docs", "tools", suffixes=_CODE):
        if path.startswith(_STYLE):
            continue
        words = _EVERYWHERE | (_OF_CUDA if path.startswith("src/backend/cuda/") else {})
        text = repository.read(path)
        for word, better in words.items():
            if re.search(rf"\b{word}\b", text):
                yield Finding(f"{path} {word}", f"{path} says {word}: the field says {better}")


RULES = [
    Rule(
        "names are the field's",
        _check_words,
        {
            "src/backend/cuda/weights.h": "enum class WeightFormat { mxfp4 };  // K-tiles of an SM\n",
            "src/backend/cpu/slab.h": "// A slab of memory.\n",
            "docs/engine.md": "experts_per_token\n",
        },
        {
            "src/backend/cuda/weights.h PlaneType": {"src/backend/cuda/weights.h": "enum class PlaneType { mxfp4 };\n"},
            "src/backend/cuda/a.cuh slabs": {"src/backend/cuda/a.cuh": "// Two slabs ahead.\n"},
            "docs/engine.md experts_used": {"docs/engine.md": "`experts_used`\n"},
        },
    ),
]
