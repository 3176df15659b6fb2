#!/bin/bash
# A real source tree of several thousand files (Debian's source package of git): unpacked on the
# mount, compared after a kill -9 with an empty cache, compiled there; then git itself works there.
. "$(dirname "$0")/lib.sh" "$@"
s3_config "$work/c.toml" "tree-$$"
mkdir "$work/mnt" "$work/source"
"$here/fetch_source.sh" git "$work/source" || fail "the source package cannot be had"
archive=$(ls "$work"/source/git_*.orig.tar.* | sed -n 1p)

start a -c "$work/c.toml" --mount "$work/mnt" --cache-dir "$work/cache1"
say "unpack"
mkdir "$work/mnt/tree" "$work/local"
tar -C "$work/local" --strip-components=1 -xf "$archive"
SECONDS=0
tar -C "$work/mnt/tree" --strip-components=1 -xf "$archive"
say "$(find "$work/mnt/tree" | wc -l) files in $SECONDS s"
flush a
kill_hard a
start a -c "$work/c.toml" --mount "$work/mnt" --cache-dir "$work/cache2"
diff -r "$work/local" "$work/mnt/tree" || fail "the tree differs after the crash"

say "compile there"
make -C "$work/mnt/tree" -j"$(nproc)" -s NO_OPENSSL=1 NO_CURL=1 NO_EXPAT=1 NO_GETTEXT=1 NO_TCLTK=1 \
  NO_PERL=1 NO_PYTHON=1 CFLAGS=-O0 git >"$work/make.log" 2>&1 ||
  fail "make: $(tail -3 "$work/make.log")"
"$work/mnt/tree/git" --version

say "git on the mount"
export GIT_CONFIG_GLOBAL=/dev/null GIT_AUTHOR_NAME=t GIT_AUTHOR_EMAIL=t@t
export GIT_COMMITTER_NAME=t GIT_COMMITTER_EMAIL=t@t
git -C "$work/local" init -q
git -C "$work/local" add -A
git -C "$work/local" commit -q -m all
git clone -q "file://$work/local" "$work/mnt/clone"
git -C "$work/mnt/clone" fsck --full
git -C "$work/mnt/clone" gc -q
[ -z "$(git -C "$work/mnt/clone" status --porcelain)" ] || fail "the clone is not clean"
rm -rf "$work/mnt/tree" "$work/mnt/clone"
[ "$(find "$work/mnt" | wc -l)" = 1 ] || fail "something is left"
stop a
[ "$status" = 0 ] || fail "cairn ended with $status"
say "passed"
