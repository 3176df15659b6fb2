#!/bin/bash
# Builds the guest's initramfs from BusyBox, the C library, the agent and root/. Prints the
# directory of the result: initramfs.gz
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

need gcc python3 dpkg-deb
packages=$cache/packages
of() { readlink "$packages/$1"; }
key=$(key_of "$guest"/{agent,root,initramfs.py,initramfs.sh} "$(gcc --version | head -n 1)" \
  "$(of busybox-static.i386)" "$(of libc6.i386)" "$(of libc-bin.i386)" "$(of ncurses-base.all)")
if ! built initramfs "$key"; then
  say 'initramfs: compiling the agent and packing'
  work=$(mktemp -d "$cache/initramfs-work.XXXXXX")
  for package in busybox-static.i386 libc6.i386 libc-bin.i386 ncurses-base.all; do
    dpkg-deb -x "$packages/$package" "$work"
  done
  # For a plain i686: the guest runs where there is no SSE2, too.
  (cd "$guest/agent" && gcc -m32 -march=i686 -Os -std=c11 -D_GNU_SOURCE -Wall -Wextra -Werror -s \
    -fno-ident -Wl,--build-id=none -o "$work/cairn-init" ./*.c) ||
    fail 'the agent does not compile (gcc-multilib and libc6-dev-i386 are needed)'
  python3 "$guest/initramfs.py" "$result/initramfs.gz" --busybox "$work/bin/busybox" \
    --agent "$work/cairn-init" --libc "$work/lib/i386-linux-gnu" --terminfo "$work/lib/terminfo" \
    --locale "$work/usr/lib/locale/C.utf8" --root "$guest/root"
  rm -rf "$work"
  keep
fi
echo "$result"
