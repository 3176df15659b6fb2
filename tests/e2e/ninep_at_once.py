"""What is done over 9P is seen on the mount as soon as it is answered, and the other way round.

ninep_at_once.py ADDRESS MOUNTPOINT ROUNDS: every name, size and byte is asked for before, so that
the kernel has it in its caches, and is wrong for ever unless it is told.
"""
import os
import sys

from ninep_client import Connection

address, top, rounds = sys.argv[1:]
client = Connection(address)
client.attach(0)


def content(path):
    with open(path, "rb") as file:
        return file.read()


def over_9p_then_mount(n):
    name = f"at-once-{n}"
    path = f"{top}/{name}"
    assert not os.path.exists(path)
    client.create(0, 1, name)
    assert os.path.exists(path), "a new name"
    assert name in os.listdir(top), "a new name in a listing"
    for text in (b"first", b"second and longer"):
        client.write(1, 0, text)
        assert os.stat(path).st_size == len(text), "a new size"
        assert content(path) == text, "new bytes"
    client.remove(0, name)
    client.clunk(1)
    assert not os.path.exists(path), "a name that is gone"


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
