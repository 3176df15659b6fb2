#!/bin/bash
# Memory keeps to what is configured, whatever is written and read: the cache, the write window and
# 96 MiB while it is busy; the cache and little more afterwards, however often it was.
. "$(dirname "$0")/lib.sh" "$@"
s3_config "$work/c.toml" "memory-$$"
printf '[cache]\nmemory_size_gb = 0.064\n' >>"$work/c.toml"
mkdir "$work/mnt"
start a -c "$work/c.toml" --mount "$work/mnt" --cache-dir "$work/cache"
head -c 120000000 /dev/urandom >"$work/data"

# watched NAME COMMAND...: the most anonymous memory while it runs must be within the bound.
watched() {
  python3 - "${pids[a]}" "$@" <<'PY' || fail "$1 takes too much memory"
import subprocess, sys, time
pid, name, command = sys.argv[1], sys.argv[2], sys.argv[3:]
BUSY, IDLE = 64_000_000 + (64 << 20) + (96 << 20), 64_000_000 + (96 << 20)

def anonymous():
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("RssAnon"))

running = subprocess.Popen(command)
most = 0
while running.poll() is None:
    most = max(most, anonymous())
    time.sleep(0.002)
after = anonymous()
print(f"-- {name}: at most {most >> 20} MiB, {after >> 20} MiB afterwards", flush=True)
sys.exit(running.returncode != 0 or most > BUSY or after > IDLE)
PY
}
write_it() {
  watched "writing 120 MB" dd if="$work/data" of="$work/mnt/$1" bs=1M conv=fsync status=none
}
for round in 1 2; do write_it "file-$round"; done
for round in 1 2; do
  echo 1 >/proc/sys/vm/drop_caches 2>/dev/null || true
  watched "reading 120 MB" cmp "$work/data" "$work/mnt/file-$round"
  write_it "file-$round"
done
stop a
[ "$status" = 0 ] || fail "the daemon ended with $status"
say "passed"
