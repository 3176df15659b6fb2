# What the end-to-end tests share. To be sourced with the program as first argument; makes a work
# directory `work` and takes everything down at the end.
set -euo pipefail
cairn=$(realpath "$1")
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
bin=$(dirname "$cairn")
work=$(mktemp -d /tmp/cairn-e2e.XXXXXX)
chmod 755 "$work"
declare -A pids=()
# Ordinary users run the programs, too, and do not reach a checkout in root's home.
if [ "$(id -u)" = 0 ] &&
  ! setpriv --reuid 65534 --regid 65534 --clear-groups test -x "$cairn"; then
  mkdir "$work/bin"
  for program in cairn cairn-vm resume_work posix_suite fsx_like dir_stress; do
    [ ! -e "$bin/$program" ] || cp "$bin/$program" "$work/bin/"
  done
  cairn=$work/bin/cairn
  bin=$work/bin
fi

say() { printf -- '-- %s\n' "$*"; }
fail() {
  printf 'FAILED: %s\n' "$*" >&2
  for log in "$work"/*.log; do
    [ ! -s "$log" ] || { echo "--- $log" >&2; tail -20 "$log" >&2; }
  done
  exit 1
}
clean_up() {
  local name mount
  for name in "${!pids[@]}"; do
    kill -CONT "${pids[$name]}" 2>/dev/null || true
    kill -KILL "${pids[$name]}" 2>/dev/null || true
  done
  for mount in $(awk -v w="$work/" 'index($5, w) == 1 {print $5}' /proc/self/mountinfo); do
    umount -l "$mount" 2>/dev/null || true
  done
  rm -rf "$work"
}
trap clean_up EXIT

# until_true SECONDS COMMAND...: waits for it.
until_true() {
  local end=$((SECONDS + $1))
  shift
  until "$@"; do
    [ $SECONDS -lt $end ] || return 1
    sleep 0.05
  done
}
is_gone() { ! kill -0 "$1" 2>/dev/null; }

# s3_config FILE PREFIX: a configuration for the S3 server of the environment.
s3_config() {
  : "${CAIRN_TEST_S3_ENDPOINT:?start one with scripts/s3-server.sh up DIR and eval what it prints}"
  cat >"$1" <<TOML
[storage]
url = "s3://$CAIRN_TEST_S3_BUCKET/$2"
[aws]
endpoint = "$CAIRN_TEST_S3_ENDPOINT"
region = "us-east-1"
access_key_id = "$CAIRN_TEST_S3_ACCESS_KEY"
secret_access_key = "$CAIRN_TEST_S3_SECRET_KEY"
allow_http = true
TOML
  chmod 600 "$1"
}

# start NAME OPTIONS...: starts a daemon and waits until it serves; $work/NAME.log has its log.
start() {
  local name=$1
  shift
  launch "$name" "$@"
  until_true 60 serves_or_ended "$name" || fail "$name does not get ready"
  grep -q ' ready: ' "$work/$name.log" || fail "$name did not start"
}
launch() {
  local name=$1
  shift
  : >"$work/$name.log"
  "$cairn" serve --name "e2e-$$-$name" "$@" >"$work/$name.log" 2>&1 &
  pids[$name]=$!
}
serves_or_ended() { grep -q ' ready: ' "$work/$1.log" || is_gone "${pids[$1]}"; }

# stop NAME: asks it to stop; its exit status is left in `status`.
stop() {
  kill -TERM "${pids[$1]}"
  wait_for "$1"
}
wait_for() {
  status=0
  wait "${pids[$1]}" || status=$?
  unset "pids[$1]"
}
kill_hard() {
  kill -KILL "${pids[$1]}"
  wait_for "$1"
}
# report NAME FILTER: from `cairn status`, by jq.
report() { "$cairn" status --json --name "e2e-$$-$1" | jq -r "$2"; }
flush() { "$cairn" flush --name "e2e-$$-$1"; }
