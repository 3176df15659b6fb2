#!/bin/bash
# "umount X && mount X": the daemon that still writes what it has is waited for, and all is there. A
# daemon that really serves is not.
. "$(dirname "$0")/lib.sh" "$@"
mkdir "$work/mnt"
serve() {
  "$cairn" serve --background --storage "file://$work/bucket" --mount "$work/mnt" \
    --cache-dir "$work/cache" --name "$name"
}
name=e2e-remount-$$
serve >"$work/log" 2>&1 || fail "the first start: $(tail -1 "$work/log")"
for round in 1 2 3; do
  head -c 30000000 /dev/urandom >"$work/data-$round"
  cp "$work/data-$round" "$work/mnt/"
  umount "$work/mnt" && serve >>"$work/log" 2>&1 ||
    fail "round $round: $(tail -1 "$work/log")"
  for file in $(seq "$round"); do
    cmp "$work/data-$file" "$work/mnt/data-$file" || fail "data-$file differs in round $round"
  done
done
say "unmounted and mounted three times in a row"
mkdir "$work/other"
if "$cairn" serve --storage "file://$work/bucket2" --mount "$work/other" \
  --cache-dir "$work/cache2" --name "$name" >"$work/second" 2>&1; then
  fail "two daemons of one name"
fi
grep -q "a daemon of this name runs already" "$work/second" ||
  fail "the second says: $(tail -1 "$work/second")"
umount "$work/mnt"
has_ended() { ! "$cairn" status --name "$name" >/dev/null 2>&1; }
until_true 30 has_ended || fail "the last daemon does not end"
say "passed"
