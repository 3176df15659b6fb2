"""What the measurements share: the store, daemons, mounts, and figures."""

import contextlib
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))
CACHE_BYTES = 64_000_000  # what the daemons are configured with; the window comes on top
WINDOW_BYTES = 64 << 20
URING_SWITCH = "/sys/module/fuse/parameters/enable_uring"
PATIENCE_S = 120


def median(values):
    return statistics.median(values)


def percentile(values, part):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


def wait_until(holds, what, patience=PATIENCE_S):
    end = time.monotonic() + patience
    while not holds():
        if time.monotonic() > end:
            raise RuntimeError(f"{what}: not within {patience} s")
        time.sleep(0.002)


class Timer:
    """with Timer() as t: ...; then t.seconds."""

    def __enter__(self):
        self.begin = time.perf_counter()
        return self

    def __exit__(self, *_):
        self.seconds = time.perf_counter() - self.begin


class Environment:
    """A work directory, the store that CAIRN_TEST_S3_* name or one of our own, and the programs.

    Everything that it started is gone after close().
    """

    def __init__(self, bin_dir, quick, split=False):
        self.bin = os.path.realpath(bin_dir)
        self.quick = quick
        self.work = tempfile.mkdtemp(prefix="cairn-bench.", dir="/tmp")
        os.chmod(self.work, 0o755)
        self.variables = dict(os.environ)
        self.own_store = None
        self.daemons = []
        self.peaks = {}  # by measurement: the most anonymous memory that a daemon had
        self.measuring = ""
        if "CAIRN_TEST_S3_ENDPOINT" in self.variables:
            if split:
                raise RuntimeError("--split starts the store itself: unset CAIRN_TEST_S3_ENDPOINT")
        elif split:
            self.start_store_apart()
        else:
            self.start_store()

    def start_store_apart(self):
        """The store on one half of the cores, all else on the other."""
        cores = sorted(os.sched_getaffinity(0))
        if len(cores) < 4:
            raise RuntimeError(f"--split needs four cores, here are {len(cores)}")
        os.sched_setaffinity(0, cores[:len(cores) // 2])
        self.start_store()
        os.sched_setaffinity(0, cores[len(cores) // 2:])

    def start_store(self):
        self.own_store = os.path.join(self.work, "s3")
        script = os.path.join(ROOT, "scripts", "s3-server.sh")
        out = subprocess.run([script, "up", self.own_store, "7540"], check=True,
                             stdout=subprocess.PIPE, text=True).stdout
        for line in out.splitlines():
            name, _, value = line.removeprefix("export ").partition("=")
            self.variables[name] = value

    @contextlib.contextmanager
    def distant_store(self, round_trip_ms):
        """Inside of it, what is started reaches the store by a way that takes this long."""
        near = self.variables["CAIRN_TEST_S3_ENDPOINT"]
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        script = os.path.join(ROOT, "tests", "bench", "volume", "distant_link.py")
        link = subprocess.Popen([sys.executable, script, str(port), near.rpartition(":")[2],
                                 str(round_trip_ms / 2)], stdout=subprocess.PIPE)
        try:
            link.stdout.readline()
            self.variables["CAIRN_TEST_S3_ENDPOINT"] = f"http://127.0.0.1:{port}"
            yield
        finally:
            self.variables["CAIRN_TEST_S3_ENDPOINT"] = near
            link.terminate()
            link.wait()

    def close(self):
        for daemon in list(self.daemons):
            daemon.kill()
        if self.own_store:
            script = os.path.join(ROOT, "scripts", "s3-server.sh")
            subprocess.run([script, "down", self.own_store], check=False)
        shutil.rmtree(self.work, ignore_errors=True)

    def program(self, name):
        path = os.path.join(self.bin, name)
        if not os.access(path, os.X_OK):
            raise RuntimeError(f"{path} is missing: build the target {name}")
        return path

    def run(self, *command, **more):
        return subprocess.run(list(command), check=True, env=self.variables,
                              stdout=subprocess.PIPE, text=True, **more).stdout

    def bare(self, verb, prefix, size, count, threads):
        return json.loads(self.run(self.program("bare_store"), verb,
                                   f"bench-bare-{os.getpid()}/{prefix}", str(size), str(count),
                                   str(threads)))

    def volume(self, name, **more):
        return Volume(self, name, **more)


class Volume:
    """A volume of its own prefix in the store, and the daemon that serves it."""

    def __init__(self, environment, name, readers=False, link_bytes_per_s=0, ninep_port=0):
        self.env = environment
        self.name = f"bench-{os.getpid()}-{name}"
        self.dir = os.path.join(environment.work, name)
        self.mount = os.path.join(self.dir, "mnt")
        self.cache = os.path.join(self.dir, "cache")
        self.config = os.path.join(self.dir, "config.toml")
        self.log = os.path.join(self.dir, "log")
        self.link_bytes_per_s = link_bytes_per_s
        self.process = None
        os.makedirs(self.mount)
        self.write_config("off" if readers else "auto", ninep_port)

    def write_config(self, io_uring, ninep_port):
        v = self.env.variables
        with open(self.config, "w", opener=lambda p, f: os.open(p, f, 0o600)) as out:
            out.write(f"""[storage]
url = "s3://{v['CAIRN_TEST_S3_BUCKET']}/{self.name}"
[aws]
endpoint = "{v['CAIRN_TEST_S3_ENDPOINT']}"
region = "us-east-1"
access_key_id = "{v['CAIRN_TEST_S3_ACCESS_KEY']}"
secret_access_key = "{v['CAIRN_TEST_S3_SECRET_KEY']}"
allow_http = true
[cache]
memory_size_gb = {CACHE_BYTES / 1e9}
[servers.fuse]
mountpoint = "{self.mount}"
io_uring = "{io_uring}"
""")
            if ninep_port:
                out.write(f'[servers.ninep]\naddresses = ["127.0.0.1:{ninep_port}"]\n')

    def start(self):
        """Seconds until the volume is served."""
        open(self.log, "w").close()
        variables = dict(self.env.variables)
        if self.link_bytes_per_s:
            variables["CAIRN_LINK_BYTES_PER_S"] = str(self.link_bytes_per_s)
        with Timer() as took, open(self.log, "w") as log:
            self.process = subprocess.Popen(
                [self.env.program("cairn"), "serve", "-c", self.config, "--cache-dir", self.cache,
                 "--name", self.name], env=variables, stdout=log, stderr=log)
            self.env.daemons.append(self)
            wait_until(self.serves, f"{self.name} starts")
        self.sampler = threading.Thread(target=self.sample_memory, args=(self.process.pid,),
                                        daemon=True)
        self.sampler.start()
        return took.seconds

    def serves(self):
        with open(self.log) as log:
            if " ready: " in log.read():
                return True
        if self.process.poll() is not None:
            with open(self.log) as log:
                raise RuntimeError(f"{self.name} did not start: {log.read()}")
        return False

    def sample_memory(self, pid):
        while self.process is not None and self.process.pid == pid:
            used = anonymous_memory(pid)
            key = self.env.measuring
            self.env.peaks[key] = max(self.env.peaks.get(key, 0), used)
            time.sleep(0.05)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        if self.process.wait(PATIENCE_S) != 0:
            raise RuntimeError(f"{self.name} ended with {self.process.returncode}")
        self.forget()

    def kill(self):
        self.process.kill()
        self.process.wait()
        subprocess.run(["umount", "-l", self.mount], check=False, stderr=subprocess.DEVNULL)
        self.forget()

    def forget(self):
        self.process = None
        self.env.daemons.remove(self)

    def restart(self, empty_cache=False):
        """Daemon, its caches and the kernel's caches of the mount anew; seconds of the start."""
        self.stop()
        if empty_cache:
            shutil.rmtree(self.cache)
        return self.start()

    def destroy(self):
        self.stop()
        self.env.run(self.env.program("cairn"), "destroy", "--yes", "-c", self.config)

    def status(self):
        return json.loads(self.env.run(self.env.program("cairn"), "status", "--json", "--name",
                                       self.name))

    def flush(self):
        self.env.run(self.env.program("cairn"), "flush", "--name", self.name)

    def path(self, *names):
        return os.path.join(self.mount, *names)


class EmptyFs:
    """The yardstick for FUSE, mounted."""

    def __init__(self, environment, name, how):
        self.dir = os.path.join(environment.work, name)
        os.makedirs(self.dir)
        self.process = subprocess.Popen([environment.program("empty_fs"), self.dir, *how],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(lambda: os.path.ismount(self.dir), "empty_fs mounts")

    def stop(self):
        self.process.terminate()
        self.process.wait(PATIENCE_S)
        subprocess.run(["umount", "-l", self.dir], check=False, stderr=subprocess.DEVNULL)


def anonymous_memory(pid):
    try:
        with open(f"/proc/{pid}/status") as status:
            for line in status:
                if line.startswith("RssAnon:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0
