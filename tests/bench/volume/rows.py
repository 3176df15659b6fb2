"""What the measurements share: a row of the table, and files."""

import dataclasses
import os
import random

MIB = 1 << 20


@dataclasses.dataclass
class Row:
    work: str
    measured: str
    target: str
    passed: bool


def noise(size, seed=1):
    chance = random.Random(seed)
    return b"".join(chance.randbytes(min(MIB, size - at)) for at in range(0, size, MIB))


def write_file(path, data, sync=False):
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    try:
        for at in range(0, len(data), MIB):
            os.write(fd, data[at:at + MIB])
        if sync:
            os.fsync(fd)
    finally:
        os.close(fd)
