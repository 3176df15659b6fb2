"""Stands in for QEMU and for the guest in it. A test's program is this and what is to happen: it
connects to the machine's ports, and speaks on the control line as the guest's first process does.
`RUNNER` is the program that has started it."""

import json
import os
import re
import select
import signal
import socket
import sys
import urllib.parse

RUNNER = os.getppid()
FLOOD = 64 << 20  # more than anybody takes whose reader takes nothing
MANY = b"0123456789abcdef" * 4096


def connect(path: str) -> socket.socket:
    one = socket.socket(socket.AF_UNIX)
    one.connect(path)
    return one


class Guest:
    def __init__(self) -> None:
        found = (re.fullmatch(r"socket,id=(\w+),path=(.*)", word) for word in sys.argv)
        paths = {match.group(1): match.group(2) for match in found if match}
        self.directory = os.path.dirname(paths["control"])
        self.ports = {name: connect(path) for name, path in paths.items()}
        self.lines = self.ports["control"].makefile("r")
        self.mark = b""
        self.job = 0

    def say(self, **message: object) -> None:
        self.ports["control"].sendall(json.dumps(message).encode() + b"\n")

    def expect(self, verb: str) -> tuple[int, dict[str, str]]:
        """The next command; the machine says nothing else meanwhile."""
        number, said, *values = self.lines.readline().split()
        assert said == verb, f"{said}, and not {verb}"
        pairs = (value.split("=", 1) for value in values)
        return int(number), {key: urllib.parse.unquote(value) for key, value in pairs}

    def answer(self, number: int, **values: object) -> None:
        self.say(id=number, ok=True, **values)

    def start(self) -> dict[str, str]:
        self.say(event="ready")
        number, values = self.expect("start")
        self.answer(number)
        return values

    def take_command(self) -> str:
        self.start()
        self.job, values = self.expect("run")
        self.mark = re.search(r"printf %s ([0-9a-f]{32});", values["command"]).group(1).encode()
        return values["command"]

    def end_command(self, status: int) -> None:
        for name in ("out", "err"):
            self.ports[name].sendall(self.mark)
        self.answer(self.job, status=status)

    def power_off(self) -> None:
        self.expect("poweroff")
        self.say(event="poweroff")
        signal.pause()

    def fill(self, name: str) -> int:
        """Writes until the machine takes no more; how much it took."""
        port = self.ports[name]
        port.setblocking(False)
        taken = 0
        while taken < FLOOD and select.select([], [port], [], 0.5)[1]:
            try:
                taken += port.send(MANY)
            except BlockingIOError:
                pass
        port.setblocking(True)
        return taken


def tell_runner(number: int) -> None:
    os.kill(RUNNER, number)
