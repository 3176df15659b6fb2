#!/bin/bash
# Runs small_ops on empty_fs and on memory_mount, over io_uring and with readers, one after the
# other.
#   compare.sh BIN_DIR [FILES [ROUNDS]]
set -euo pipefail
bin=$1
files=${2:-2000}
rounds=${3:-5}
dir=$(mktemp -d)
server=
cleanup() {
  [ -z "$server" ] || kill "$server" 2>/dev/null || true
  mountpoint -q "$dir" && umount -l "$dir"
  rmdir "$dir"
}
trap cleanup EXIT
if [ -w /sys/module/fuse/parameters/enable_uring ]; then
  echo Y >/sys/module/fuse/parameters/enable_uring
fi
for mode in io_uring "readers 4" "readers 8" "readers 16"; do
  for program in empty_fs memory_mount; do
    # shellcheck disable=SC2086
    "$bin/$program" "$dir" $mode >/dev/null 2>&1 &
    server=$!
    until mountpoint -q "$dir"; do sleep 0.05; done
    echo "== $program, $mode"
    "$bin/small_ops" "$dir" "$files" "$rounds"
    kill "$server"
    wait "$server" || true
    server=
    mountpoint -q "$dir" && umount -l "$dir"
  done
done
