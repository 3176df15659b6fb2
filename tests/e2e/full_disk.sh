#!/bin/bash
# The local disk is full: status answers and says so, writers wait in the end, and it goes on alone.
. "$(dirname "$0")/lib.sh" "$@"
mkdir "$work/mnt" "$work/disk" "$work/store"
mount -t tmpfs -o size=16m cairn-e2e "$work/disk"
start a --storage "file://$work/store" --mount "$work/mnt" --cache-dir "$work/disk/cache"
echo before >"$work/mnt/before"
flush a
[ "$(report a .engine.index_disk_full)" = false ] || fail "the disk is called full and is not"

say "somebody fills the disk, and files are made"
dd if=/dev/zero of="$work/disk/filler" bs=64k 2>/dev/null || true
is_full() { [ "$(report a .engine.index_disk_full)" = true ]; }
make_files() {
  local n
  for n in $(seq "$1" "$2"); do echo "$n" >"$work/mnt/file-$n"; done
}
make_files 1 3000
flush a || fail "the bucket has room: a flush must work"
until_true 10 is_full || fail "status does not say that the local disk is full"
[ "$(report a .engine.overlay_bytes)" -gt 0 ] || fail "nothing waits for the index"
grep -q 'the local disk is full' "$work/a.log" || fail "the log does not say it"
[ "$(cat "$work/mnt/before")" = before ] || fail "what was there cannot be read"

say "there is room again"
rm "$work/disk/filler"
is_empty() { [ "$(report a .engine.overlay_bytes)" = 0 ]; }
until_true 20 is_empty || fail "the index does not go on"
[ "$(report a .engine.index_disk_full)" = false ] || fail "the disk is still called full"
[ "$(ls "$work/mnt" | wc -l)" = 3001 ] || fail "files are missing"
stop a
[ "$status" = 0 ] || fail "cairn ended with $status"
say "passed"
