"""The measurements: each takes an Environment and yields Rows."""

import os
import random
import subprocess
import sys
import tarfile
import time

from environment import (CACHE_BYTES, WINDOW_BYTES, EmptyFs, Timer, median, percentile)
from ninep_measurements import ninep
from rows import MIB, Row, noise, write_file

PAGE = 4096
SMALL = ("create 4 KiB", "stat", "open, read, close", "unlink", "rename")


def read_file(path, size):
    fd = os.open(path, os.O_RDONLY)
    try:
        left = size
        while left > 0:
            got = len(os.read(fd, min(left, MIB)))
            if got == 0:
                raise RuntimeError(f"{path} is short")
            left -= got
    finally:
        os.close(fd)


def timed_fsyncs(path, count):
    """Microseconds of each write of 4 KiB + fsync."""
    pages = [noise(PAGE, seed) for seed in range(64)]
    times = []
    fd = os.open(path, os.O_WRONLY | os.O_CREAT, 0o644)
    try:
        for number in range(count):
            begin = time.perf_counter()
            os.pwrite(fd, pages[number % 64], (number % 256) * PAGE)
            os.fsync(fd)
            times.append((time.perf_counter() - begin) * 1e6)
    finally:
        os.close(fd)
    return times


def commit(env):
    volume = env.volume("commit")
    volume.start()
    timed_fsyncs(volume.path("warm"), 20)
    before = volume.status()["store"]["put"]
    bare, bare_new, ours = [], [], []
    for turn in range(3 if env.quick else 12):
        ours += timed_fsyncs(volume.path("file"), 50)
        if turn == 0:
            after = volume.status()["store"]["put"]
            count = after["requests"] - before["requests"]
            size = (after["bytes"] - before["bytes"]) // count
        bare += env.bare("put", f"commit-{turn}-", size, 51, 1)["microseconds"]
        bare_new += env.bare("put-new", f"commit-new-{turn}-", size, 51, 1)["microseconds"]
    volume.destroy()
    ratio = median(ours) / median(bare)
    yield Row("4 KiB write + fsync, p50",
              f"{median(ours):.0f} us, bare PUT of {size} bytes {median(bare):.0f} us: {ratio:.2f} "
              f"(with If-None-Match {median(bare_new):.0f} us: "
              f"{median(ours) / median(bare_new):.2f})",
              "<= 1.2 x", ratio <= 1.2)
    yield Row("requests of 50 commits", f"{count} PUTs", "50", count == 50)


def distant(env):
    """The same where the store is as far away as S3 is from most of its users."""
    round_trip_ms = 20
    with env.distant_store(round_trip_ms):
        volume = env.volume("distant")
        volume.start()
        timed_fsyncs(volume.path("warm"), 5)
        bare, ours = [], []
        for turn in range(2 if env.quick else 4):
            ours += timed_fsyncs(volume.path("file"), 20)
            bare += env.bare("put", f"distant-{turn}-", 4472, 21, 1)["microseconds"][1:]
        volume.destroy()
    ratio = median(ours) / median(bare)
    yield Row(f"the same, store {round_trip_ms} ms away",
              f"{median(ours) / 1e3:.1f} ms, bare PUT {median(bare) / 1e3:.1f} ms: {ratio:.2f}",
              "<= 1.2 x", ratio <= 1.2)


def parse_small(text):
    rates = {}
    for line in text.splitlines():
        name, rate = line[:20].strip(), line[20:].split()[0]
        rates[name] = float(rate)
    return rates


def small(env, how, readers):
    volume = env.volume("small" + ("-readers" if readers else ""), readers=readers)
    volume.start()
    described = volume.status()["fuse"]["how"]
    empty = EmptyFs(env, "empty" + ("-readers" if readers else ""), how)
    rates = {volume.mount: {}, empty.dir: {}}
    for _ in range(2 if env.quick else 9):
        for where, found in rates.items():
            out = env.run(env.program("small_ops"), where, "1000", "1")
            for name, rate in parse_small(out).items():
                found.setdefault(name, []).append(rate)
    empty.stop()
    volume.destroy()
    for name in SMALL:
        ours, theirs = median(rates[volume.mount][name]), median(rates[empty.dir][name])
        yield Row(f"{name}, {described.split(',')[0]}",
                  f"{ours:,.0f} a second, empty filesystem {theirs:,.0f}: {ours / theirs:.2f}",
                  ">= 0.5 x", ours / theirs >= 0.5)


