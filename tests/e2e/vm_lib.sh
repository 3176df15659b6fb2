# What the tests of cairn-vm share. To be sourced with the daemon as first argument, after lib.sh's
# manner. Needs QEMU and the guest's image (by vmrunner/guest/build.sh; IMAGE names its directory).
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
: "${IMAGE:=$(realpath "$here/../../build/guest")}" "${FULL:=0}"
if [ ! -e "$IMAGE/manifest.json" ] || ! command -v qemu-system-i386 >/dev/null; then
  echo "skipped: no image of the guest, or no QEMU"
  exit 77
fi
. "$here/lib.sh" "$@"

vm=$bin/cairn-vm
export XDG_CACHE_HOME=$work/home XDG_STATE_HOME=$work/state
mkdir "$work/mnt" "$XDG_CACHE_HOME" "$XDG_STATE_HOME"
volume=(--storage "file://$work/bucket" --cache-dir "$work/cache")
url=
expect() { [ "$2" = "$3" ] || fail "$1: '$2' and not '$3'"; }
machine() { "$vm" run --url "$url" --image "$IMAGE" "$@"; }
# begin COMMAND...: in the background as `vm`; a signal reaches the program, and no shell before it.
begin() {
  exec_machine "$@" &
  pids[vm]=$!
}
exec_machine() { exec "$vm" run --url "$url" --image "$IMAGE" "$@"; }
# gives STATUS TEXT COMMAND...: fails by itself, with a sentence that has the text in it.
gives() {
  local expected=$1 text=$2 got=0
  shift 2
  "$@" >"$work/said" 2>&1 || got=$?
  expect "$text" "$got" "$expected"
  grep -q "$text" "$work/said" || fail "it does not say '$text' but: $(cat "$work/said")"
  expect "lines for $text" "$(wc -l <"$work/said")" 1
}
has_lines() { [ -e "$1" ] && [ "$(wc -l <"$1")" -ge "$2" ]; }
# serve NAME OPTIONS...: a daemon whose web door's address is left in `url`.
serve() {
  local name=$1
  shift
  start "$name" "$@"
  url=$(grep -o 'ready web http://[0-9.:]*' "$work/$name.log" | cut -d' ' -f3)
}
now_ms() { echo $((${EPOCHREALTIME/./} / 1000)); }
