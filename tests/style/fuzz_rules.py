"""Whatever parses bytes from outside has a fuzz target with a committed corpus. tests/fuzz/parsers.txt says which one."""

import re
from typing import Iterable

from cpp_text import blanked
from repository import Finding, Repository, Rule

TABLE = "tests/fuzz/parsers.txt"
# Functions that are called as parsers are, and take bytes, text or JSON.
_PARSER = re.compile(
    r"\b(?P<name>parse_\w+|read_\w+|decode_\w+|\w+_from_(?:json|text|bytes|metadata|base64\w*|hex)|from_(?:json|text|hex|metadata))"
    r"\s*\((?P<parameters>[^;{}]*?)\)",
    re.DOTALL,
)
_OUTSIDE = re.compile(r"string_view|std::string&|span<const (?:std::byte|std::uint8_t|unsigned char|char)>|[jJ]son\b|Metadata")


def parsers_of(text: str) -> list[str]:
    return sorted({match["name"] for match in _PARSER.finditer(blanked(text)) if _OUTSIDE.search(match["parameters"])})


def _table(repository: Repository) -> list[tuple[str, str, str, str]]:
    """(header, function, target or "-", reason) of each line."""
    lines = []
    for line in repository.read(TABLE).splitlines() if TABLE in repository.paths else []:
        if line.strip() and not line.startswith("#"):
            words = line.split(None, 3)
            lines.append((*words[:3], words[3] if len(words) > 3 else ""))
    return lines


def _check_table(repository: Repository) -> Iterable[Finding]:
    table = _table(repository)
    listed = {(header, function) for header, function, _, _ in table}
    for path in repository.under("src", suffixes=(".h",)):
        for name in parsers_of(repository.read(path)):
            if (path, name) not in listed:
                yield Finding(f"{path} {name}", f"{path}: {name} reads bytes: name its fuzz target in {TABLE}, or '-' and why none")
    for header, function, target, reason in table:
        if header not in repository.paths or not re.search(rf"\b{function}\b", repository.read(header)):
            yield Finding(f"{header} {function}", f"{TABLE}: there is no {function} in {header}")
        elif target == "-":
            if not reason:
                yield Finding(f"{header} {function}", f"{TABLE}: {function} has no fuzz target and no reason")
        elif f"tests/fuzz/{target}.cpp" not in repository.paths:
            yield Finding(f"{header} {function}", f"{TABLE}: there is no tests/fuzz/{target}.cpp")
        elif not reason and not re.search(rf"\b{function}\b", repository.read(f"tests/fuzz/{target}.cpp")):
            yield Finding(
                f"{header} {function}",
                f"tests/fuzz/{target}.cpp does not call {function}: call it, or say in {TABLE} through what it reaches it",
            )


def _check_targets(repository: Repository) -> Iterable[Finding]:
    registered = repository.read("tests/fuzz/CMakeLists.txt")
    for path in repository.under("tests/fuzz", suffixes=(".cpp",)):
        target = path.split("/")[-1][: -len(".cpp")]
        if not re.search(rf"gptoss_fuzz\({target}\s", registered):
            yield Finding(path, f"{path} is not built: add gptoss_fuzz({target} ...) to tests/fuzz/CMakeLists.txt")
        if not repository.exists(f"tests/fuzz/corpus/{target}"):
            yield Finding(target, f"{target} has no committed corpus: put inputs into tests/fuzz/corpus/{target}/")
        if TABLE in repository.paths and all(each[2] != target for each in _table(repository)):
            yield Finding(target, f"{target} is in no line of {TABLE}: say which parser it tries")


_HOUSE = {
    "src/a/x.h": "// parse_comment(std::string_view) is none\nThing parse_thing(std::string_view text);\nThing read_it(int a);\n",
    TABLE: "# comment\nsrc/a/x.h parse_thing fuzz_x\n",
    "tests/fuzz/fuzz_x.cpp": "parse_thing(data);\n",
    "tests/fuzz/CMakeLists.txt": "gptoss_fuzz(fuzz_x fuzz_x.cpp USES a)\n",
    "tests/fuzz/corpus/fuzz_x/empty": "",
}

RULES = [
    Rule(
        "parsers are fuzzed",
        _check_table,
        _HOUSE,
        {
            "src/a/y.h thing_from_json": {"src/a/y.h": "Thing thing_from_json(const Json& json);\n"},
            "src/a/x.h parse_gone": {TABLE: _HOUSE[TABLE] + "src/a/x.h parse_gone fuzz_x\n"},
            "src/a/x.h parse_thing": {"tests/fuzz/fuzz_x.cpp": "parse_other(data);\n"},
        },
    ),
    Rule(
        "fuzz targets have a corpus",
        _check_targets,
        _HOUSE,
        {
            "fuzz_y": {
                "tests/fuzz/fuzz_y.cpp": "",
                "tests/fuzz/CMakeLists.txt": "gptoss_fuzz(fuzz_x f)\ngptoss_fuzz(fuzz_y f)\n",
                TABLE: _HOUSE[TABLE] + "src/a/x.h parse_thing fuzz_y\n",
            },
            "tests/fuzz/fuzz_x.cpp": {"tests/fuzz/CMakeLists.txt": ""},
        },
    ),
]
