#!/usr/bin/env python3
"""Checks the checkout against the rules of tests/tidy/README.md."""

import argparse
import json
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import rules  # noqa: E402  (found beside this file)

LEFT_OUT = {".git", "build", "node_modules", ".cache", "dist", "__pycache__"}


def list_files(root: Path) -> list[str]:
    """What git knows or would add; every file where there is no git."""
    if (root / ".git").exists():
        command = ["git", "-C", str(root), "ls-files", "-co", "--exclude-standard", "-z"]
        listed = subprocess.run(command, capture_output=True, text=True, check=False)
        if listed.returncode == 0:
            names = set(listed.stdout.split("\0")) - {""}
            return sorted(n for n in names if not LEFT_OUT & set(Path(n).parts))
    names = (p.relative_to(root) for p in root.rglob("*") if p.is_file())
    return sorted(str(n) for n in names if not LEFT_OUT & set(n.parts))


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parents[2])
    parser.add_argument("--tighten", action="store_true", help="lower ratchet.json to the present")
    options = parser.parse_args(arguments)
    tree = rules.Tree(options.root, list_files(options.root))
    ratchet_path = options.root / "tests/tidy/ratchet.json"
    ratchet = json.loads(ratchet_path.read_text()) if ratchet_path.exists() else {}
    if options.tighten:
        ratchet = rules.tightened(tree, ratchet)
        ratchet_path.write_text(json.dumps(ratchet, indent=2, sort_keys=True) + "\n")
    offences = rules.all_offences(tree, ratchet)
    for offence in offences:
        print(offence)
    print(f"tidy: {len(tree.paths)} files, {len(offences)} offences")
    return 1 if offences else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
