"""The rules of the house as a test: `python3 tests/style` (part of `./test style`).

Each rule first tries itself on files that keep it and on files that break it on purpose. exceptions.txt lists what is
known to break a rule today; a line that is no longer needed is an error too, so that the list only shrinks."""

import sys
from pathlib import Path

import cuda_rules
import definition_rules
import document_rules
import fuzz_rules
import room_rules
import size_rules
import word_rules
from repository import Repository

RULES = (
    cuda_rules.RULES + room_rules.RULES + size_rules.RULES + definition_rules.RULES + fuzz_rules.RULES + document_rules.RULES + word_rules.RULES
)
EXCEPTIONS = Path(__file__).with_name("exceptions.txt")


def read_exceptions(text: str) -> dict[str, set[str]]:
    """`RULE: KEY  # why` lines."""
    exceptions: dict[str, set[str]] = {}
    for line in text.splitlines():
        line = line.split("  #")[0].strip()
        if line and not line.startswith("#"):
            name, _, key = line.partition(": ")
            exceptions.setdefault(name, set()).add(key.strip())
    return exceptions


def main() -> int:
    problems = [problem for rule in RULES for problem in rule.self_test()]
    exceptions = read_exceptions(EXCEPTIONS.read_text())
    problems += [f"exceptions.txt: there is no rule {name!r}" for name in exceptions if name not in {rule.name for rule in RULES}]
    repository = Repository.of_git(Path(__file__).resolve().parents[2])
    excused = 0
    for rule in RULES:
        allowed = exceptions.get(rule.name, set())
        findings = list(rule.check(repository))
        problems += [f"{rule.name}: {finding.message}\n    key: {finding.key}" for finding in findings if finding.key not in allowed]
        for key in sorted(allowed - {finding.key for finding in findings}):
            problems.append(f"{rule.name}: exceptions.txt excuses {key!r}, which keeps the rule now: delete the line")
        excused += sum(finding.key in allowed for finding in findings)
    for problem in problems:
        print("error:", problem)
    print(f"{len(RULES)} rules on {len(repository.paths)} files: {len(problems)} problems, {excused} excused for now")
    return 1 if problems else 0


sys.exit(main())
