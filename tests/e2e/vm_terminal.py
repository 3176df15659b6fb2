"""A terminal of cairn-vm's, by a pseudo-terminal: vm_terminal.py PROGRAM ARGUMENTS..."""
import fcntl
import os
import pty
import select
import struct
import sys
import termios
import time

PATIENCE_S = 60
seen = b""


def fail(why):
    print(f"{why}; the terminal showed: {seen[-500:]!r}")
    sys.exit(1)


def expect(terminal, text):
    """Reads until the text has come."""
    global seen
    end = time.monotonic() + PATIENCE_S
    while text not in seen:
        if time.monotonic() > end:
            fail(f"no {text!r}")
        if select.select([terminal], [], [], 1)[0]:
            seen += os.read(terminal, 65536)
    seen = seen[seen.index(text) + len(text):]


def begin():
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(sys.argv[1], sys.argv[1:])
    return pid, terminal


def expect_status(pid, expected):
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if status != expected:
        fail(f"status {status}")


def main():
    start = time.monotonic()
    pid, terminal = begin()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 101, 0, 0))
    expect(terminal, b"$")
    print(f"-- a prompt on the volume after {(time.monotonic() - start) * 1000:.0f} ms")
    os.write(terminal, b"echo answer-$((6*7))\n")
    expect(terminal, b"answer-42")
    os.write(terminal, b"stty size\n")
    expect(terminal, b"33 101")
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 20, 70, 0, 0))
    os.write(terminal, b"while [ \"$(stty size)\" != '20 70' ]; do :; done; echo re''sized\n")
    expect(terminal, b"resized")
    os.write(terminal, b"\x1d")
    expect_status(pid, 0)
    # The end of the shell is the end of the machine, with its status.
    pid, terminal = begin()
    expect(terminal, b"stops the machine")
    expect(terminal, b"$")
    os.write(terminal, b"exit 3\n")
    expect_status(pid, 3)


main()
