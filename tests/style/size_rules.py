"""Sizes and names of files: short enough to read whole, found by name alone."""

import posixpath
import re
from typing import Iterable

from cpp_text import definitions
from repository import Finding, Repository, Rule

FILE_LINES = 400
FUNCTION_LINES = 70
_CODE = (".h", ".cpp", ".cu", ".cuh", ".ts", ".tsx", ".mjs", ".js", ".py", ".sh", ".css")
_CPP = (".h", ".cpp", ".cu", ".cuh")


def _hand_written(repository: Repository) -> list[str]:
    folders = ("src", "tests", "bench", "e2e", "tools", "scripts", "web/src", "web/tests", "web/scripts")
    return [path for path in repository.under(*folders, suffixes=_CODE) if "Written by" not in repository.read(path)[:300]]


def _check_file_lines(repository: Repository) -> Iterable[Finding]:
    for path in _hand_written(repository):
        lines = repository.read(path).count("\n")
        if lines >= FILE_LINES:
            yield Finding(path, f"{path} has {lines} lines: one idea a file, under {FILE_LINES}")


def _check_function_lines(repository: Repository) -> Iterable[Finding]:
    for path in repository.under("src", suffixes=_CPP):
        for each in definitions(repository.read(path)):
            lines = each.last_line - each.first_line + 1
            name = each.name.split("(")[0]
            if each.kind == "function" and lines > FUNCTION_LINES:
                yield Finding(f"{path} {name}", f"{path}:{each.first_line}: {name} has {lines} lines, over {FUNCTION_LINES}")


def _check_stems(repository: Repository) -> Iterable[Finding]:
    folders: dict[str, set[str]] = {}
    for path in repository.under("src", suffixes=_CPP):
        stem = posixpath.splitext(posixpath.basename(path))[0]
        folders.setdefault(stem, set()).add(posixpath.dirname(path))
    for stem, where in sorted(folders.items()):
        if len(where) > 1:
            yield Finding(stem, f"{stem} is a file of {' and of '.join(sorted(where))}: a file is found by its name alone")


def _check_test_folders(repository: Repository) -> Iterable[Finding]:
    """tests/ and bench/ mirror src/."""
    shared = {"support", "data", "fuzz", "style"}
    for path in repository.under("tests", "bench", suffixes=(".cpp", ".cu")):
        folder = posixpath.dirname(path).split("/", 1)[1] if "/" in posixpath.dirname(path) else ""
        if folder.split("/")[0] not in shared and not repository.exists("src/" + folder):
            yield Finding(path, f"{path} mirrors no folder of src/")


_SHORT = {"src/a/x.h": "int f();\n", "src/a/x.cpp": "int f() {\n    return 1;\n}\n", "tests/a/x_test.cpp": "\n"}
_LONG_CONSTRUCTOR = "struct A {\n    A(int b) : b_{b}, c_(b) {\n" + "        g();\n" * 70 + "    }\n};\n"

RULES = [
    Rule("files are short", _check_file_lines, _SHORT, {"src/a/x.cpp": {"src/a/x.cpp": "\n" * 400}}),
    Rule(
        "functions are short",
        _check_function_lines,
        _SHORT,
        {
            "src/a/x.cpp room::f": {"src/a/x.cpp": "namespace a {\nint room::f(int b = {}) const {\n" + "    g();\n" * 70 + "}\n}\n"},
            "src/a/x.cpp A::A": {"src/a/x.cpp": _LONG_CONSTRUCTOR},
        },
    ),
    Rule("file names are unique", _check_stems, _SHORT, {"x": {"src/b/x.h": "\n"}}),
    Rule("tests mirror src", _check_test_folders, _SHORT, {"tests/b/y_test.cpp": {"tests/b/y_test.cpp": "\n"}}),
]
