#!/bin/bash
# Shows what Cairn does, on a store of its own below build/demo: mounts a volume, counts what an
# fsync costs, unpacks a source tree, reads the volume by 9P, boots the page's Linux machine on it,
# kills the daemon with -9 under a writer, starts it again with an empty cache and compares. Builds
# first if needed, and installs what that takes when run as root. Everything of an earlier
# demonstration is removed.
#
#   scripts/demo.sh           then leaves the mount at build/demo/mnt to you, until Ctrl-C
#   scripts/demo.sh --check   ends by itself: status 0 if every step held, else 1; leaves nothing
#
# CAIRN=/path/of/cairn takes that program instead of building one (page and guest as well then, if
# they are not there: without them the machine is left out, and says so).
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
check=no
case "$*" in
  '') ;;
  --check) check=yes ;;
  *) die "usage: scripts/demo.sh [--check]" ;;
esac

demo=$root/build/demo
mount=$demo/mnt
# The daemon's name, so that two checkouts do not meet.
name=demo-$(printf '%s' "$root" | cksum | cut -d ' ' -f 1)
daemon=
writer=
proved=()

# --- asking and proving --------------------------------------------------------------------------

tell() { printf '   %s\n' "$*"; }
# prove SENTENCE COMMAND...: the sentence is true if the command succeeds.
prove() {
  local sentence=$1
  shift
  if ! "$@"; then
    printf '   NOT TRUE: %s\n' "$sentence" >&2
    exit 1
  fi
  printf '   proved: %s\n' "$sentence"
  proved+=("$sentence")
}
# figure NAME...: sum of these figures of `cairn status`, each as store.put.requests.
figure() {
  "$cairn" status --json --name "$name" | python3 -c '
import functools, json, sys
report = json.load(sys.stdin)
path = lambda name: functools.reduce(lambda part, key: part[key], name.split("."), report)
print(sum(path(name) for name in sys.argv[1:]))' "$@"
}
all_requests() {
  figure store.get.requests store.put.requests store.delete.requests store.list.requests
}
milliseconds() { echo $(($(date +%s%N) / 1000000)); }
seconds_since() { awk -v ms=$(($(milliseconds) - $1)) 'BEGIN { printf "%.1f", ms / 1000 }'; }
# until_true SECONDS COMMAND...
until_true() {
  local end=$((SECONDS + $1))
  shift
  until "$@"; do
    [ $SECONDS -lt $end ] || return 1
    sleep 0.05
  done
}

# --- the daemon ----------------------------------------------------------------------------------

is_mounted() { awk -v m="$mount" '$5 == m { found = 1 } END { exit !found }' /proc/self/mountinfo; }
unmount() {
  local tries
  for tries in 1 2 3 4; do
    is_mounted || return 0
    if [ "$(id -u)" = 0 ]; then umount -l "$mount"; else fusermount3 -uz "$mount"; fi || true
  done
  ! is_mounted
}
has_ended() { ! kill -0 "$1" 2>/dev/null; }
is_ready_or_ended() { grep -q ' ready: ' "$demo/daemon.log" || has_ended "$daemon"; }

# start CACHE: serves the volume, with its cache in build/demo/CACHE.
start() {
  local since
  since=$(milliseconds)
  : >"$demo/daemon.log"
  # In a session of its own, so that Ctrl-C reaches this script alone, which then stops it properly.
  setsid "$cairn" serve --storage "file://$demo/bucket" --mount "$mount" \
    --ninep 127.0.0.1:0 --web 127.0.0.1:0 --cache-dir "$demo/$1" --name "$name" \
    >>"$demo/daemon.log" 2>&1 9>&- &
  daemon=$!
  echo "$daemon" >"$demo/daemon.pid"
  until_true 60 is_ready_or_ended || die "the daemon is not ready after a minute"
  grep -q ' ready: ' "$demo/daemon.log" || die "the daemon did not start"
  tell "mounted on build/demo/mnt after $(seconds_since "$since") s ($(sed -n \
    's/.* ready fuse [^(]*(\(.*\))$/\1/p' "$demo/daemon.log"))"
  ninep=$(sed -n 's/.* ready 9p \(127.*\)$/\1/p' "$demo/daemon.log")
  web=$(sed -n 's/.* ready web \(http:.*\)$/\1/p' "$demo/daemon.log" | sed -n 1p)
}
# stop: its exit status is left in `status`.
stop() {
  kill -TERM "$daemon" 2>/dev/null || true
  until_true 90 has_ended "$daemon" || kill -KILL "$daemon" 2>/dev/null || true
  status=0
  wait "$daemon" 2>/dev/null || status=$?
  daemon=
  rm -f "$demo/daemon.pid"
}
kill_hard() {
  kill -KILL "$daemon"
  wait "$daemon" 2>/dev/null || true
  daemon=
}

