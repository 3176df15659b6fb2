#!/bin/bash
# Takes the prepared state of the machine in v86. Prints the directory of the result:
# state.bin.zst, bios.bin, vgabios.bin, v86.wasm, vmlinuz, initramfs.gz
#   state.sh KERNEL_DIR INITRAMFS_DIR
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$guest/machine.conf"

need node npm zstd
key=$(key_of "$1" "$2" "$guest/machine.conf" "$guest"/{machine,control,screens,state}.mjs \
  "$guest/state.sh" \
  "$guest/package-lock.json" "$(readlink "$cache/packages/seabios.all")")
if ! built state "$key"; then
  (cd "$guest" && npm ci --no-audit --no-fund >"$cache/npm.log" 2>&1) ||
    fail "npm cannot install v86 (see $cache/npm.log)"
  work=$(mktemp -d "$cache/state-work.XXXXXX")
  dpkg-deb -x "$cache/packages/seabios.all" "$work"
  cp "$work/usr/share/seabios/bios.bin" "$work/usr/share/seabios/vgabios.bin" "$result"
  cp "$1/vmlinuz" "$2/initramfs.gz" "$guest/node_modules/v86/build/v86.wasm" "$result"
  rm -rf "$work"
  say 'state: booting the guest in v86'
  node "$guest/state.mjs" "$result" "$V86_COMMAND_LINE $STATE_COMMAND_LINE" "$MEMORY_MIB" \
    "$result/state.bin" >&2
  zstd -q --rm -19 --ultra "$result/state.bin" -o "$result/state.bin.zst"
  keep
fi
echo "$result"
