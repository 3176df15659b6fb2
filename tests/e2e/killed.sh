#!/bin/bash
# With the store away, whoever waits for it can be killed and interrupted; a signal with a handler
# does not disturb; and the daemon ends in bounded time.
. "$(dirname "$0")/lib.sh" "$@"
store_port=${CAIRN_TEST_S3_ENDPOINT##*:}
proxy_port=$((store_port + 16))

start_relay() {
  python3 "$here/relay.py" "$proxy_port" "$store_port" >"$work/relay.log" 2>&1 &
  pids[relay]=$!
  until_true 10 grep -q listening "$work/relay.log" || fail "the relay does not start"
}
stop_relay() { kill_hard relay 2>/dev/null; }
# begin NAME WHAT: a waiter, named after what it does.
begin() {
  python3 "$here/waiter.py" "$2" "$work/mnt/$1" "$work/$1.progress" 2>"$work/$1.log" &
  pids[$1]=$!
}
# In the kernel, waiting for the daemon's answer, or for a page that another request brings.
is_waiting() {
  local before after
  grep -q '^calling' "$work/$1.progress" 2>/dev/null || return 1
  before=$(cat "$work/$1.progress")
  [ "$(cat "/proc/${pids[$1]}/wchan")" != 0 ] || return 1
  sleep 0.3
  after=$(cat "$work/$1.progress")
  [ "$before" = "$after" ]
}
await_waiting() {
  until_true 60 is_waiting "$1" || fail "$1 does not wait: $(cat "$work/$1.progress"), " \
    "$(cat "/proc/${pids[$1]}/wchan" 2>/dev/null)"
}
is_dead() { ! grep -q '^State:.[^Z]' "/proc/$1/status" 2>/dev/null; }
# must_die NAME SIGNAL
must_die() {
  kill "-$2" "${pids[$1]}"
  until_true 2 is_dead "${pids[$1]}" ||
    fail "$1 outlives $2: $(grep State "/proc/${pids[$1]}/status")"
  wait_for "$1" 2>/dev/null
}
serve() {
  start a -c "$work/c.toml" --mount "$work/mnt" --cache-dir "$1"
  say "$(grep -o 'ready fuse .*' "$work/a.log")"
}

run_with() {
  local how=$1 signal name
  s3_config "$work/c.toml" "killed-$how-$$"
  sed -i "s|$CAIRN_TEST_S3_ENDPOINT|http://127.0.0.1:$proxy_port|" "$work/c.toml"
  printf '[servers.fuse]\nio_uring = "%s"\n[filesystem]\nshutdown_timeout_s = %s\n' "$how" \
    "$2" >>"$work/c.toml"
  rm -rf "$work"/*.progress* "$work"/cache*
  start_relay
  serve "$work/cache1"
  for name in cold-{KILL,INT}{,-direct,-fault}; do
    head -c 3000000 /dev/urandom >"$work/mnt/$name"
  done
  stop a
  [ "$status" = 0 ] || fail "cairn ended with $status"
  serve "$work/cache2"  # nothing is in memory

  say "$how: the store goes away; SIGKILL and SIGINT end those who wait for it"
  stop_relay
  begin patient fsync+alarm
  begin stubborn fsync+alarm
  for signal in KILL INT; do
    begin "synced-$signal" fsync
    begin "cold-$signal" read
    begin "cold-$signal-direct" read-direct
    begin "cold-$signal-fault" fault
  done
  for signal in KILL INT; do
    for name in "synced-$signal" "cold-$signal" "cold-$signal-direct" "cold-$signal-fault"; do
      await_waiting "$name"
      must_die "$name" "$signal"
    done
  done

  say "$how: the window is full; the same for those who write"
  begin filler write
  await_waiting filler
  for signal in KILL INT; do
    begin "written-$signal" write
    await_waiting "written-$signal"
    must_die "written-$signal" "$signal"
  done

  say "$how: a handler's signal does not end an fsync, and a kill after many does"
  until_true 10 is_waiting stubborn || fail "stubborn: $(cat "$work/stubborn.progress")"
  must_die stubborn KILL
  is_waiting patient || fail "patient: $(cat "$work/patient.progress")"
  kill -KILL "${pids[filler]}"
  until_true 2 is_dead "${pids[filler]}" || fail "filler outlives SIGKILL"

  say "$how: it is back"
  start_relay
  wait "${pids[patient]}" || fail "fsync with SIGALRM: $(cat "$work/patient.progress")"
  [ "$(cat "$work/patient.progress")" = done ] || fail "$(cat "$work/patient.progress")"
  flush a
  for signal in KILL INT; do
    cmp -s <(head -c 65536 "$work/mnt/cold-$signal-direct") \
      <(dd if="$work/mnt/cold-$signal-direct" bs=65536 count=1 iflag=direct 2>/dev/null) ||
      fail "cold-$signal-direct reads differently"
  done
  check_blocks filler
  say "$how: with somebody waiting in fsync and the store away, the daemon ends in bounded time"
  stop_relay
  begin left fsync
  await_waiting left
  local since=$SECONDS
  stop a
  say "it took $((SECONDS - since)) s: $(tail -n 1 "$work/a.log")"
  [ "$status" = 1 ] || fail "cairn ended with $status"
  [ $((SECONDS - since)) -ge $(($2 - 1)) ] || fail "that was no try"
  [ $((SECONDS - since)) -lt $(($2 + 15)) ] || fail "that was too long"
  grep -q 'bytes that no fsync has covered are lost' "$work/a.log" ||
    fail "it does not say what was left"
  until_true 2 is_dead "${pids[left]}" || fail "who waited still does"
  wait_for left 2>/dev/null
  [[ $(cat "$work/left.progress") =~ ^E ]] || fail "left: $(cat "$work/left.progress")"
}
# What a killed writer has written is a number of whole blocks of its own.
check_blocks() {
  local bytes blocks n
  bytes=$(stat -c %s "$work/mnt/$1")
  blocks=$((bytes / 1048576))
  [ "$bytes" = $((blocks * 1048576)) ] && [ "$blocks" -gt 10 ] || fail "$1 has $bytes bytes"
  for ((n = 0; n < blocks; ++n)); do cat "$work/$1.progress.block"; done |
    cmp - "$work/mnt/$1" || fail "$1 holds something else than was written"
}

mkdir "$work/mnt"
# The mount waits for its requests for 10 s at the most, so the time-outs lie on both sides of that.
run_with auto 3
run_with off 12
say "passed"
