"""A process that begins something on a mount and may have to wait: waiter.py WHAT FILE PROGRESS.

PROGRESS is a file outside of the mount, rewritten before each system call, and with "done" or the
error's name at the end. SIGINT has its default action; SIGALRM comes every 50 ms and has a handler
that does not restart system calls if WHAT ends with "+alarm".
"""
import ctypes
import errno
import mmap
import os
import signal
import sys

what, path, progress = sys.argv[1:]
libc = ctypes.CDLL(None, use_errno=True)  # Python's own calls go on after EINTR
BLOCK = bytes(os.urandom(65536)) * 16


def report(text):
    with open(progress + ".new", "w") as file:
        file.write(text)
    os.replace(progress + ".new", progress)


def call(function, *arguments):
    result = function(*arguments)
    if result < 0:
        report(errno.errorcode[ctypes.get_errno()])
        sys.exit(1)
    return result


def fsync():
    fd = os.open(path, os.O_CREAT | os.O_WRONLY)
    os.write(fd, b"to be synced")
    report("calling")
    call(libc.fsync, fd)


def read(flags):
    fd = os.open(path, os.O_RDONLY | flags)
    room = mmap.mmap(-1, 65536)
    address = ctypes.addressof(ctypes.c_char.from_buffer(room))
    report("calling")
    call(libc.read, fd, ctypes.c_void_p(address), 65536)


def fault():
    fd = os.open(path, os.O_RDONLY)
    view = mmap.mmap(fd, 4096, prot=mmap.PROT_READ)
    report("calling")
    return view[0]


def write():
    fd = os.open(path, os.O_CREAT | os.O_WRONLY)
    with open(progress + ".block", "wb") as file:
        file.write(BLOCK)
    for n in range(1000):
        report(f"calling {n}")
        call(libc.write, fd, BLOCK, len(BLOCK))


def main():
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    name, _, alarm = what.partition("+")
    if alarm:
        signal.signal(signal.SIGALRM, lambda *_: None)
        signal.siginterrupt(signal.SIGALRM, True)
        signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
    {
        "fsync": fsync,
        "read": lambda: read(0),
        "read-direct": lambda: read(os.O_DIRECT),
        "fault": fault,
        "write": write,
    }[name]()
    signal.setitimer(signal.ITIMER_REAL, 0)
    report("done")


main()