def small_uring(env):
    yield from small(env, ["io_uring"], False)


def small_readers(env):
    yield from small(env, ["readers", "8"], True)


def make_tar(path, count):
    """Files of 11 kB on average, a hundred to a directory, as a source tree has them."""
    chance = random.Random(11)
    sources = os.path.join(os.path.dirname(path), "tree")
    for number in range(count):
        name = os.path.join(sources, f"d{number // 100}", f"f{number}")
        os.makedirs(os.path.dirname(name), exist_ok=True)
        line = b"int value_%d(int x) { return x + %d; }\n"
        size = int(chance.expovariate(1 / 11000)) + 100
        text = b"".join(line % (n, n * number) for n in range(size // 38 + 1))
        write_file(name, text[:size])
    with tarfile.open(path, "w") as tar:
        tar.add(sources, "tree")


def untar(env):
    count = 3000
    archive = os.path.join(env.work, "tree.tar")
    make_tar(archive, count)
    volume = env.volume("untar")
    volume.start()
    unpacked, removed = [], []
    for _ in range(2 if env.quick else 5):
        with Timer() as took:
            env.run("tar", "xf", archive, "-C", volume.mount)
        unpacked.append(count / took.seconds)
        with Timer() as took:
            env.run("rm", "-rf", volume.path("tree"))
        removed.append(count / took.seconds)
    volume.destroy()
    for name, rates, target in (("untar 3,000 files", unpacked, 4000), ("rm -rf", removed, 8000)):
        yield Row(name, f"{median(rates):,.0f} a second", f">= {target:,}",
                  median(rates) >= target)


def bulk(env):
    size = (64 if env.quick else 256) * MIB
    piece, count = 8 * MIB, size // (8 * MIB)
    data = noise(size)
    volume = env.volume("bulk")
    volume.start()
    rates = {"put": [], "get": [], "write": [], "read": []}
    for turn in range(2 if env.quick else 5):
        rates["put"].append(size / env.bare("put", "bulk-", piece, count, 8)["seconds"])
        with Timer() as took:
            write_file(volume.path("file"), data, sync=True)
        rates["write"].append(size / took.seconds)
    # The store is slower with what it has just taken in: a first round counts for neither.
    for turn in range(2 if env.quick else 8):
        rates["get"].append(size / env.bare("get", "bulk-", piece, count, 8)["seconds"])
        volume.restart()
        with Timer() as took:
            read_file(volume.path("file"), size)
        rates["read"].append(size / took.seconds)
    del rates["get"][0], rates["read"][0]
    volume.destroy()
    for name, ours, bare in (("sequential write + fsync", "write", "put"),
                             ("cold sequential read", "read", "get")):
        ratio = median(rates[ours]) / median(rates[bare])
        yield Row(f"{name} of {size // MIB} MiB",
                  f"{median(rates[ours]) / 1e6:.0f} MB/s, eight bare {bare.upper()}s "
                  f"{median(rates[bare]) / 1e6:.0f}: {ratio:.2f}", ">= 0.8 x", ratio >= 0.8)


def make_small_files(volume, count):
    os.mkdir(volume.path("files"))
    for number in range(count):
        write_file(volume.path("files", f"f{number}"), noise(PAGE, number))
    volume.flush()


def cold_small(env):
    count = 1000
    volume = env.volume("cold")
    volume.start()
    make_small_files(volume, count)
    rates, gets = [], []
    for _ in range(2 if env.quick else 7):
        volume.restart()
        before = volume.status()["store"]["get"]["requests"]
        with Timer() as took:
            for number in range(count):
                read_file(volume.path("files", f"f{number}"), PAGE)
        rates.append(count / took.seconds)
        gets.append(volume.status()["store"]["get"]["requests"] - before)
    volume.destroy()
    yield Row("read 1,000 files of 4 KiB, cold",
              f"{median(rates):,.0f} a second, {median(gets):.0f} GETs", ">= 5,000",
              median(rates) >= 5000)


def warm(env):
    count = 1000
    volume = env.volume("warm")
    volume.start()
    make_small_files(volume, count)
    names = [volume.path("files", f"f{number}") for number in range(count)]
    for name in names:
        read_file(name, PAGE)
        os.stat(name)
    before = volume.status()
    for name in names:
        os.stat(name)
        read_file(name, PAGE)
    after = volume.status()
    volume.destroy()
    asked = {kind: number - before["fuse"]["requests"].get(kind, 0)
             for kind, number in after["fuse"]["requests"].items()}
    asked = {kind: number for kind, number in asked.items() if number > 0}
    others = {k: n for k, n in asked.items() if k not in ("open", "flush", "release")}
    yield Row("stat and read 1,000 warm files: requests to the daemon",
              ", ".join(f"{number} {kind}" for kind, number in asked.items()),
              "open, flush, release", not others)
    gets = after["store"]["get"]["requests"] - before["store"]["get"]["requests"]
    yield Row("... and to the store", str(gets), "0", gets == 0)


def start(env):
    count = 5_000 if env.quick else 100_000
    volume = env.volume("start")
    volume.start()
    for number in range(count):
        if number % 1000 == 0:
            os.mkdir(volume.path(f"d{number // 1000}"))
        fd = os.open(volume.path(f"d{number // 1000}", f"f{number}"),
                     os.O_WRONLY | os.O_CREAT, 0o644)
        os.write(fd, b"text")
        os.close(fd)
    volume.flush()
    turns = 2 if env.quick else 5
    warm_starts = [volume.restart() for _ in range(turns)]
    empty_starts = [volume.restart(empty_cache=True) for _ in range(turns)]
    found = sum(len(os.listdir(volume.path(name))) for name in os.listdir(volume.mount))
    volume.destroy()
    yield Row(f"start, {count:,} files, warm index", f"{median(warm_starts):.2f} s", "<= 0.3 s",
              median(warm_starts) <= 0.3)
    yield Row(f"start, {count:,} files, empty cache directory", f"{median(empty_starts):.2f} s",
              "<= 3 s", median(empty_starts) <= 3)
    yield Row("... and all files are there", f"{found:,}", f"{count:,}", found == count)


COPY = """
import os, sys
block = os.urandom(1 << 20)
fd = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT, 0o644)
for _ in range(int(sys.argv[2])):
    os.write(fd, block)
"""


def copying(env):
    volume = env.volume("copying", link_bytes_per_s=20_000_000)
    volume.start()
    mebibytes = 200 if env.quick else 2000
    copier = subprocess.Popen([sys.executable, "-c", COPY, volume.path("big"), str(mebibytes)])
    time.sleep(2)
    times = []
    while copier.poll() is None:
        times += timed_fsyncs(volume.path("small"), 1)
        time.sleep(0.1)
    if copier.returncode != 0:
        raise RuntimeError("the copying failed")
    volume.destroy()
    p50, p99, worst = (median(times) / 1e6, percentile(times, 0.99) / 1e6, max(times) / 1e6)
    shown = f"p50 {p50:.2f} s, p99 {p99:.2f} s, worst {worst:.2f} s of {len(times)}"
    yield Row(f"commit while {mebibytes / 1000:.1f} GB are copied at 20 MB/s", shown,
              "p50 < 1.5 s, worst < 3 s", p50 < 1.5 and worst < 3)


def memory(env):
    """Of what ran before: the highest that any daemon reached."""
    limit = CACHE_BYTES + WINDOW_BYTES + 96 * MIB
    for name, peak in sorted(env.peaks.items(), key=lambda item: -item[1]):
        yield Row(f"memory (RssAnon), {name}", f"{peak / MIB:.0f} MiB", f"<= {limit / MIB:.0f} MiB",
                  peak <= limit)


ALL = {"commit": commit, "distant": distant, "small": small_uring, "small-readers": small_readers,
       "untar": untar, "bulk": bulk, "cold": cold_small, "warm": warm, "start": start,
       "copying": copying, "ninep": ninep, "memory": memory}
