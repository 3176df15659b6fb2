#!/usr/bin/env python3
"""Packs the guest's initramfs: the same inputs give the same bytes, and root is not needed.

usage: initramfs.py OUT --busybox FILE --agent FILE --libc DIR --terminfo DIR --locale DIR
                    --root DIR
"""

import argparse
import gzip
import io
import os
import stat
import subprocess
from pathlib import Path

DIRECTORIES = {
    "bin": 0o755, "dev": 0o755, "etc": 0o755, "home": 0o755, "home/user": 0o755, "lib": 0o755,
    "mnt": 0o755, "newroot": 0o755, "proc": 0o555, "root": 0o700, "run": 0o755, "sbin": 0o755,
    "sys": 0o555, "tmp": 0o1777, "usr": 0o755, "usr/bin": 0o755, "usr/sbin": 0o755,
    "usr/local": 0o755, "usr/local/bin": 0o755, "usr/local/sbin": 0o755, "var": 0o755,
}
LIBRARIES = [
    "ld-linux.so.2", "libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1",
]
TERMINALS = ["xterm", "xterm-256color", "linux", "vt100", "vt220", "screen", "ansi", "dumb"]
# Ours take the place of these: the host must learn of them.
OWN = {"init", "poweroff", "reboot", "halt", "linuxrc"}


class Archive:
    """A cpio archive in the `newc` form, which is the kernel's."""

    def __init__(self) -> None:
        self.bytes = io.BytesIO()
        self.names: set[str] = set()

    def add(self, name: str, mode: int, data: bytes = b"",
            device: tuple[int, int] = (0, 0)) -> None:
        if name in self.names:
            return
        self.names.add(name)
        encoded = name.encode() + b"\0"
        fields = [len(self.names), mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(encoded), 0]
        self.bytes.write(b"070701" + b"".join(b"%08X" % field for field in fields) + encoded)
        self._pad()
        self.bytes.write(data)
        self._pad()

    def file(self, name: str, source: Path, mode: int | None = None) -> None:
        kept = mode if mode is not None else 0o755 if os.access(source, os.X_OK) else 0o644
        self.add(name, stat.S_IFREG | kept, source.read_bytes())

    def link(self, name: str, to: str) -> None:
        self.add(name, stat.S_IFLNK | 0o777, to.encode())

    def end(self) -> bytes:
        self.add("TRAILER!!!", 0)
        return self.bytes.getvalue()

    def _pad(self) -> None:
        self.bytes.write(b"\0" * (-self.bytes.tell() % 4))


def add_busybox(archive: Archive, busybox: Path) -> None:
    # It gives up root at once in every applet that is not made for others to become root by.
    archive.file("bin/busybox", busybox, 0o4755)
    listed = subprocess.run([busybox, "--list-full"], capture_output=True, text=True, check=True)
    for path in sorted(listed.stdout.split()):
        if Path(path).name not in OWN:
            archive.link(path, "/bin/busybox")


def add_tree(archive: Archive, name: str, tree: Path) -> None:
    for parent in reversed(Path(name).parents):
        if str(parent) != ".":
            archive.add(str(parent), stat.S_IFDIR | 0o755)
    for path in [tree, *sorted(tree.rglob("*"))]:
        inside = str(Path(name) / path.relative_to(tree))
        if path.is_dir():
            archive.add(inside, stat.S_IFDIR | 0o755)
        else:
            archive.file(inside, path)


def pack(options: argparse.Namespace) -> bytes:
    archive = Archive()
    for name, mode in DIRECTORIES.items():
        archive.add(name, stat.S_IFDIR | mode)
    archive.add("dev/console", stat.S_IFCHR | 0o600, device=(5, 1))
    archive.add("dev/null", stat.S_IFCHR | 0o666, device=(1, 3))
    add_tree(archive, "", options.root)
    archive.link("init", "/sbin/cairn-init")
    archive.file("sbin/cairn-init", options.agent, 0o755)
    for tool in ("host", "flock", "unpack", "fetch", "ready"):
        archive.link(f"bin/{tool}", "/sbin/cairn-init")
    archive.link("sbin/reboot", "/sbin/poweroff")
    archive.link("sbin/halt", "/sbin/poweroff")
    add_busybox(archive, options.busybox)
    for library in LIBRARIES:
        archive.file(f"lib/{library}", options.libc / library, 0o755)
    archive.link("lib/i386-linux-gnu", "/lib")
    archive.link("var/run", "/run")
    archive.link("etc/resolv.conf", "/proc/net/pnp")  # what ip= on the command line has said
    add_tree(archive, "usr/lib/locale/C.utf8", options.locale)
    archive.add("usr/share", stat.S_IFDIR | 0o755)
    archive.add("usr/share/terminfo", stat.S_IFDIR | 0o755)
    for terminal in TERMINALS:
        archive.add(f"usr/share/terminfo/{terminal[0]}", stat.S_IFDIR | 0o755)
        archive.file(f"usr/share/terminfo/{terminal[0]}/{terminal}",
                     options.terminfo / terminal[0] / terminal, 0o644)
    return archive.end()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    for name in ("busybox", "agent", "libc", "terminfo", "locale", "root"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    options = parser.parse_args()
    packed = gzip.compress(pack(options), compresslevel=9, mtime=0)
    options.out.write_bytes(packed)


if __name__ == "__main__":
    main()
