#!/bin/bash
# Builds a static libfuse 3.18 or newer with io_uring into build/deps/libfuse.
#
# Debian 12 has libfuse 3.14. Debian's own source package of a later suite builds on it, so this
# asks the mirror that the system's apt already uses for the source of `sid`, in apt directories of
# its own (the system's lists and packages stay as they are), lets apt check its signature against
# Debian's keyring, and builds the library alone. cmake/CairnFuse.cmake finds it there.
#
# Where it cannot be had, it says so in one sentence and ends with status 0: the build then takes
# the system's libfuse and serves with several reader threads. `--require` makes that an error.
#
# Needs: dpkg-dev patch meson ninja-build pkg-config liburing-dev libnuma-dev.
set -euo pipefail
umask 022

readonly MINIMUM=3.18
readonly SUITE=sid
readonly KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly root
readonly target=$root/build/deps/libfuse
readonly work=$root/build/deps/libfuse.work
readonly log=$root/build/deps/libfuse.log

require=no
force=no
for argument in "$@"; do
  case $argument in
    --require) require=yes ;;
    --force) force=yes ;;
    *) echo "usage: scripts/libfuse.sh [--require] [--force]" >&2; exit 2 ;;
  esac
done

if [ "$force" = no ] && [ -f "$target/lib/libfuse3.a" ] && [ -f "$target/VERSION" ]; then
  echo "$(head -n 1 "$target/VERSION") is built already"
  exit 0
fi

give_up() {
  echo "libfuse: $1; the build uses the system's libfuse $(pkg-config --modversion fuse3 \
    2>/dev/null || echo '(which is missing too: install libfuse3-dev)') without io_uring" \
    "(details: build/deps/libfuse.log)" >&2
  rm -rf "$work"
  [ "$require" = no ] || exit 1
  exit 0
}

mkdir -p "$root/build/deps"
: >"$log"
for tool in meson ninja pkg-config dpkg-source apt-get; do
  command -v "$tool" >/dev/null || give_up "$tool is missing"
done
pkg-config --exists liburing || give_up "liburing-dev is missing"
echo '#include <numa.h>' | cc -E - >/dev/null 2>&1 || give_up "libnuma-dev is missing"
[ -r "$KEYRING" ] || give_up "debian-archive-keyring is missing"

# One build at a time; a second caller waits for the first and then finds its result.
exec 9>"$root/build/deps/libfuse.lock"
flock 9
if [ "$force" = no ] && [ -f "$target/lib/libfuse3.a" ] && [ -f "$target/VERSION" ]; then
  echo "$(head -n 1 "$target/VERSION") is built already"
  exit 0
fi

# The mirror comes from the system's own apt sources: any Debian archive but the security one.
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Label: Debian' \
  2>>"$log" | sort -u | sed -n 1p)
[ -n "$mirror" ] || give_up "apt knows no Debian mirror (run apt-get update once)"

rm -rf "$work"
mkdir -p "$work"/{lists/partial,cache/archives/partial,source}
echo "deb-src [signed-by=$KEYRING] $mirror $SUITE main" >"$work/sources.list"
apt() {
  apt-get -qq -o Dir::Etc::sourcelist="$work/sources.list" -o Dir::Etc::sourceparts=/dev/null \
    -o Dir::State::lists="$work/lists" -o Dir::Cache="$work/cache" \
    -o Acquire::Languages=none -o Acquire::IndexTargets::deb-src::DEP-11::DefaultEnabled=false \
    -o APT::Sandbox::User="$(id -un)" "$@" >>"$log" 2>&1
}
apt update || give_up "Debian's $SUITE sources cannot be reached through this system's mirror"
(cd "$work/source" && apt --download-only source "fuse3/$SUITE") ||
  (cd "$work/source" && apt --download-only source fuse3) ||
  give_up "apt-get source fuse3 failed"

dsc=$(find "$work/source" -name 'fuse3_*.dsc' | sort -V | tail -n 1)
[ -n "$dsc" ] || give_up "Debian's $SUITE has no fuse3"
version=$(sed -n 's/^Version: \(.*\)$/\1/p' "$dsc" | sed -n 1p)
dpkg --compare-versions "$version" ge "$MINIMUM" ||
  give_up "Debian's $SUITE has libfuse $version, older than $MINIMUM"
# apt has checked the .dsc's hash against the signed index; dpkg-source checks the tarballs' by it.
dpkg-source --no-check -x "$dsc" "$work/tree" >>"$log" 2>&1 || give_up "dpkg-source failed"

options=(--buildtype=release --default-library=static --prefix="$work/install" --libdir=lib
  -Denable-io-uring=true -Dexamples=false -Dtests=false -Dutils=false -Duseroot=false)
# We read for libfuse ourselves (still from the kernel), to see interrupts of io_uring's requests.
grep -q enable-custom-io "$work/tree/meson_options.txt" && options+=(-Denable-custom-io=true)
patch=$root/scripts/libfuse-ring-submit.patch
if (cd "$work/tree" && patch --dry-run -p1 <"$patch" && patch -p1 <"$patch") >>"$log" 2>&1; then
  patched=", with libfuse-ring-submit.patch"
else
  patched=", where libfuse-ring-submit.patch no longer fits"
fi
(cd "$work/tree" && CFLAGS='-O2 -g1 -fPIC' meson setup "${options[@]}" out &&
  ninja -C out && meson install -C out) >>"$log" 2>&1 || give_up "libfuse $version does not build"
# One function of our own in the archive: see libfuse_unique.c.
(cd "$work/tree" && cc -O2 -g1 -fPIC -D_FILE_OFFSET_BITS=64 -D_GNU_SOURCE \
  -DFUSE_USE_VERSION=318 -Iinclude -Ilib -Iout -c "$root/scripts/libfuse_unique.c" \
  -o out/libfuse_unique.o && ar r "$work/install/lib/libfuse3.a" out/libfuse_unique.o) \
  >>"$log" 2>&1 || give_up "libfuse $version has changed inside"
grep -q 'HAVE_URING\|io_uring' "$work/tree/out/fuse_config.h" "$work/tree/out/libfuse_config.h" \
  2>/dev/null || give_up "libfuse $version was configured without io_uring"

{
  echo "libfuse $version ($SUITE, static, io_uring$patched)"
  (cd "$work/source" && sha256sum fuse3_*)
  (cd "$work/install" && sha256sum lib/libfuse3.a)
} >"$work/install/VERSION"
# What a user needs to relink our programs with a libfuse of his own (see NOTICE).
mkdir -p "$work/install/source"
find "$work/source" -maxdepth 1 -type f -name 'fuse3_*' -exec mv {} "$work/install/source/" \;
rm -rf "$target"
mv "$work/install" "$target"
# meson wrote the directory that it installed into; now it lies somewhere else.
sed -i "s#^prefix=.*#prefix=$target#" "$target/lib/pkgconfig/fuse3.pc"
rm -rf "$work"
echo "built $(head -n 1 "$target/VERSION")"
