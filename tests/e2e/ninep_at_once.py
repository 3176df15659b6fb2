"""What is done on the mount is seen over 9P by the next request; what is done over 9P is seen on the
mount as soon as its kernel has been told, which nobody waits for: ninep_at_once.py ADDRESS
MOUNTPOINT ROUNDS. Prints how long that took.

Every name, size and byte is asked for beforehand, so that the kernel has it in its caches and is
wrong for ever unless it is told.
"""
import os
import sys
import time

from ninep_client import Connection

address, top, rounds = sys.argv[1:]
client = Connection(address)
client.attach(0)


waits = []


def soon(what, holds):
    begin = time.monotonic()
    while not holds():
        assert time.monotonic() - begin < 10, what
    waits.append(time.monotonic() - begin)


def content(path):
    with open(path, "rb") as file:
        return file.read()


def over_9p_then_mount(n):
    name = f"at-once-{n}"
    path = f"{top}/{name}"
    assert not os.path.exists(path)
    client.create(0, 1, name)
    soon("a new name", lambda: os.path.exists(path))
    soon("a new name in a listing", lambda: name in os.listdir(top))
    for text in (b"first", b"second and longer"):
        client.write(1, 0, text)
        soon("a new size", lambda: os.stat(path).st_size == len(text))
        soon("new bytes", lambda: content(path) == text)
    client.remove(0, name)
    client.clunk(1)
    soon("a name that is gone", lambda: not os.path.exists(path))


def mount_then_9p(n):
    name = f"other-way-{n}"
    path = f"{top}/{name}"
    with open(path, "wb", buffering=0) as file:
        client.walk(0, 1, name)
        client.open(0, 2, name, os.O_RDONLY)
        for text in (b"first", b"second and longer"):
            os.pwrite(file.fileno(), text, 0)
            assert client.size(1) == len(text), "a new size"
            assert client.read(2) == text, "new bytes"
    os.rename(path, path + ".new")
    client.walk(0, 3, name + ".new")
    for fid in (1, 2, 3):
        client.clunk(fid)
    os.unlink(path + ".new")


for n in range(int(rounds)):
    over_9p_then_mount(n)
    mount_then_9p(n)
waits.sort()
print(f"seen on the mount after {waits[len(waits) // 2] * 1e6:.0f} us, at most {waits[-1] * 1e3:.1f} ms")
