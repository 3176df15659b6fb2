#!/bin/bash
# The store is away under load: no EIO, no lost byte, memory bounded, and it goes on alone.
. "$(dirname "$0")/lib.sh" "$@"
s3_config "$work/c.toml" "outage-$$"
port=${CAIRN_TEST_S3_ENDPOINT##*:}
proxy_port=$((port + 15))
# A relay in front of the store, which can be taken away.
sed -i "s|$CAIRN_TEST_S3_ENDPOINT|http://127.0.0.1:$proxy_port|" "$work/c.toml"
start_relay() {
  python3 "$here/relay.py" "$proxy_port" "$port" >"$work/relay.log" 2>&1 &
  relay=$!
  until_true 10 grep -q listening "$work/relay.log" || fail "the relay does not start"
}
start_relay
mkdir "$work/mnt"
start a -c "$work/c.toml" --mount "$work/mnt" --cache-dir "$work/cache"
head -c 1000000 /dev/urandom >"$work/mnt/before"
flush a

is_more() { local now && now=$(report a "$1") && [ "$now" != null ] && [ "$now" -gt "$2" ]; }
say "the store hangs: connections stand, answers do not come"
kill -STOP $relay
dd if=/dev/zero of="$work/mnt/hung" bs=4k count=1 conv=fsync 2>"$work/hung.log" &
hung=$!
until_true 3 is_more .store.silent_s 0 || fail "status does not show that the store hangs"
is_more .waiting.fsyncs 0 || fail "status does not count the fsync that waits"
[ "$(report a .store.oldest.request | cut -c 1-8)" = "PUT log/" ] ||
  fail "status does not say what it waits for"
[ "$(report a .store.away_s)" = null ] || fail "a request failed: this tests nothing"
kill -CONT $relay
wait $hung || fail "the fsync failed"

say "the store goes away; somebody copies 600 MB and somebody waits in fsync"
kill -KILL $relay
wait $relay 2>/dev/null || true
(
  for n in 1 2 3 4 5 6; do head -c 100000000 /dev/urandom >"$work/source-$n"; done
  cp "$work"/source-* "$work/mnt/" && echo ok >"$work/copied"
) &
copier=$!
(dd if=/dev/zero of="$work/mnt/synced" bs=4k count=1 conv=fsync 2>"$work/dd.log" &&
  echo ok >"$work/fsynced") &
syncer=$!
until_true 5 is_more .store.waiting 0 ||
  fail "nothing waits for the store"
until_true 5 is_more .waiting.fsyncs 0 || fail "status does not count the fsync that waits"
cmp -n 1000000 "$work/mnt/before" "$work/mnt/before" || fail "cached data cannot be read"
# Away for a while: long enough for the window to be full.
until_true 60 is_more .engine.bytes_in_flight 1000000 ||
  fail "no write window in use"
sleep 15
is_more .waiting.writers 0 || fail "status does not count the writers that wait"
is_more .store.away_s 10 || fail "status does not say since when the store is away"
[ "$(report a .store.last_failure)" != null ] || fail "status does not say why"
[ ! -e "$work/fsynced" ] || fail "fsync returned though the store is away"
memory=$(report a .memory.anonymous_bytes)
say "anonymous memory during the outage: $((memory / 1000000)) MB"
[ "$memory" -lt 500000000 ] || fail "memory grows"

say "it is back"
start_relay
wait $copier || fail "the copy failed"
wait $syncer || fail "the fsync failed"
[ -e "$work/fsynced" ] && [ -e "$work/copied" ] || fail "something did not end"
flush a
kill_hard a
start a -c "$work/c.toml" --mount "$work/mnt" --cache-dir "$work/cache2"
for n in 1 2 3 4 5 6; do
  cmp "$work/source-$n" "$work/mnt/source-$n" || fail "source-$n differs"
done

say "asked to stop while the store hangs, it says what is left and until when it tries"
kill -STOP $relay
head -c 100000 /dev/urandom >"$work/mnt/last"
kill -TERM "${pids[a]}"
until_true 5 is_more .left.bytes 99999 || fail "status does not say what is left to write"
is_more .gives_up_in_s 30 || fail "status does not say when it gives up"
is_more .left.segments 0 || fail "status does not count the segments left to write"
until_true 3 is_more .store.silent_s 0 || fail "status does not show the store while stopping"
kill -CONT $relay
wait_for a
kill -KILL $relay
[ "$status" = 0 ] || fail "cairn ended with $status"

say "a start that waits for the store says so"
launch a -c "$work/c.toml" --mount "$work/mnt" --cache-dir "$work/cache2"
until_true 5 is_more .store.waiting 0 || fail "status does not show what a start waits for"
[ "$(report a .error)" = "the daemon is starting" ] || fail "status does not say that it starts"
stop a
[ "$status" = 1 ] || fail "a start that was stopped ended with $status"
say "passed"
