"""One definition: in one namespace a name means one thing."""

from typing import Iterable

from cpp_text import definitions
from repository import Finding, Repository, Rule

_CPP = (".h", ".cpp", ".cu", ".cuh")
_HEADERS = (".h", ".cuh")


def _check_definitions(repository: Repository) -> Iterable[Finding]:
    """The linker sees only two of what is not inline; two inline constants of one name give one of them to both."""
    places: dict[tuple[str, str, str], list[str]] = {}
    for path in repository.under("src", suffixes=_CPP):
        names = set()
        for each in definitions(repository.read(path)):
            if not each.internal:
                names.add((each.kind, each.namespace, each.name))
        for name in names:
            places.setdefault(name, []).append(path)
    for (kind, namespace, name), paths in sorted(places.items()):
        if len(paths) > 1:
            full = f"{namespace}::{name}" if namespace else name
            yield Finding(full, f"{kind} {full} is defined in {' and in '.join(paths)}")


def _check_headers(repository: Repository) -> Iterable[Finding]:
    """A header guards itself, and its names have a namespace."""
    for path in repository.under("src", "tests", "bench", suffixes=_HEADERS):
        text = repository.read(path)
        if "#pragma once" not in text:
            yield Finding(path, f"{path} lacks #pragma once")
        if path.startswith("src/"):
            bare = [each.name for each in definitions(text) if not each.namespace]
            if bare:
                yield Finding(f"{path} {bare[0]}", f"{path} defines {bare[0]} outside a namespace")


_ONE = {
    "src/a/x.h": "#pragma once\nnamespace a {\ninline constexpr int kRows = 8;\nvoid f();\n}\n",
    "src/a/y.cpp": "namespace a {\nnamespace {\nstruct Part {};\nint g() { return 1; }\n}\nvoid f() {}\nvoid f(int b) {}\n}\n",
    "src/b/y.cpp": "namespace a {\nnamespace {\nstruct Part {};\nint g() { return 2; }\n}\n}\n",
    "src/b/z.h": "#pragma once\nnamespace b {\ninline constexpr int kRows = 4;\ntemplate <typename T>\nstruct Part { T f() { return {}; } };\n}\n",
}

RULES = [
    Rule(
        "a name is defined once",
        _check_definitions,
        _ONE,
        {
            "a::kRows": {"src/b/z.h": "#pragma once\nnamespace a {\ninline constexpr int kRows{4};\n}\n"},
            "a::Part": {"src/a/p.h": "#pragma once\nnamespace a {\nstruct Part {};\n}\n", "src/b/z.h": "namespace a {\nclass Part final {};\n}\n"},
            "a::f()": {"src/b/z.h": "#pragma once\nnamespace a {\ninline void f() {}\n}\n"},
        },
    ),
    Rule(
        "headers guard themselves",
        _check_headers,
        _ONE,
        {
            "src/b/z.h": {"src/b/z.h": "namespace b {}\n"},
            "src/b/z.h Part": {"src/b/z.h": "#pragma once\nstruct Part {};\n"},
        },
    ),
]
