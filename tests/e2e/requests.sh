#!/bin/bash
# What operations cost in requests to the store: an fsync after a write one PUT, callers who come
# together share them, everything that only looks costs none, and nobody asks anything when idle.
. "$(dirname "$0")/lib.sh" "$@"
s3_config "$work/c.toml" "requests-$$"
mkdir "$work/mnt"
start a -c "$work/c.toml" --mount "$work/mnt" --cache-dir "$work/cache"

puts() { report a .store.put.requests; }
all_requests() { report a '[.store | .get, .put, .delete, .list | .requests] | add'; }
# But for the look at the manifest, one GET within five seconds of a commit.
settle() { flush a; sleep 6; }
# costs NAME LEAST MOST COMMAND...: so many PUTs, and nothing else; the look may come between.
costs() {
  local name=$1 least=$2 most=$3 before all spent others
  shift 3
  before=$(puts)
  all=$(all_requests)
  "$@" || fail "$name does not work"
  spent=$(($(puts) - before))
  others=$(($(all_requests) - all - spent))
  say "$name: $spent PUTs, $others others"
  [ "$spent" -ge "$least" ] && [ "$spent" -le "$most" ] ||
    fail "$name took $spent PUTs, not $least to $most"
  [ "$others" -le 1 ] || fail "$name took $others other requests"
}

write_and_fsync() { # COUNT: that often
  python3 - "$work/mnt/file" "$1" <<'PY'
import os, sys
fd = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT, 0o644)
for n in range(int(sys.argv[2])):
    os.pwrite(fd, b"%04096d" % n, 4096 * n)
    os.fsync(fd)
PY
}
fsync_together() { # COUNT: as many processes at the same time
  python3 - "$work/mnt" "$1" <<'PY'
import os, sys, threading
count = int(sys.argv[2])
files = [os.open("%s/t%d" % (sys.argv[1], n), os.O_WRONLY | os.O_CREAT, 0o644)
         for n in range(count)]
for fd in files:
    os.write(fd, b"text")
failed = []
def sync(fd):
    try:
        os.fsync(fd)
    except OSError as error:
        failed.append(error)
threads = [threading.Thread(target=sync, args=[fd]) for fd in files]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
sys.exit(len(failed))
PY
}
fsync_again() { python3 -c 'import os, sys; os.fsync(os.open(sys.argv[1], os.O_RDONLY))' "$1"; }
look_at_all() { ls -lR "$work/mnt" >"$work/listing" && stat "$work"/mnt/* >>"$work/listing"; }
read_all() { cat "$work"/mnt/t* "$work/mnt/file" >"$work/contents"; }

settle
costs "one fsync" 1 1 write_and_fsync 1
costs "twenty fsyncs, one after the other" 20 20 write_and_fsync 20
costs "an fsync with nothing to write" 0 0 fsync_again "$work/mnt/file"
# All had been written before the first asked: the first takes everything along.
costs "64 fsyncs together" 1 4 fsync_together 64
settle
costs "listing and stat" 0 0 look_at_all
costs "warm reads" 0 0 read_all

# Reading changes access times, which are no reason for a commit.
settle
before=$(all_requests)
sleep 10
[ "$(all_requests)" = "$before" ] || fail "$(($(all_requests) - before)) requests when idle"
say "none when idle"

say "what is written without fsync goes out by itself, in one PUT"
before=$(puts)
head -c 10000 /dev/urandom >"$work/mnt/later"
mkdir "$work/mnt/dir"
is_out() { [ "$(puts)" -gt "$before" ]; }
until_true 15 is_out || fail "it is not written"
sleep 6
[ "$(puts)" -eq $((before + 1)) ] || fail "$(($(puts) - before)) PUTs"
stop a
[ "$status" = 0 ] || fail "the daemon ended with $status"
say "passed"
