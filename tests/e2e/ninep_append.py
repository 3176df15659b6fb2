"""Appends records of 100 bytes with O_APPEND, one per write(2): ninep_append.py FILE WHO COUNT."""
import os
import sys

path, who, count = sys.argv[1:]
fd = os.open(path, os.O_WRONLY | os.O_APPEND)
for n in range(int(count)):
    assert os.write(fd, f"{who} {n}".ljust(99, ".").encode() + b"\n") == 100
os.close(fd)
