#!/usr/bin/env python3
"""The guest's manifest.json: what the image consists of, and how the emulators are to run it.

usage: manifest.py write DIRECTORY SOURCES | show DIRECTORY | verify DIRECTORY | compare A B
"""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

# What differs from run to run: a machine's memory at some tick, a cluster's own number.
NOT_REPRODUCIBLE = {"state.bin.zst", "postgres-data.tar.zst"}


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def unpacked_size(path: Path) -> int:
    unpacked = subprocess.run(["zstd", "-dcq", path], capture_output=True, check=True)
    return len(unpacked.stdout)


def described(directory: Path) -> dict:
    names = sorted(p.name for p in directory.iterdir() if p.name != "manifest.json")
    files = {n: {"size": (directory / n).stat().st_size, "sha256": sha256(directory / n)}
             for n in names}
    for name in names:
        if name.endswith(".zst"):  # v86's zstd_decompress wants to know
            files[name]["unpacked_size"] = unpacked_size(directory / name)
    return files


def settings(sources: Path) -> dict:
    names = ("MEMORY_MIB", "V86_COMMAND_LINE", "STATE_COMMAND_LINE", "QEMU_COMMAND_LINE")
    script = f". {sources}/machine.conf; printf '%s\\n' " + " ".join(f'"${n}"' for n in names)
    told = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    memory, v86, state, qemu = told.stdout.splitlines()
    return {"memory_mib": int(memory), "v86": v86, "state": f"{v86} {state}",
            "qemu": qemu}


def servers(directory: Path) -> dict:
    """What of the PostgreSQL family is in the image, and which ports each listens on."""
    found = {}
    for conf in sorted(directory.glob("*.conf")):
        if (directory / f"{conf.stem}.tar.zst").exists():
            script = f'. {conf.resolve()}; echo "$PORTS"'
            told = subprocess.run(["bash", "-c", script], capture_output=True, text=True,
                                  check=True)
            found[conf.stem] = {"ports": [int(port) for port in told.stdout.split()]}
    return found


def locked(sources: Path) -> list[dict]:
    lines = (sources / "packages.lock").read_text().splitlines()
    fields = ("name", "architecture", "version", "sha256")
    return [dict(zip(fields, line.split())) for line in lines if not line.startswith("#")]


def write(directory: Path, sources: Path) -> None:
    machine = settings(sources)
    npm = json.loads((sources / "package-lock.json").read_text())["packages"]
    v86 = npm["node_modules/v86"]
    packages = locked(sources)
    packages.append({"name": "v86", "architecture": "npm", "version": v86["version"],
                     "integrity": v86["integrity"]})
    manifest = {
        "format": 1,
        "control_protocol": 1,
        "volume_device": "vhost-user-fs",  # besides virtio-9p: kernel.patch
        "memory_mib": machine["memory_mib"],
        "command_lines": {name: machine[name] for name in ("v86", "state", "qemu")},
        "files": described(directory),
        "servers": servers(directory),
        "packages": packages,
    }
    (directory / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")


def read(directory: Path) -> dict:
    return json.loads((directory / "manifest.json").read_text())


def show(directory: Path) -> None:
    for name, file in read(directory)["files"].items():
        print(f"{file['size']:>10}  {name}")


def verify(directory: Path) -> int:
    wrong = [name for name, file in read(directory)["files"].items()
             if not (directory / name).is_file() or sha256(directory / name) != file["sha256"]]
    for name in wrong:
        print(f"{name}: missing, or not what the manifest describes")
    return 1 if wrong else 0


def compare(one: Path, other: Path) -> int:
    first, second = read(one)["files"], read(other)["files"]
    names = sorted((first.keys() | second.keys()) - NOT_REPRODUCIBLE)
    different = [n for n in names if first.get(n) != second.get(n)]
    for name in different:
        print(f"{name}: two builds differ")
    print(f"{len(names) - len(different)} of {len(names)} files are the same in both builds")
    return 1 if different else 0


def main(arguments: list[str]) -> int:
    verbs = {"write": write, "show": show, "verify": verify, "compare": compare}
    if not arguments or arguments[0] not in verbs:
        print(__doc__, file=sys.stderr)
        return 2
    return verbs[arguments[0]](*map(Path, arguments[1:])) or 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