# What a demonstration that was killed has left: its daemon, its mount, its directory.
clear_away() {
  local pid
  pid=$(cat "$demo/daemon.pid" 2>/dev/null || true)
  if [ -n "$pid" ] && tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -qF -- "$name"; then
    tell "an earlier demonstration left its daemon behind; it is stopped"
    kill -KILL "$pid"
    until_true 20 has_ended "$pid" || die "process $pid does not end"
  fi
  unmount || die "$mount is still mounted: leave it, and start again"
  rm -rf --one-file-system "$demo"
}
finish() {
  local result=$?
  trap - EXIT
  [ -z "$writer" ] || kill "$writer" 2>/dev/null || true
  if [ "$result" != 0 ] && [ "$result" -lt 128 ] && [ -s "$demo/daemon.log" ]; then
    printf '\nthe end of the log of the daemon:\n' >&2
    tail -15 "$demo/daemon.log" >&2
  fi
  [ -z "$daemon" ] || stop
  unmount || echo "demo.sh: $mount is still in use; later: umount -l $mount" >&2
  if [ "$check" = yes ] && ! is_mounted; then rm -rf --one-file-system "$demo"; fi
  if [ "$check" = yes ]; then
    say "$([ "$result" = 0 ] && echo 'all of it held:' || echo 'NOT everything held; what did:')"
    for sentence in "${proved[@]}"; do tell "$sentence"; done
  fi
  exit "$result"
}

# --- the steps -----------------------------------------------------------------------------------

show_fsync() {
  local before after
  say "One fsync is one PUT"
  "$cairn" flush --name "$name"
  before=$(figure store.put.requests)
  python3 - "$mount/ledger" <<'PY'
import os, sys
fd = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
for number in range(20):
    os.write(fd, b"entry %d\n" % number)
    os.fsync(fd)
PY
  after=$(figure store.put.requests)
  tell "20 times: append a line to a new file, fsync it"
  prove "20 fsyncs made $((after - before)) PUTs" [ $((after - before)) = 20 ]
}

make_tree() {
  if git -C "$root" rev-parse -q --verify HEAD >/dev/null 2>&1; then
    git -C "$root" archive --output="$demo/tree.tar" HEAD
  else
    tar -C "$root" --exclude=./build -cf "$demo/tree.tar" .
  fi
  mkdir "$demo/tree"
  tar -C "$demo/tree" -xf "$demo/tree.tar"
}
show_tree() {
  local before after since files took
  say "A source tree: this project's own"
  make_tree
  "$cairn" flush --name "$name"
  before=$(figure store.put.requests)
  mkdir "$mount/tree"
  since=$(milliseconds)
  tar -C "$mount/tree" -xf "$demo/tree.tar"
  took=$(seconds_since "$since")
  "$cairn" flush --name "$name"
  after=$(figure store.put.requests)
  files=$(find "$mount/tree" -type f | wc -l)
  tell "unpacked in $took s, and in the bucket after $(seconds_since "$since") s"
  prove "for all of its $files files, PUTs made: $((after - before))" \
    [ $((after - before)) -lt 30 ]
  prove "read back, the tree equals the original" diff -r "$demo/tree" "$mount/tree"
}

# Prints the ledger as a client of 9P2000.L gets it.
read_by_ninep() {
  python3 - "$ninep" <<'PY'
import os, socket, struct, sys
host, port = sys.argv[1].split(":")
server = socket.create_connection((host, int(port))).makefile("rwb")
text = lambda s: struct.pack("<H", len(s)) + s
def ask(kind, body, tag=1):
    server.write(struct.pack("<IBH", 7 + len(body), kind, tag) + body)
    server.flush()
    size, answer, _ = struct.unpack("<IBH", server.read(7))
    reply = server.read(size - 7)
    if answer != kind + 1:
        sys.exit("errno %d" % struct.unpack("<I", reply))
    return reply
ask(100, struct.pack("<I", 65536) + text(b"9P2000.L"), 0xFFFF)
ask(104, struct.pack("<II", 0, 2**32 - 1) + text(b"") + text(b"") + struct.pack("<I", os.geteuid()))
ask(110, struct.pack("<IIH", 0, 1, 1) + text(b"ledger"))
ask(12, struct.pack("<II", 1, 0))
sys.stdout.buffer.write(ask(116, struct.pack("<IQI", 1, 0, 60000))[4:])
PY
}
fetch() {
  python3 -c 'import sys, urllib.request as web; print(web.urlopen(sys.argv[1]).read(400))' "$1"
}
show_doors() {
  say "Other doors to the same files: 9P, and a Linux machine in a web page"
  prove "a client of 9P reads the ledger as the mount shows it" \
    [ "$(read_by_ninep | cksum)" = "$(cksum <"$mount/ledger")" ]
  prove "the web server answers" eval 'fetch "$web/api/session" >/dev/null'
  if [ ! -e "$root/web/dist/index.html" ] || [ ! -e "$root/build/guest/manifest.json" ]; then
    tell "the page and the guest are not built (scripts/build.sh): the machine is left out"
    return
  fi
  prove "the page is served" eval 'fetch "$web/" | grep -q "<title>"'
  # Without a browser here; what runs in one is the same.
  node "$root/scripts/demo_machine.mjs" "$web" \
    'uname -sr; wc -l </mnt/ledger; echo "hello from the machine" >/mnt/hello' >"$demo/machine.log"
  tell "the page's machine, in an emulator: $(tr '\n' ' ' <"$demo/machine.log")"
  prove "it has read the ledger's 20 entries" grep -qx 20 "$demo/machine.log"
  prove "and the file that it wrote is on the mount" \
    grep -qx "hello from the machine" "$mount/hello"
}

