#!/bin/bash
# An ordinary user mounts a volume of his own; root mounts by mount(8)'s helper; a second daemon
# reads the same volume without disturbing the first.
if [ "${CAIRN_E2E_NAMESPACE:-}" != yes ]; then
  # In a mount namespace of its own, where /dev/fuse is everybody's, as on an ordinary Debian.
  CAIRN_E2E_NAMESPACE=yes exec unshare --mount --propagation private "$0" "$@"
fi
. "$(dirname "$0")/lib.sh" "$@"
mknod -m 666 "$work/fuse" c 10 229
mount --bind "$work/fuse" /dev/fuse
mkdir "$work/user"
chown 65534:65534 "$work/user"
ln -s "$cairn" "$work/cairn"

say "an ordinary user"
cat >"$work/as-user.sh" <<'SCRIPT'
set -euo pipefail
cairn=$1
export HOME=$2
unset XDG_RUNTIME_DIR
mkdir "$HOME/mnt" "$HOME/ro"
# Whoever reads what it says is not kept waiting until the daemon ends.
"$cairn" serve --storage "file://$HOME/bucket" --mount "$HOME/mnt" --name "e2e-user" \
  --background 2>&1 | cat
[ "$(stat -c %u "$HOME/mnt")" = 65534 ]
echo hello >"$HOME/mnt/file"
"$cairn" flush --name e2e-user
"$cairn" serve --storage "file://$HOME/bucket" --mount "$HOME/ro" --name "e2e-user-ro" \
  --read-only --background
[ "$(cat "$HOME/ro/file")" = hello ]
! touch "$HOME/ro/other" 2>/dev/null
echo again >>"$HOME/mnt/file" && "$cairn" flush --name e2e-user
for name in e2e-user-ro e2e-user; do
  pid=$("$cairn" status --json --name $name | jq .pid)
  kill "$pid"
  while kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
done
[ -z "$(ls "$HOME/mnt")" ]
SCRIPT
timeout 60 setpriv --reuid 65534 --regid 65534 --clear-groups \
  bash "$work/as-user.sh" "$work/cairn" "$work/user" >"$work/user.log" 2>&1 || fail "as a user"

say "mount -t cairn"
mkdir "$work/mnt"
PATH=$work:$PATH timeout 60 "$here/../../systemd/mount.cairn" "file://$work/root-bucket" \
  "$work/mnt" \
  -o "rw,name=e2e-mount,cache_dir=$work/cache" >"$work/mount.log" 2>&1 || fail "mount.cairn"
echo hello >"$work/mnt/file"
umount "$work/mnt"
is_silent() { ! "$cairn" status --name "$1" >/dev/null 2>&1; }
until_true 20 is_silent e2e-mount || fail "the daemon does not end with the mount"
PATH=$work:$PATH timeout 60 "$here/../../systemd/mount.cairn" "file://$work/root-bucket" \
  "$work/mnt" \
  -o "ro,name=e2e-mount,cache_dir=$work/cache2" >"$work/mount.log" 2>&1 ||
  fail "mount.cairn, read-only"
[ "$(cat "$work/mnt/file")" = hello ] || fail "the file is gone"
umount "$work/mnt"
say "passed"
