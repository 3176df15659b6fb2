"""9P against diod, which exports a tmpfs: both are asked by the same client on loopback."""

import json
import os
import socket
import subprocess

from environment import median, wait_until
from rows import Row, noise, write_file

MIB = 1 << 20
FILE_BYTES = 16 * MIB


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Diod:
    """diod (Debian's package) on a tmpfs with one file. It is started anew for each question: it
    ends when a client hangs up on it in the middle of an answer."""

    def __init__(self, environment):
        self.dir = os.path.join(environment.work, "diod")
        os.makedirs(self.dir)
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", self.dir], check=True)
        write_file(os.path.join(self.dir, "file"), noise(FILE_BYTES))
        self.process = None

    def start(self):
        self.stop()
        port = free_port()
        self.process = subprocess.Popen(
            ["diod", "-f", "-n", "--nwthreads", "16", "-l", f"127.0.0.1:{port}", "-e", self.dir],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(lambda: listens(port), "diod listens")
        return port

    def stop(self):
        if self.process:
            self.process.kill()
            self.process.wait()
        self.process = None

    def close(self):
        self.stop()
        subprocess.run(["umount", "-l", self.dir], check=False)


def ninep(env):
    port = free_port()
    volume = env.volume("ninep", ninep_port=port)
    volume.start()
    write_file(volume.path("file"), noise(FILE_BYTES), sync=True)
    diod = Diod(env)

    def ask(where, aname, verb, depth):
        return json.loads(env.run(env.program("p9_load"), str(where), aname, "file", verb,
                                  str(depth), "0.5" if env.quick else "1"))

    try:
        for verb, what in (("getattr", "getattr"), ("read4k", "read of 4 KiB")):
            for depth in (1, 32):
                ours, theirs = [], []
                for _ in range(2 if env.quick else 5):
                    ours.append(ask(port, "/", verb, depth)["answers_per_second"])
                    theirs.append(ask(diod.start(), diod.dir, verb, depth)["answers_per_second"])
                ratio = median(ours) / median(theirs)
                yield Row(f"9P {what}, {depth} in flight",
                          f"{median(ours):,.0f} a second, diod {median(theirs):,.0f}: {ratio:.1f}",
                          "> 1 x", ratio > 1)
        rates = [ask(port, "/", "read1m", 4)["bytes_per_second"] for _ in range(5)]
        yield Row("9P reads of 1 MiB, cached", f"{median(rates) / 1e9:.2f} GB/s", ">= 1 GB/s",
                  median(rates) >= 1e9)
    finally:
        diod.close()
        volume.destroy()
