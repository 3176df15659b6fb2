"""Just enough of C++ to find functions: strips comments and literals, then matches braces."""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Function:
    name: str
    line: int
    length: int


_TOKEN = re.compile(
    r'R"(?P<delimiter>[^()\\ ]{0,16})\(.*?\)(?P=delimiter)"'
    r'|"(?:\\.|[^"\\\n])*"'
    r"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'"
    r"|//[^\n]*"
    r"|/\*.*?\*/"
    r"|^[ \t]*#(?:[^\n]*\\\n)*[^\n]*",
    re.DOTALL | re.MULTILINE,
)


# Ends a line inside a raw literal: it counts for line numbers, as data and not as code.
_DATA_LINE = "\v"


def strip(text: str) -> str:
    """Comments, literals and directives become blanks; splitlines() still gives the lines."""

    def blank(match: re.Match) -> str:
        found = match.group(0)
        if found.startswith("R"):
            return '""' + _DATA_LINE * found.count("\n")
        if found.startswith('"'):
            return '""'
        return " " + "\n" * found.count("\n")

    return _TOKEN.sub(blank, text)


_CONTROL = re.compile(r"^\s*(?:else|if|for|while|switch|catch|do|try|return)\b")
_SCOPE = re.compile(r"\b(?:namespace|class|struct|enum|union|extern)\b[^()=]*$")
_FUNCTION = re.compile(
    r"\)\s*(?:const\b|noexcept\b(?:\([^()]*\))?|override\b|final\b|mutable\b|&&?|requires\b.*"
    r"|->\s*[\w:<>,&*\s]+)*\s*(?P<initialisers>:(?!:).*)?$",
    re.DOTALL,
)
_NAME = re.compile(r"(~?[\w:]+(?:\s*<[^()<>]*>)?)\s*\(")


def _kind(head: str, inside_function: bool) -> str:
    """What the brace after `head` opens: "function", "value" (an initialiser) or "scope"."""
    bare = head.rstrip()
    if bare.count("(") > bare.count(")") or bare.endswith(("=", ",", "(")):
        return "value"
    if inside_function or _CONTROL.match(head) or _SCOPE.search(head):
        return "scope"
    match = _FUNCTION.search(bare)
    if not match:
        return "value" if re.search(r"[\w>]$", bare) else "scope"
    if match.group("initialisers") and re.search(r"[\w>]$", bare):
        return "value"  # member_{value} in a constructor's list
    return "function"


def _name(head: str) -> str:
    macro = re.search(r"\b(TEST(?:_[FP])?)\s*\(([^)]*)\)", head)
    if macro:
        return re.sub(r"\s+", "", macro.group(2)).replace(",", ".")
    found = _NAME.search(head)
    return found.group(1) if found else "lambda"


def functions(text: str) -> list[Function]:
    """Every function body, from the line of its head's last piece to its closing brace."""
    code = strip(text)
    found = []
    stack: list[tuple[str, str, int, int]] = []  # kind, head before it, its line, data until then
    head = ""
    head_line = line = 1
    data_lines = 0
    depth_of_function = 0
    for char in code:
        if char in ("\n", _DATA_LINE):
            line += 1
            data_lines += char == _DATA_LINE
        if char == "{":
            kind = _kind(head, depth_of_function > 0)
            stack.append((kind, head, head_line, data_lines))
            depth_of_function += kind == "function" or (depth_of_function > 0)
            head = ""
        elif char == "}" and stack:
            kind, before, start, data_before = stack.pop()
            if depth_of_function > 0:
                depth_of_function -= 1
            if kind == "function":
                length = line - start + 1 - (data_lines - data_before)
                found.append(Function(_name(before), start, length))
            head = before + "{}" if kind == "value" else ""
            head_line = start if kind == "value" else line
        elif char == ";" and head.count("(") <= head.count(")"):
            head = ""
        else:
            if not head.strip() and not char.isspace():
                head_line = line
            head += char
    return found
