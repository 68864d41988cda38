"""Documents name only what exists, say nothing twice, and architecture.md names every room."""

import difflib
import itertools
import posixpath
import re
from typing import Iterable

from repository import Finding, Repository, Rule

_LINK = re.compile(r"\[[^\]\n]*\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)")
_FENCE = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
# A file of the repository in backticks or in an example: a folder that we have, then a name.
_FOLDERS = r"(?:src|docs|scripts|deploy|tests|bench|e2e|web|tools|cmake|contracts|packaging|models/demo|\.ci)"
_PATH = re.compile(rf"(?<![\w./-])({_FOLDERS}/[\w./{{}},*-]*[\w/}}*])")


def _documents(repository: Repository) -> list[str]:
    return [path for path in repository.paths if path.endswith(".md") and not path.startswith(("models/", "tests/fuzz/"))]


def _anchors(text: str) -> set[str]:
    """The names that GitHub gives to headings."""
    anchors = set()
    for heading in re.findall(r"^#+\s+(.*)$", _FENCE.sub("", text), re.MULTILINE):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
        anchors.add(re.sub(r"[^\w\- ]", "", plain).replace(" ", "-"))
    return anchors


def _check_links(repository: Repository) -> Iterable[Finding]:
    for path in _documents(repository):
        text = repository.read(path)
        for link in _LINK.findall(_FENCE.sub("", text)):
            if re.match(r"[a-z]+:", link):
                continue
            name, _, anchor = link.partition("#")
            target = posixpath.normpath(posixpath.join(posixpath.dirname(path), name)) if name else path
            if not repository.exists(target):
                yield Finding(f"{path} {link}", f"{path} links to {link}, which is not there")
            elif anchor and target.endswith(".md") and anchor not in _anchors(repository.read(target)):
                yield Finding(f"{path} {link}", f"{path} links to {link}: {target} has no such heading")


def _spellings(name: str) -> list[str]:
    """`a/{b,c}.cpp` is two names."""
    match = re.search(r"\{([^{}]*)\}", name)
    if not match:
        return [name]
    return [each for part in match.group(1).split(",") for each in _spellings(name[: match.start()] + part + name[match.end() :])]


def _there(repository: Repository, name: str) -> bool:
    name = re.sub(r"(?<![A-Za-z])(?:NAME|ROOM)(?![A-Za-z])", "*", name)  # stands for any
    if "*" in name:
        pattern = re.escape(name).replace(r"\*", "[^/]*")
        return any(re.match(pattern, path) for path in repository.paths)
    return repository.exists(name) or any(path.startswith(name + ".") for path in repository.paths)


def _check_names(repository: Repository) -> Iterable[Finding]:
    """Also in comments of code, where a name ages as easily."""
    code = repository.under("src", "tests", "bench", "scripts", "cmake", "deploy", "e2e", suffixes=(".h", ".cpp", ".cu", ".cuh", ".txt", ".cmake", ".sh", ".mjs"))
    for path in _documents(repository) + [each for each in code if not each.startswith(("tests/fuzz/corpus/", "tests/style/"))]:
        text = repository.read(path)
        if not path.endswith(".md"):
            text = "\n".join(re.findall(r"(?:^|\s)(?://|#\s)(.*)$", text, re.MULTILINE))
        for name in sorted(set(_PATH.findall(text))):
            for each in _spellings(name.rstrip(".")):
                if each.endswith(".rs"):
                    continue  # of another project, beside its name
                if not _there(repository, each):
                    yield Finding(f"{path} {each}", f"{path} speaks of {each}, which is not there")


def _check_rooms(repository: Repository) -> Iterable[Finding]:
    text = repository.read("docs/architecture.md")
    rooms = {posixpath.dirname(path) for path in repository.under("src", suffixes=("/CMakeLists.txt",))}
    for room in sorted(room for room in rooms if room.count("/") == 1):
        if not re.search(rf"^\| `{room}/` \|", text, re.MULTILINE):
            yield Finding(room, f"docs/architecture.md has no row for `{room}/` in its table of rooms")


# Rows of tables and points of lists: where two people's changes meet, a merge may keep the old wording beside the new one.
_LONG_ROW_WORDS, _SAME = 25, 0.85


def _check_rows(repository: Repository) -> Iterable[Finding]:
    for path in _documents(repository):
        rows: list[tuple[int, list[str]]] = []
        text = _FENCE.sub(lambda fence: "\n" * fence[0].count("\n"), repository.read(path))
        for match in re.finditer(r"^(?:\|.*|[-*] .*(?:\n  .*)*)$", text, re.MULTILINE):
            words = re.findall(r"[^\W\d]+", match[0].lower())
            if len(words) >= _LONG_ROW_WORDS and "![" not in match[0]:
                rows.append((text.count("\n", 0, match.start()) + 1, words))
        for (line, words), (later, others) in itertools.combinations(rows, 2):
            match = difflib.SequenceMatcher(None, words, others, False)
            if match.real_quick_ratio() >= _SAME and match.quick_ratio() >= _SAME and match.ratio() >= _SAME:
                yield Finding(f"{path} {' '.join(words[:4])}", f"{path}: line {later} says what line {line} says; keep one")
    for path in repository.under("tests", suffixes=("/exceptions.txt", "/parsers.txt")):
        lines = [line for line in repository.read(path).splitlines() if line.strip("# ")]
        for line in sorted({line for line in lines if lines.count(line) > 1}):
            yield Finding(f"{path} {line}", f"{path} has a line twice: {line}")


_LONG_ROW = "| the weights of a layer as one stream | five percent less, as every warp then reads whole lines of the memory and no bank waits for another | it was three | kept |\n"

_DOCUMENTS = {
    "docs/architecture.md": "# A house\n\n## The way in\n\n| `src/a/` | idea |\n\nSee [there](#the-way-in) and `src/a/{x,y}.h`.\n",
    "README.md": "[how](docs/architecture.md#the-way-in) [out](https://a.b/c)\n",
    "src/a/CMakeLists.txt": "",
    "src/a/x.h": "// as in docs/architecture.md\n",
    "src/a/y.h": "",
}

RULES = [
    Rule(
        "links lead somewhere",
        _check_links,
        _DOCUMENTS,
        {
            "README.md docs/gone.md": {"README.md": "[how](docs/gone.md)\n"},
            "README.md docs/architecture.md#gone": {"README.md": "[how](docs/architecture.md#gone)\n"},
        },
    ),
    Rule(
        "documents name what exists",
        _check_names,
        _DOCUMENTS,
        {
            "README.md src/a/z.h": {"README.md": "Read `src/a/z.h`.\n"},
            "src/a/x.h docs/gone.md": {"src/a/x.h": "int a;  // as in docs/gone.md\n"},
        },
    ),
    Rule(
        "nothing is written twice",
        _check_rows,
        {"docs/log.md": _LONG_ROW + "\n| 1 | 2 |\n| 1 | 2 |\n", "tests/fuzz/parsers.txt": "#\n#\na b c\n"},
        {
            "docs/log.md the weights of a": {"docs/log.md": _LONG_ROW + _LONG_ROW.replace("stream", "flow").replace("warp", "group of threads")},
            "tests/fuzz/parsers.txt a b c": {"tests/fuzz/parsers.txt": "a b c\n\na b c\n"},
        },
    ),
    Rule("architecture.md has every room", _check_rooms, _DOCUMENTS, {"src/b": {"src/b/CMakeLists.txt": ""}}),
]
