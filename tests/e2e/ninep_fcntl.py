"""POSIX locks from a shell.

ninep_fcntl.py try FILE          prints "free" or "taken"
ninep_fcntl.py hold FILE STATE   takes the lock, as soon as it can, writes "held" into the file
                                 STATE, and keeps it until that is removed; then makes STATE.gone
They lock for writing, and make the file.
"""
import fcntl
import os
import sys
import time

what, path, *state = sys.argv[1:]
fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
if what == "try":
    try:
        fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        print("free")
    except BlockingIOError:
        print("taken")
else:
    fcntl.lockf(fd, fcntl.LOCK_EX)
    with open(state[0], "w") as file:
        file.write("held")
    while os.path.exists(state[0]):
        time.sleep(0.02)
    os.close(fd)
    open(state[0] + ".gone", "w").close()
