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
again() {
  PATH="$(dirname "$cairn"):$PATH" sh "$here/../../systemd/mount.cairn" "$1" "$work/mnt" \
    -o "name=$name,cache_dir=$work/cache"
}
again "file://$work/bucket" || fail "what mount -a does for what is mounted already"
! again "file://$work/bucket2" 2>/dev/null || fail "another volume is mounted there already"
mkdir "$work/other"
if "$cairn" serve --storage "file://$work/bucket2" --mount "$work/other" \
  --cache-dir "$work/cache2" --name "$name" >"$work/second" 2>&1; then
  fail "two daemons of one name"
fi
grep -q "a daemon of this name runs already" "$work/second" ||
  fail "the second says: $(tail -1 "$work/second")"
umount "$work/mnt"

# One that ends in the moment in which it is asked: it hangs up, and is gone.
python3 - "/run/cairn/e2e-ending-$$.sock" <<'PY' &
import os, socket, sys
with socket.socket(socket.AF_UNIX) as door:
    door.bind(sys.argv[1])
    door.listen()
    looked, asked = door.accept(), door.accept()
    os.unlink(sys.argv[1])
PY
pids[ending]=$!
until_true 20 test -S "/run/cairn/e2e-ending-$$.sock" || fail "nobody listens"
"$cairn" serve --background --storage "file://$work/bucket3" --mount "$work/other" \
  --cache-dir "$work/cache3" --name "e2e-ending-$$" >"$work/log" 2>&1 ||
  fail "after one that ended: $(tail -1 "$work/log")"
umount "$work/other"
has_ended() { ! "$cairn" status --name "$1" >/dev/null 2>&1; }
for one in "$name" "e2e-ending-$$"; do
  until_true 30 has_ended "$one" || fail "$one does not end"
done
say "passed"
