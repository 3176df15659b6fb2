"""The rules. Each is a generator of offences over the tree of files."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cpp_source

FILE_LINES_MAX = 600
FUNCTION_LINES_MAX = 70
COLUMNS_MAX = 100
CPP = (".cc", ".h")
WIDTH_CHECKED = (".cc", ".h", ".py", ".sh")
TEXT = CPP + (".py", ".sh", ".md", ".cmake", ".txt", ".toml", ".json", ".ts", ".js", ".service", "")


@dataclass(frozen=True)
class Offence:
    path: str
    line: int
    rule: str
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: [{self.rule}] {self.text}"


@dataclass
class Tree:
    """The files of a checkout, read once."""

    root: Path
    paths: list[str]
    texts: dict[str, str] = field(default_factory=dict)

    def text(self, path: str) -> str:
        if path not in self.texts:
            try:
                self.texts[path] = (self.root / path).read_text(encoding="utf-8")
            except (UnicodeDecodeError, FileNotFoundError):
                self.texts[path] = ""  # not text, or removed meanwhile
        return self.texts[path]

    def lines(self, path: str) -> list[str]:
        return self.text(path).splitlines()

    def having(self, *suffixes: str, below: tuple[str, ...] = ("",)) -> list[str]:
        return [p for p in self.paths if Path(p).suffix in suffixes and p.startswith(below)]


# --- layers -------------------------------------------------------------------------------------


def layer_table(tree: Tree) -> dict[str, set[str]]:
    text = tree.text("cmake/CairnLayers.cmake")
    rows = re.findall(r'^set\(CAIRN_LAYER_(\w+)\s+([^)]*)\)', text, re.MULTILINE)
    return {name: set(deps.replace('"', " ").split()) for name, deps in rows}


def layer_of(path: str) -> str | None:
    """The layer of a file or an included path; None for what is above all layers."""
    parts = path.split("/")
    if parts[0] == "protocol" and len(parts) > 2:
        return parts[1]
    if parts[0] == "vmrunner" and len(parts) > 2:
        return {"link": "vm_link", "machine": "vm"}.get(parts[1], parts[1])
    if parts[0] != "fsd" or len(parts) < 3:
        return None  # fsd/main.cc names everybody
    if parts[1] == "frontends" and len(parts) > 3:
        return parts[2]
    if parts[1] == "object_store" and parts[2] == "s3":
        return "s3"
    return parts[1]


def includes(tree: Tree, path: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(tree.lines(path), 1):
        match = re.match(r'\s*#\s*include\s+[<"]([^>"]+)[>"]', line)
        if match:
            yield number, match.group(1)


# Where the guest's programs are not: they are C, and of another machine.
OURS = ("fsd/", "protocol/", "vmrunner/link/", "vmrunner/machine/", "vmrunner/main.cc")


def layers(tree: Tree) -> Iterator[Offence]:
    table = layer_table(tree)
    for path in tree.having(*CPP, below=OURS):
        layer = layer_of(path)
        if layer is None:
            continue
        if layer not in table:
            yield Offence(path, 1, "layers", f"{layer} is not in cmake/CairnLayers.cmake")
            continue
        for number, name in includes(tree, path):
            if not name.startswith(OURS):
                continue
            other = layer_of(name)
            if other != layer and other not in table[layer]:
                yield Offence(path, number, "layers", f"{layer} may not include {name}")
            elif layer == "vfs" and other == "engine" and name != "fsd/engine/volume.h":
                yield Offence(path, number, "layers", "of the engine, vfs sees only volume.h")


ROOTS = (*OURS, "tests/")


def include_paths(tree: Tree) -> Iterator[Offence]:
    for path in tree.having(*CPP, below=ROOTS):
        for number, line in enumerate(tree.lines(path), 1):
            match = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
            if match and not match.group(1).startswith(ROOTS):
                yield Offence(path, number, "include-path", "full paths from the root, please")


FRONTENDS = "frontends"
THIRD_PARTY = [
    (r"curl/", {"s3"}),
    (r"lmdb\.h", {"index"}),
    (r"fuse3?/|fuse_\w+\.h|linux/fuse\.h", {"fuse"}),
    (r"toml", {"config"}),
    (r"pugixml", {"s3"}),
    (r"boost/", {"runtime", "s3", FRONTENDS, "daemon", "vm_link", "vm"}),
    (r"xxhash", {"format", "object_store", "index"}),
    (r"sodium", {"format", "web"}),
    (r"zstd|lz4|openssl/", {"format", "s3", "object_store", "vm"}),
    (r"CLI/", {"daemon", "vm"}),
    (r"spdlog/|tl/expected", {"base"}),
]
# Each file that includes it takes many seconds more to compile.
BEAST = {
    "fsd/frontends/web/http_connection.cc",
    "fsd/frontends/web/web_socket.cc",
    "vmrunner/link/web_socket.cc",
}


def third_party(tree: Tree) -> Iterator[Offence]:
    for path in tree.having(*CPP, below=OURS):
        layer = layer_of(path)
        if layer is None:
            continue
        homes = {layer, FRONTENDS} if path.startswith("fsd/frontends/") else {layer}
        for number, name in includes(tree, path):
            if name.startswith("boost/beast") and path not in BEAST:
                where = " and ".join(sorted(BEAST))
                yield Offence(path, number, "third-party", f"{name} is seen only in {where}")
            for pattern, allowed in THIRD_PARTY:
                if re.match(pattern, name) and not homes & allowed:
                    where = " and ".join(sorted(allowed)) or "main.cc"
                    yield Offence(path, number, "third-party", f"{name} is seen only in {where}")


# --- sizes --------------------------------------------------------------------------------------


def _ratcheted(kind: str, key: str, size: int, limit: int, ratchet: dict) -> str | None:
    known = ratchet.get(kind, {}).get(key)
    if known is None:
        return f"{size} lines, {limit} at most" if size > limit else None
    if size > known:
        return f"{size} lines, was {known}, and may only shrink"
    if size < known:
        return f"{size} lines, was {known}: run tests/tidy/tidy.py --tighten"
    return None


def file_sizes(tree: Tree, ratchet: dict) -> Iterator[Offence]:
    for path in tree.having(*CPP, ".py", ".sh", ".ts"):
        text = _ratcheted("files", path, len(tree.lines(path)), FILE_LINES_MAX, ratchet)
        if text:
            yield Offence(path, 1, "file-size", text)


def function_sizes(tree: Tree, ratchet: dict) -> Iterator[Offence]:
    for path in tree.having(*CPP):
        for function in cpp_source.functions(tree.text(path)):
            key = f"{path}:{function.name}"
            text = _ratcheted("functions", key, function.length, FUNCTION_LINES_MAX, ratchet)
            if text:
                yield Offence(path, function.line, "function-size", f"{function.name}: {text}")


def tightened(tree: Tree, ratchet: dict) -> dict:
    """The ratchet at present sizes: entries go down or away, none comes or grows."""
    lengths: dict[str, int] = {}
    for path in tree.having(*CPP):
        for function in cpp_source.functions(tree.text(path)):
            key = f"{path}:{function.name}"
            lengths[key] = max(lengths.get(key, 0), function.length)
    sizes = {path: len(tree.lines(path)) for path in tree.paths}
    return {
        kind: {
            key: min(old, now.get(key, 0))
            for key, old in sorted(ratchet.get(kind, {}).items())
            if now.get(key, 0) > limit
        }
        for kind, now, limit in (
            ("files", sizes, FILE_LINES_MAX),
            ("functions", lengths, FUNCTION_LINES_MAX),
        )
    }


def columns(tree: Tree) -> Iterator[Offence]:
    for path in tree.having(*WIDTH_CHECKED):
        for number, line in enumerate(tree.lines(path), 1):
            if len(line) > COLUMNS_MAX:
                yield Offence(path, number, "columns", f"{len(line)} columns")


# --- files and folders --------------------------------------------------------------------------


def pragma_once(tree: Tree) -> Iterator[Offence]:
    for path in tree.having(".h"):
        if not re.search(r"^#pragma once$", tree.text(path), re.MULTILINE):
            yield Offence(path, 1, "pragma-once", "a header begins with #pragma once")


# Their folders mirror the tree or hold data: the README above speaks for them.
README_ABOVE = ("tests/unit/", "tests/golden/", "tests/fuzz/", "tests/bench/")


def readmes(tree: Tree) -> Iterator[Offence]:
    folders = {
        "/".join(path.split("/")[:depth])
        for path in tree.paths
        if path.startswith(("fsd/", "tests/", "vmrunner/link/", "vmrunner/machine/"))
        for depth in range(2, path.count("/") + 1)
    }
    present = set(tree.paths)
    for folder in sorted(folders):
        if not folder.startswith(README_ABOVE) and f"{folder}/README.md" not in present:
            yield Offence(folder, 1, "readme", "every folder says in a README why it exists")


# --- words --------------------------------------------------------------------------------------

BANS = {
    "thread": r"\bstd::j?thread\b(?!::)|\bstd::async\b|\bpthread_create\b",
    "sleep": r"\bsleep_(?:for|until)\b|\bu?sleep\s*\(|\bnanosleep\b",
    "clock": r"\b(?:system|steady|high_resolution)_clock\b|\bclock_gettime\b|\bgettimeofday\b"
    r"|(?<![\w.>])(?:std::|::)?time\s*\(\s*(?:nullptr|NULL|0|&\w+)?\s*\)",
    "random": r"\brandom_device\b|(?<![\w.>])(?:std::|::)?s?rand\s*\(|\bgetrandom\b|\bmt19937",
}


def bans(tree: Tree) -> Iterator[Offence]:
    for path in tree.having(*CPP, below=OURS):
        if path.startswith("fsd/runtime/"):
            continue
        original = tree.lines(path)
        for number, line in enumerate(cpp_source.strip(tree.text(path)).splitlines(), 1):
            for name, pattern in BANS.items():
                match = re.search(pattern, line)
                if not match or _allowed(original, number, name):
                    continue
                yield Offence(path, number, "ban", f"{match.group(0)}: only in runtime/ ({name})")


def broken_pipes(tree: Tree) -> Iterator[Offence]:
    """Under pipefail a script ends now and then when a program still writes to what has ended."""
    for path in tree.having(".sh", below=("scripts/", "tests/e2e/")):
        lines = tree.lines(path)
        for number, line in enumerate(lines, 1):
            if re.search(r"\|\s*head\b", line) and not _allowed(lines, number, "head"):
                yield Offence(path, number, "head", "`sed -n 1p` reads all of it, head does not")


def _allowed(lines: list[str], number: int, name: str) -> bool:
    near = lines[max(0, number - 2) : number]
    return any(re.search(rf"(?://|#).*tidy-allow\({name}\): \S+", line) for line in near)


# Spelled in pieces, so that this file does not offend itself.
OPEN_ENDS = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|X" + r"XX|HA" + r"CK)\b")
MACHINE = re.compile(r"(?<![\w.])/(?:wo" + r"rk/|ro" + r"ot/)")
WORKSHOP = re.compile(
    r"\b(?:cla" + r"ude|anthr" + r"opic|chat" + r"gpt|co" + r"pilot|language mo" + r"del"
    r"|ai assis" + r"tant|sub-?ag" + r"ent|system pro" + r"mpt|user pro" + r"mpt"
    r"|this conver" + r"sation|previous ses" + r"sion|the br" + r"ief says)\b",
    re.IGNORECASE,
)


def words(tree: Tree) -> Iterator[Offence]:
    for path in tree.having(*TEXT):
        if path in ("LICENSE", "web/package-lock.json") or "/golden/" in path:
            continue
        for number, line in enumerate(tree.lines(path), 1):
            if OPEN_ENDS.search(line):
                yield Offence(path, number, "open-end", "finish it, or leave it out")
            if MACHINE.search(line):
                yield Offence(path, number, "machine", "a path of one machine")
            if WORKSHOP.search(line):
                yield Offence(path, number, "workshop", "how it was written is not of interest")


PLAIN = (layers, include_paths, third_party, columns, pragma_once, readmes, bans,
         broken_pipes, words)
RATCHETED = (file_sizes, function_sizes)


def all_offences(tree: Tree, ratchet: dict) -> list[Offence]:
    found = [offence for rule in PLAIN for offence in rule(tree)]
    found += [offence for rule in RATCHETED for offence in rule(tree, ratchet)]
    return sorted(found, key=lambda offence: (offence.path, offence.line, offence.rule))