requests_stay() {
  local before
  before=$(all_requests)
  sleep 4
  [ "$(all_requests)" = "$before" ]
}
show_idle() {
  say "An idle volume costs nothing"
  "$cairn" flush --name "$name"
  tell "a few seconds for what the last writes left to do ..."
  sleep 6
  prove "no request in 4 s in which nobody did anything" requests_stay
}

# Appends numbered lines to a file on the mount, and tells build/demo/acknowledged of each that an
# fsync has returned for.
write_for_ever() {
  exec python3 - "$mount/journal" "$demo/acknowledged" <<'PY'
import os, sys
fd = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
acknowledged = open(sys.argv[2], "w", buffering=1)
number = 0
try:
    while True:
        os.write(fd, b"%08d\n" % number)
        os.fsync(fd)
        acknowledged.write("%d\n" % number)
        number += 1
except OSError:
    pass  # the daemon is gone
PY
}
has_lines() { [ "$(wc -l 2>/dev/null <"$1" || echo 0)" -ge "$2" ]; }
numbered_without_gap() { awk '$0 + 0 != NR - 1 { exit 1 }' "$1"; }

show_crash() {
  local acknowledged
  say "kill -9, and start with an empty cache"
  write_for_ever 9>&- &
  writer=$!
  until_true 60 has_lines "$demo/acknowledged" 100 || die "the writer does not get on"
  kill_hard
  wait "$writer" 2>/dev/null || true
  writer=
  acknowledged=$(wc -l <"$demo/acknowledged")
  tell "a program appended and fsynced lines; after $acknowledged of them the daemon was killed"
  rm -rf "$demo/cache-1"
  tell "its cache is deleted; the bucket is all there is"
  start cache-2
  prove "the $acknowledged lines whose fsync returned are there" \
    has_lines "$mount/journal" "$acknowledged"
  prove "the journal has no gap" numbered_without_gap "$mount/journal"
  prove "the ledger is there with its 20 entries" [ "$(wc -l <"$mount/ledger")" = 20 ]
  prove "the tree still equals the original" diff -r "$demo/tree" "$mount/tree"
}

show_bucket() {
  say "What lies in the bucket"
  tell "$(find "$demo/bucket" -type f -not -path '*/.*' | wc -l) objects," \
    "$(du -sh "$demo/bucket" | cut -f 1) for $(du -sh --apparent-size "$mount" | cut -f 1) of" \
    "files; other tools cannot read them:"
  (cd "$demo/bucket" && find . -type f -not -path '*/.*' | sort | sed -n "1,5s,^\./,      ,p")
}

show_stop() {
  say "Stopping"
  stop
  prove "asked to stop, the daemon ended with status 0" [ "$status" = 0 ]
  prove "the mount is gone" eval '! is_mounted'
}

leave_to_you() {
  local cli=${cairn#"$PWD/"}
  say "Now it is yours"
  tell "the mount:             $mount"
  tell "what the daemon does:  $cli status --name $name"
  tell "all into the bucket:   $cli flush --name $name"
  tell "the web page:          $web/"
  tell "9P:                    mount -t 9p -o trans=tcp,port=${ninep#*:} 127.0.0.1 /mnt"
  tell "the store:             $demo/bucket"
  tell "the log:               $demo/daemon.log"
  tell "To try: a database, a build, git; fio with fsync=1; kill -9 $daemon (and run this again)."
  trap 'echo; tell "stopping: what is buffered goes to the bucket first"; exit 0' INT TERM
  printf '\nCtrl-C ends it.\n'
  wait "$daemon" || true
  until_true 10 has_ended "$daemon" || true
  daemon=
  tell "the daemon has ended by itself; build/demo/daemon.log says why"
}

[ -c /dev/fuse ] || die "there is no /dev/fuse: this system, or this container, has no FUSE"
[ -w /dev/fuse ] || die "/dev/fuse may not be opened by this user: run this as root"
if [ -n "${CAIRN:-}" ]; then
  cairn=$(realpath "$CAIRN")
else
  need_packages "$build_packages"
  mkdir -p "$root/build"
  say "Building (release); the first time takes some minutes"
  configure_and_build release cairn
  cairn=$root/build/release/bin/cairn
  build_page_and_guest
fi
[ -x "$cairn" ] || die "there is no program $cairn"

mkdir -p "$root/build"
exec 9>"$root/build/demo.lock"
flock -w 20 9 || die "another demonstration of this checkout is running"
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
clear_away
mkdir -p "$mount"

say "A volume in an empty store"
tell "the store is the directory build/demo/bucket (file://); with s3:// all is the same"
start cache-1
show_fsync
show_tree
show_doors
show_idle
show_crash
show_bucket
if [ "$check" = yes ]; then
  show_stop
else
  leave_to_you
fi
