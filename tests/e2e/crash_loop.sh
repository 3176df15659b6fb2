#!/bin/bash
# kill -9 of the daemon at random moments under many writers, then a start with the same cache
# directory, an empty one, or an old copy of it: what fsync promised is there, what is there is the
# state at one moment, nothing is torn.
#   CRASH_SECONDS (45) how long; CRASH_SEED repeats the choices; CRASH_CONFIG a configuration to use
. "$(dirname "$0")/lib.sh" "$@"
seed=${CRASH_SEED:-$RANDOM}
seconds=${CRASH_SECONDS:-45}
RANDOM=$seed
mount=$work/mnt
mkdir "$mount" "$work/acks"
say "seed $seed, $seconds s"
storage=(--storage "file://$work/bucket")
[ -z "${CRASH_CONFIG:-}" ] || storage=(-c "$CRASH_CONFIG")

cache=$work/cache0
round=0
SECONDS=0
check() {
  python3 "$here/crash_writers.py" check "$mount/w" "$work/acks" >"$work/check.out" ||
    fail "seed $seed, round $round, cache $how: $(cat "$work/check.out")"
}
how=empty
while :; do
  start a "${storage[@]}" --mount "$mount" --cache-dir "$cache"
  mkdir -p "$mount/w"
  [ $round = 0 ] || check
  [ $SECONDS -lt "$seconds" ] || break
  round=$((round + 1))
  python3 "$here/crash_writers.py" run "$mount/w" "$work/acks" "$seed/$round" \
    2>"$work/writers.log" &
  writers=$!
  sleep $((RANDOM % 4)).$((RANDOM % 1000))
  kill_hard a
  umount -l "$mount" 2>/dev/null || true
  # Those that see no error (sqlite waits for locks that are gone) are ended.
  kill -TERM $writers 2>/dev/null || true
  wait $writers || [ $? = 143 ] || fail "the writers ended with an error"
  # Every other time an older state of the index is kept for a later round.
  if [ ! -d "$work/old" ] || [ $((RANDOM % 3)) = 0 ]; then
    rm -rf "$work/old"
    cp -r "$cache" "$work/old"
  fi
  case $((RANDOM % 3)) in
    0) how=same ;;
    1) how=empty && rm -rf "$cache" ;;
    2) how=old && rm -rf "$cache" && cp -r "$work/old" "$cache" ;;
  esac
done
say "$round crashes; $(cat "$work/check.out")"

say "a clean stop, and all of it once more with an empty cache"
stop a
[ "$status" = 0 ] || fail "cairn ended with $status"
start a "${storage[@]}" --mount "$mount" --cache-dir "$work/last"
how=last
check
rm -rf "$mount/w"
until_true 20 eval '[ "$(df --output=used -B1 "$mount" | tail -1 | tr -d " ")" = 0 ]' ||
  fail "all is deleted, but df shows $(df --output=used -B1 "$mount" | tail -1) bytes"
stop a
[ "$status" = 0 ] || fail "cairn ended with $status"
say "passed"
