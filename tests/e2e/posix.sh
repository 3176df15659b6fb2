#!/bin/bash
# The POSIX suite and the stress programs on a mount, over io_uring and by several readers, as root
# and as an ordinary user.
. "$(dirname "$0")/lib.sh" "$@"
mkdir "$work/mnt"
# lacks_nothing LOG: with a libfuse that has every request no case may be left out for it.
lacks_nothing() {
  local how
  how=$(report a .fuse.how)
  [[ $how =~ libfuse\ 3\.([0-9]+) ]] || fail "what libfuse is this? $how"
  [ "${BASH_REMATCH[1]}" -lt 18 ] || ! grep -q 'not on this libfuse' "$1" ||
    fail "cases are left out: $how"
}
for mode in auto off; do
  say "io_uring = $mode"
  cat >"$work/c.toml" <<TOML
[storage]
url = "file://$work/bucket-$mode"
[servers.fuse]
mountpoint = "$work/mnt"
io_uring = "$mode"
TOML
  start a -c "$work/c.toml" --cache-dir "$work/cache-$mode"
  report a .fuse.how
  mkdir "$work/mnt/root" "$work/mnt/user"
  chown 65534:65534 "$work/mnt/user"
  CAIRN_POSIX_DIR=$work/mnt/root "$bin/posix_suite" --gtest_brief=1 >"$work/root.log" 2>&1 ||
    fail "as root: $(grep -c '  FAILED' "$work/root.log") failed"
  tail -1 "$work/root.log"
  lacks_nothing "$work/root.log"
  CAIRN_POSIX_DIR=$work/mnt/user setpriv --reuid 65534 --regid 65534 --clear-groups \
    "$bin/posix_suite" --gtest_brief=1 >"$work/user.log" 2>&1 || fail "as a user"
  tail -1 "$work/user.log"
  lacks_nothing "$work/user.log"
  stop a
  [ "$status" = 0 ] || fail "cairn ended with $status"
done
say "passed"
