#!/bin/bash
# Builds the guest's kernel from Debian's linux-source-6.1, kernel.fragment and kernel.patch, on
# three cores and with low priority: about four minutes, once. Prints the directory of the result:
# vmlinuz and config.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

need make gcc flex bison bc patch
deb=$cache/packages/linux-source-6.1.all
[ -e "$deb" ] || fail 'run packages.sh first'
key=$(key_of "$guest"/kernel.{fragment,patch} "$(readlink "$deb")" "$(gcc --version | head -n 1)" \
  "$(ld --version | head -n 1)" 1)
if ! built kernel "$key"; then
  say 'kernel: unpacking the source'
  source=$cache/kernel-source
  rm -rf "$source" && mkdir -p "$source/tree" "$source/out"
  dpkg-deb --fsys-tarfile "$deb" | tar xf - -C "$source" --strip-components=3 ./usr/src
  tar xf "$source/linux-source-6.1.tar.xz" -C "$source/tree" --strip-components=1
  patch -s -d "$source/tree" -p1 <"$guest/kernel.patch" || fail 'kernel.patch does not apply'
  # Whatever the build writes down of its surroundings is fixed.
  export KBUILD_BUILD_TIMESTAMP="@$SOURCE_DATE_EPOCH" KBUILD_BUILD_USER=cairn
  export KBUILD_BUILD_HOST=guest KBUILD_BUILD_VERSION=1
  unset LOCALVERSION MAKEFLAGS MAKELEVEL
  build() {
    nice make -C "$source/tree" O="$source/out" ARCH=i386 -j"${CAIRN_GUEST_JOBS:-3}" "$@" \
      >>"$cache/kernel.log" 2>&1 || fail "the kernel does not build (see $cache/kernel.log)"
  }
  : >"$cache/kernel.log"
  build KCONFIG_ALLCONFIG="$guest/kernel.fragment" allnoconfig
  # A setting that the kernel refuses, for want of another, would be missed only in the guest.
  while read -r line; do
    grep -qxF "$line" "$source/out/.config" || fail "kernel.fragment: $line does not hold"
  done < <(grep '=' "$guest/kernel.fragment" | grep -v '^#')
  say 'kernel: compiling, some minutes'
  build bzImage
  cp "$source/out/arch/x86/boot/bzImage" "$result/vmlinuz"
  cp "$source/out/.config" "$result/config"
  rm -rf "$source"
  keep
fi
echo "$result"
