#!/bin/bash
# Two daemons on one volume. The first, stopped with SIGSTOP, taken over, and continued,
# acknowledges nothing more, says why and exits with 3; nothing acknowledged by either is lost; the
# same after the successor has written and checkpointed for long, and the same when the first one
# never slept but writes as fast as it can.
. "$(dirname "$0")/lib.sh" "$@"
s3_config "$work/c.toml" "fencing-$$"
mkdir "$work/a" "$work/b" "$work/c"

# write_lines FILE OUT: appends numbers to FILE, each fsynced, and to OUT once that succeeded.
write_lines() {
  python3 - "$1" "$2" <<'PY'
import os, sys
fd = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
out = open(sys.argv[2], "a", buffering=1)
n = 0
try:
    while n < 1000000:
        os.write(fd, b"%08d\n" % n)
        os.fsync(fd)
        out.write("%d\n" % n)
        n += 1
except OSError as error:
    print("writer: %s after %d" % (error.strerror, n))
PY
}
check() { # FILE ACKNOWLEDGED: every line acknowledged is there
  local last lines
  last=$(tail -1 "$2")
  lines=$(wc -l <"$1")
  [ "$lines" -gt "$last" ] || fail "$1: $((last + 1)) lines were acknowledged, $lines are there"
  say "$((last + 1)) lines were acknowledged, $lines are there"
}
has_lines() { [ "$(wc -l <"$1" 2>/dev/null || echo 0)" -ge "$2" ]; }

say "the first writes"
start a -c "$work/c.toml" --mount "$work/a" --cache-dir "$work/cache-a"
write_lines "$work/a/log-a" "$work/ack-a" >"$work/writer-a.log" 2>&1 &
writer_a=$!
until_true 30 has_lines "$work/ack-a" 50 || fail "the first does not write"

say "it sleeps; a second one takes over and writes, long enough for checkpoints"
kill -STOP "${pids[a]}"
acknowledged_before=$(wc -l <"$work/ack-a")
start b -c "$work/c.toml" --mount "$work/b" --cache-dir "$work/cache-b"
write_lines "$work/b/log-b" "$work/ack-b" >"$work/writer-b.log" 2>&1 &
writer_b=$!
until_true 120 has_lines "$work/ack-b" 1500 || fail "the second does not write"
say "checkpoints of the second: $(report b .engine.checkpoints)"
[ "$(report b .engine.checkpoints)" -ge 1 ] || fail "no checkpoint"

say "the first wakes up"
kill -CONT "${pids[a]}"
wait_for a
[ "$status" = 3 ] || fail "the first ended with $status, not 3"
grep -q 'taken this volume over' "$work/a.log" || fail "it does not say why"
wait $writer_a || true
acknowledged_after=$(wc -l <"$work/ack-a")
# One fsync may have been under way in the kernel with its answer already given.
[ "$acknowledged_after" -le $((acknowledged_before + 1)) ] ||
  fail "it acknowledged $((acknowledged_after - acknowledged_before)) more"
check "$work/b/log-a" "$work/ack-a"

say "a third takes over from the second, which writes as fast as it can"
start c -c "$work/c.toml" --mount "$work/c" --cache-dir "$work/cache-c"
wait_for b
[ "$status" = 3 ] || fail "the second ended with $status, not 3"
wait $writer_b || true
check "$work/c/log-a" "$work/ack-a"
check "$work/c/log-b" "$work/ack-b"
stop c
[ "$status" = 0 ] || fail "the third ended with $status"
say "passed"
