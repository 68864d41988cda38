"""Enough of C++ to find what a file defines: comments and strings are blanked, braces are followed. No preprocessor."""

import re
from dataclasses import dataclass

_SKIPPED = re.compile(
    r'//[^\n]*'
    r'|/\*.*?\*/'
    r'|R"(?P<delimiter>[^\s()\\]{0,16})\(.*?\)(?P=delimiter)"'
    r'|"(?:\\.|[^"\\\n])*"'
    r"|(?<![0-9a-zA-Z_])'(?:\\.|[^'\\\n])+'"
    r"|(?<=[LuU8])'(?:\\.|[^'\\\n])+'"
    r"|^[ \t]*#(?:\\\n|[^\n])*",
    re.DOTALL | re.MULTILINE,
)


def blanked(text: str) -> str:
    """The text with comments, literals and preprocessor lines replaced by blanks; lines keep their numbers."""

    def blank(match: re.Match) -> str:
        piece = match.group(0)
        kept = '""' if piece.lstrip("RLuU8").startswith('"') else ""
        return kept + " " * (0 if "\n" in piece else max(0, len(piece) - len(kept))) + "\n" * piece.count("\n")

    return _SKIPPED.sub(blank, text)


@dataclass(frozen=True)
class Definition:
    kind: str  # "function", "type" or "variable"
    name: str  # with its class, and for a function with its parameters
    namespace: str  # "a::b"; "" = the global one
    internal: bool  # static, or in an unnamed namespace
    first_line: int
    last_line: int


@dataclass
class _Scope:
    kind: str  # namespace, unnamed, linkage, type, function, block, initializer
    name: str
    head: str
    start: int


_TEMPLATE = re.compile(r"\btemplate\s*<")
_TYPE = re.compile(
    r"^(?:typedef\s+)?(?:class|struct|union|enum(?:\s+class|\s+struct)?)\s+(?:alignas\s*\([^)]*\)\s*|\[\[[^\]]*\]\]\s*)*"
    r"(?P<name>[\w:]+(?:\s*<[^{}]*>)?)\s*(?:final\s*)?(?::(?!:)[^{}]*)?$",
    re.DOTALL,
)
_NAMESPACE = re.compile(r"^(?:inline\s+)?namespace\s*(?P<name>[\w:]*)$")
_CONSTRUCTOR_INITIALIZER = re.compile(r"\)\s*(?:noexcept\s*)?:(?!:).*[\w>]$", re.DOTALL)
_VARIABLE = re.compile(r"(?P<name>\w+)\s*(?:\[[^\]]*\]\s*)*(?:=.*|\{.*)$", re.DOTALL)


def _without_template(head: str) -> str:
    while match := _TEMPLATE.search(head):
        depth, end = 1, match.end()
        while depth and end < len(head):
            depth += {"<": 1, ">": -1}.get(head[end], 0)
            end += 1
        head = head[: match.start()] + head[end:]
    return head.strip()


def _function_name(head: str) -> str:
    """`room::f(int, const T&)` of a definition's head: the name and the parameters without blanks."""
    head = re.sub(r"\b__launch_bounds__\s*\([^()]*(?:\([^()]*\)[^()]*)*\)", "", _without_template(head))
    opening = head.find("(")
    name = re.search(r"(operator\s*[^\s\w]+|operator\s+\w+|[\w:~]+)\s*$", head[:opening])
    depth, end = 0, opening
    while end < len(head):
        depth += {"(": 1, ")": -1}.get(head[end], 0)
        end += 1
        if depth == 0:
            break
    return (name.group(1) if name else "?") + re.sub(r"\s+", "", head[opening:end])


def definitions(text: str) -> list[Definition]:
    """What the file defines at namespace scope and in its classes, in order."""
    code = blanked(text)
    found: list[Definition] = []
    scopes: list[_Scope] = []
    segment, parentheses = 0, 0

    def line_of(position: int) -> int:
        return code.count("\n", 0, position) + 1

    def outside_functions() -> bool:
        return all(scope.kind in ("namespace", "unnamed", "linkage", "type") for scope in scopes)

    def at_namespace() -> bool:
        return all(scope.kind in ("namespace", "unnamed", "linkage") for scope in scopes)

    def add(kind: str, name: str, head: str, start: int, end: int) -> None:
        classes = [scope.name for scope in scopes if scope.kind == "type"]
        spaces = [scope.name for scope in scopes if scope.kind == "namespace"]
        internal = any(scope.kind == "unnamed" for scope in scopes) or bool(re.search(r"\bstatic\b", head) and not classes)
        start += len(code[start:]) - len(code[start:].lstrip())
        found.append(
            Definition(kind, "::".join(classes + [name]), "::".join(spaces), internal, line_of(start), line_of(end))
        )

    def kind_of(head: str) -> tuple[str, str]:
        plain = _without_template(head)
        if match := _NAMESPACE.match(plain):
            return ("namespace", match.group("name")) if match.group("name") else ("unnamed", "")
        if re.match(r'^extern\s*""$', plain):
            return "linkage", ""
        if match := _TYPE.match(plain):
            return "type", re.sub(r"\s+", "", match.group("name"))
        if plain.endswith(("=", "return", ",")) or "(" not in plain or _CONSTRUCTOR_INITIALIZER.search(plain):
            return "initializer", ""
        return "function", _function_name(head)

    for position, character in enumerate(code):
        if character == "(":
            parentheses += 1
        elif character == ")":
            parentheses = max(0, parentheses - 1)
        elif character == "{":
            head = re.sub(r"^\s*(?:(?:public|private|protected)\s*:(?!:)\s*)+", "", code[segment:position]).strip()
            kind, name = ("block", "") if not outside_functions() else kind_of(head)
            if parentheses and kind != "block":
                kind = "initializer"
            scopes.append(_Scope(kind, name, head, segment))
            if kind not in ("initializer", "block"):
                segment, parentheses = position + 1, 0
        elif character == "}" and scopes:
            scope = scopes.pop()
            if scope.kind in ("function", "type") and outside_functions():
                add(scope.kind, scope.name, scope.head, scope.start, position)
            if scope.kind not in ("initializer", "block"):
                segment = position + 1
        elif character == ";" and not parentheses and outside_functions():
            statement = _without_template(code[segment:position])
            if at_namespace() and re.search(r"\binline\b", statement) and "(" not in statement.split("=")[0].split("{")[0]:
                if match := _VARIABLE.search(statement):
                    add("variable", match.group("name"), statement, segment, position)
            segment = position + 1
    return found
