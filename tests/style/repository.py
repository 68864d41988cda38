"""The files that the rules look at, and what a rule is."""

import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable, Iterable


class Repository:
    """Paths (with '/') and texts. Self-tests make small ones by hand: Repository({"src/a/b.h": "..."})."""

    def __init__(self, texts: dict[str, str]):
        self._texts = dict(texts)
        self.paths = sorted(texts)

    @staticmethod
    def of_git(root: Path) -> "Repository":
        """Tracked files and new ones that git does not ignore."""
        command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        listed = subprocess.run(command, cwd=root, check=True, capture_output=True).stdout.decode().split("\0")
        repository = Repository({})
        repository.paths = sorted(path for path in set(listed) if path and (root / path).is_file())
        repository._root = root
        return repository

    def read(self, path: str) -> str:
        if path not in self._texts:
            self._texts[path] = (self._root / path).read_bytes().decode("utf-8", "replace")
        return self._texts[path]

    def exists(self, path: str) -> bool:
        """A file, or a folder with files."""
        return path in self.paths or any(each.startswith(path.rstrip("/") + "/") for each in self.paths)

    def under(self, *folders: str, suffixes: tuple[str, ...] = ()) -> list[str]:
        return [
            path
            for path in self.paths
            if path.startswith(tuple(folder + "/" for folder in folders)) and (not suffixes or path.endswith(suffixes))
        ]


@dataclass(frozen=True)
class Finding:
    """`key` names what is wrong for exceptions.txt (a path, or a path and a name); `message` says it to people."""

    key: str
    message: str


@dataclass
class Rule:
    name: str
    check: Callable[[Repository], Iterable[Finding]]
    # A repository that keeps the rule, and changes of files that each break it: {finding's key: {path: text}}.
    keeps: dict[str, str] = field(default_factory=dict)
    breaks: dict[str, dict[str, str]] = field(default_factory=dict)

    def self_test(self) -> list[str]:
        """What is wrong with the rule itself."""
        problems = []
        for finding in self.check(Repository(self.keeps)):
            problems.append(f"{self.name}: complains of files that keep it: {finding.message}")
        if not self.breaks:
            problems.append(f"{self.name}: has no example that breaks it")
        for key, changes in self.breaks.items():
            found = [finding.key for finding in self.check(Repository({**self.keeps, **changes}))]
            if found != [key]:
                problems.append(f"{self.name}: broken on purpose, it should find {key} alone, and finds {found}")
        return problems
