#!/bin/bash
# Work on a mount by Linux's 9P client: a source tree is unpacked, compared, compiled, and sqlite3
# keeps what it has committed when the daemon is killed under it.
. "$(dirname "$0")/uml.sh" "$@"
top=$work/mnt-1
mkdir "$top"
guest_config "$work/c.toml" bucket

say "a source tree"
start first -c "$work/c.toml" --cache-dir "$work/cache-1"
boot 1
guest_mount 1 "$top" msize=1048576,access=user,cache=mmap
tar -C "$here/../.." -cf "$work/tree.tar" fsd protocol
mkdir "$work/local"
tar -C "$work/local" -xf "$work/tree.tar"
begin=$(date +%s%N)
guest 1 "mkdir $top/tree && tar -C $top/tree -xf $work/tree.tar && sync" || fail "tar"
files=$(find "$work/local" -type f | wc -l)
say "$files files unpacked in $((($(date +%s%N) - begin) / 1000000)) ms"
[ "$files" -gt 300 ] || fail "that is no tree of some hundred files"
guest 1 "diff -r $work/local $top/tree" || fail "the tree differs"
cat >"$work/local/hello.cc" <<'CODE'
#include <cstdio>
#include "protocol/p9/constants.h"
int main() { std::printf("%x\n", cairn::p9::kFilesystemMagic); }
CODE
# The compiler's temporary files and its program are on the mount as well.
guest 1 "cp $work/local/hello.cc $top/tree && mkdir $top/tmp && cd $top/tree &&" \
  "TMPDIR=$top/tmp g++ -std=c++2b -I. hello.cc -o hello && ./hello" >"$work/compiled.log" ||
  fail "compiling: $(tail -3 "$work/compiled.log")"
grep -qx 1021997 "$work/compiled.log" || fail "the program says $(cat "$work/compiled.log")"
guest 1 "umount $top"

# With journal_mode=DELETE the removal of the journal is what commits. With EXTRA sqlite3 syncs the
# directory after that; with FULL it allows that the last one is undone.
# insert MODE CACHE NAME: commits rows until the daemon NAME is killed, after 25 of them.
insert() {
  local db=$top/$1.db
  guest_mount 1 "$top" "msize=65536,access=user,cache=$2"
  guest 1 "sqlite3 $db 'PRAGMA journal_mode=$1; CREATE TABLE t(n INTEGER PRIMARY KEY, x)'" \
    >"$work/sqlite-$1.log" || fail "sqlite3: $(cat "$work/sqlite-$1.log")"
  guest_begin 1 "for n in \$(seq 10000); do" \
    "sqlite3 $db \"PRAGMA synchronous=EXTRA; INSERT INTO t VALUES(\$n, hex(randomblob(200)))\"" \
    "2>/run/error || break; echo \$n; done"
  guest_end 1 >"$work/rows-$1.log" &
  local reader=$!
  until_true 60 grep -qx 25 "$work/rows-$1.log" || fail "sqlite3 makes no progress"
  kill_hard "$3"
  wait $reader || fail "the loop ended with an error of its own"
  guest 1 "umount $top" || fail "a mount whose daemon is dead cannot be taken away"
}
# check MODE CACHE: on a daemon with an empty cache.
check() {
  local committed rows
  guest_mount 1 "$top" "msize=65536,access=user,cache=$2"
  committed=$(tail -1 "$work/rows-$1.log")
  [ "$(guest 1 "sqlite3 $top/$1.db 'PRAGMA integrity_check'")" = ok ] || fail "$1: it is broken"
  rows=$(guest 1 "sqlite3 $top/$1.db 'SELECT count(*), max(n) FROM t'")
  [ "${rows%|*}" = "${rows#*|}" ] || fail "$1: rows are missing in between: $rows"
  [ "${rows#*|}" -ge "$committed" ] || fail "$1: of $committed committed rows there are ${rows#*|}"
  say "sqlite3, journal_mode=$1, cache=$2: $committed committed, ${rows#*|} there"
  guest 1 "umount $top"
}
insert DELETE none first
start second -c "$work/c.toml" --cache-dir "$work/cache-2"
check DELETE none
insert WAL mmap second
start third -c "$work/c.toml" --cache-dir "$work/cache-3"
check WAL mmap
shut_down 1
stop third
[ "$status" = 0 ] || fail "cairn ended with $status"
say "passed"
