"""Rooms (folders of src/): who may include whom, and no circles."""

import posixpath
import re
from typing import Iterable

from repository import Finding, Repository, Rule

_INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)
_ROOM = re.compile(r"gptoss_room\(([^)]*)\)", re.DOTALL)
_KEYWORDS = {"USES", "LIBRARIES", "EXCLUDE", "EXTRA", "OPTIMIZE_HOT", "CHECK_ALIGNMENT", "INSTRUMENT_FUZZER"}
_CPP = (".h", ".cpp", ".cu", ".cuh")


def uses_of_rooms(repository: Repository) -> dict[str, set[str]]:
    """Folder of each room to the folders of its USES in CMake."""
    folders, uses = {}, {}
    for path in repository.under("src", suffixes=("/CMakeLists.txt",)):
        text = re.sub(r"#[^\n]*", "", repository.read(path))
        if match := _ROOM.search(text):
            # ${uses} stands for all that the file puts into it, under whatever condition.
            lists = re.findall(r"(?:set|list)\((?:APPEND )?(\w+) ([^)]*)\)", text)
            inside = re.sub(r"\$\{(\w+)\}", lambda name: " ".join(put for to, put in lists if to == name[1]), match.group(1))
            words = inside.split()
            used, keyword = [], ""
            for word in words[1:]:
                if word in _KEYWORDS:
                    keyword = word
                elif keyword == "USES":
                    used.append(word)
            folders[words[0]] = posixpath.dirname(path)
            uses[words[0]] = used
    return {folders[name]: {folders[used] for used in uses[name] if used in folders} for name in folders}


def reachable(uses: dict[str, set[str]], room: str) -> set[str]:
    """The rooms that `room` may include: those it uses, and those that they use."""
    seen: set[str] = set()
    waiting = list(uses[room])
    while waiting:
        each = waiting.pop()
        if each not in seen:
            seen.add(each)
            waiting += uses[each]
    return seen


def _room_of(path: str, folders: Iterable[str]) -> str | None:
    return max((folder for folder in folders if path.startswith(folder + "/")), key=len, default=None)


def includes_of(repository: Repository, path: str) -> list[str]:
    """The files of src/ that this one includes, as paths of the repository."""
    return [each for each in ("src/" + name for name in _INCLUDE.findall(repository.read(path))) if each in repository.paths]


def _check_direction(repository: Repository) -> Iterable[Finding]:
    uses = uses_of_rooms(repository)
    rooms = {room: reachable(uses, room) for room in uses}
    for path in repository.under("src", suffixes=_CPP):
        room = _room_of(path, rooms)
        if room is None:
            continue  # the command line, which is no room: it may include all, and no room may include it
        for included in includes_of(repository, path):
            theirs = _room_of(included, rooms)
            if theirs is None or (theirs != room and theirs not in rooms[room]):
                yield Finding(
                    f"{path} {included}",
                    f"{path} includes {included[4:]}, but {room} does not use {theirs or posixpath.dirname(included)}"
                    f" (USES in {room}/CMakeLists.txt; docs/architecture.md has the order of the rooms)",
                )


def _circles(edges: dict[str, list[str]]) -> list[list[str]]:
    """Each circle that a depth-first walk meets, from its alphabetically first member on."""
    state: dict[str, int] = {}
    found: set[tuple[str, ...]] = set()

    def visit(node: str, trail: list[str]) -> None:
        state[node] = 1
        trail.append(node)
        for following in edges.get(node, []):
            if state.get(following) == 1:
                circle = trail[trail.index(following) :]
                first = circle.index(min(circle))
                found.add(tuple(circle[first:] + circle[:first]))
            elif following not in state:
                visit(following, trail)
        trail.pop()
        state[node] = 2

    for node in sorted(edges):
        if node not in state:
            visit(node, [])
    return [list(circle) for circle in sorted(found)]


def _check_room_circles(repository: Repository) -> Iterable[Finding]:
    for circle in _circles({room: sorted(used) for room, used in uses_of_rooms(repository).items()}):
        yield Finding(" ".join(circle), "rooms that use each other: " + " -> ".join(circle))


def _check_include_circles(repository: Repository) -> Iterable[Finding]:
    edges = {path: includes_of(repository, path) for path in repository.under("src", suffixes=_CPP)}
    for circle in _circles(edges):
        yield Finding(" ".join(circle), "files that include each other: " + " -> ".join(circle))


_IMPORT = re.compile(r"""(?:^|\n)\s*(?:import|export)\b[^;'"]*?(?:from\s*)?['"](\.[^'"]*)['"]""")


def _check_import_circles(repository: Repository) -> Iterable[Finding]:
    edges = {}
    for path in repository.under("web", "e2e", "tools", "scripts", suffixes=(".ts", ".tsx", ".mjs", ".js")):
        imported = []
        for name in _IMPORT.findall(repository.read(path)):
            target = posixpath.normpath(posixpath.join(posixpath.dirname(path), name))
            imported += [each for each in (target, target + ".ts", target + ".tsx") if each in repository.paths]
        edges[path] = imported
    for circle in _circles(edges):
        yield Finding(" ".join(circle), "files that import each other: " + " -> ".join(circle))


_HOUSE = {
    "src/base/CMakeLists.txt": "gptoss_room(base INSTRUMENT_FUZZER)",
    "src/base/error.h": "",
    "src/model/CMakeLists.txt": "gptoss_room(model USES base LIBRARIES x)",
    "src/model/plan.h": '#include "base/error.h"\n',
    "src/backend/CMakeLists.txt": "gptoss_room(backend USES model)",
    "src/backend/backend.h": '#include "model/plan.h"\n#include "base/error.h"\n',
    "src/cli/CMakeLists.txt": "add_executable(x)",
    "src/cli/device.h": '#include "backend/backend.h"\n',
    "web/src/a.ts": "import { b } from './b';\n",
    "web/src/b.ts": "export const b = 1;\n",
}

RULES = [
    Rule(
        "includes point one way",
        _check_direction,
        _HOUSE,
        {
            "src/base/error.h src/model/plan.h": {"src/base/error.h": '#include "model/plan.h"\n'},
            "src/model/plan.h src/cli/device.h": {"src/model/plan.h": '#include "cli/device.h"\n'},
        },
    ),
    Rule(
        "rooms use no circle",
        _check_room_circles,
        _HOUSE,
        {"src/base src/model": {"src/base/CMakeLists.txt": "gptoss_room(base USES model)"}},
    ),
    Rule(
        "files include no circle",
        _check_include_circles,
        _HOUSE,
        {"src/model/a.h src/model/b.h": {"src/model/a.h": '#include "model/b.h"\n', "src/model/b.h": '#include "model/a.h"\n'}},
    ),
    Rule(
        "scripts import no circle",
        _check_import_circles,
        _HOUSE,
        {"web/src/a.ts web/src/b.ts": {"web/src/b.ts": "import type { a }\n    from './a';\n"}},
    ),
]
