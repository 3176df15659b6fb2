#!/bin/bash
# A real S3 server for the tests: one node of Ceph (monitor, memory-backed OSD, RADOS gateway) on
# loopback, everything below DIR. What it stores is gone when it stops.
#
#   scripts/s3-server.sh up DIR [PORT]    starts it, makes the bucket "cairn-test", and prints
#                                         CAIRN_TEST_S3_ENDPOINT and the keys for eval or a file;
#                                         one that runs already is left as it is
#   scripts/s3-server.sh down DIR         stops what runs below DIR and removes DIR
#
# PORT (7480) is S3's; the nine after it are used too. Installs nothing.
set -euo pipefail

readonly ACCESS_KEY=cairntestkey SECRET_KEY=cairntestsecret0123456789
readonly BUCKET=cairn-test

fail() {
  echo "s3-server.sh: $*" >&2
  exit 1
}

require_programs() {
  local missing=() pair
  for pair in ceph-mon:ceph-mon ceph-osd:ceph-osd radosgw:radosgw radosgw-admin:radosgw \
    ceph:ceph-common monmaptool:ceph-common curl:curl; do
    command -v "${pair%%:*}" >/dev/null || missing+=("${pair##*:}")
  done
  [ ${#missing[@]} -eq 0 ] && return
  fail "missing: apt-get install --no-install-recommends" \
    "$(printf '%s\n' "${missing[@]}" | sort -u | tr '\n' ' ')"
}

# Ours would join the cluster of whoever has them, or speak to it.
require_free_ports() {
  local port
  for port in "$PORT" $((PORT + 1)); do
    ! (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null ||
      fail "port $port is taken: give another PORT (it and the nine after it are used)"
  done
}

# A process counts as ours only if its command line names our configuration: ids are reused.
is_running() { # NAME
  local pid
  pid=$(cat "$DIR/$1.pid" 2>/dev/null) || return 1
  tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -qF -- "$DIR/ceph.conf"
}

launch() { # NAME PROGRAM ARGUMENTS...
  local name=$1
  shift
  setsid "$@" -c "$DIR/ceph.conf" -f </dev/null >"$DIR/$name.out" 2>&1 &
  echo $! >"$DIR/$name.pid"
}

# Nothing is worth keeping, so nobody is asked to finish.
halt() { # NAME
  if is_running "$1"; then
    kill -KILL "$(cat "$DIR/$1.pid")"
    while is_running "$1"; do sleep 0.05; done
  fi
  rm -f "$DIR/$1.pid"
}

wait_for() { # SECONDS WHAT COMMAND...
  local until=$((SECONDS + $1)) what=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt $until ] || fail "$what does not come up; see $DIR/*.out"
    sleep 0.1
  done
}

write_configuration() {
  cat >"$DIR/ceph.conf" <<CONF
[global]
fsid = $1
mon host = v2:127.0.0.1:$((PORT + 1))/0
mon initial members = a
mon data = $DIR/mon
mon data avail crit = 1
mon max pg per osd = 2000
mon allow pool size one = true
mon warn on pool no redundancy = false
paxos propose interval = 0.05
auth cluster required = none
auth service required = none
auth client required = none
keyring = $DIR/keyring
public addr = 127.0.0.1
cluster addr = 127.0.0.1
ms bind ipv6 = false
ms bind msgr1 = false
ms bind port min = $((PORT + 2))
ms bind port max = $((PORT + 9))
osd data = $DIR/osd
osd objectstore = memstore
memstore device bytes = 4294967296
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 8
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
run dir = $DIR
admin socket = $DIR/\$name.asok
pid file =
log file = $DIR/\$name.log
crash dir = $DIR/crash
[client]
ms mon client mode = crc
rgw data = $DIR/rgw
rgw frontends = beast endpoint=127.0.0.1:$PORT tcp_nodelay=1
rgw enable apis = s3
rgw enable usage log = false
rgw thread pool size = 64
rgw lc debug interval = -1
CONF
}

run_ceph() { timeout 30 ceph -c "$DIR/ceph.conf" --connect-timeout 20 "$@" 2>>"$DIR/setup.out"; }

start_monitor() {
  monmaptool --create --clobber --fsid "$1" --addv a "[v2:127.0.0.1:$((PORT + 1))]" \
    "$DIR/monmap" >>"$DIR/setup.out" 2>&1
  ceph-mon -c "$DIR/ceph.conf" -i a --mkfs --monmap "$DIR/monmap" >>"$DIR/setup.out" 2>&1 ||
    fail "the monitor cannot be made; see $DIR/setup.out"
  launch mon ceph-mon -i a
  wait_for 40 "the monitor" run_ceph mon stat
}

osd_is_up() { run_ceph osd stat | grep -q ' 1 up'; }

start_osd() {
  local uuid
  uuid=$(cat /proc/sys/kernel/random/uuid)
  run_ceph osd new "$uuid" >/dev/null
  ceph-osd -c "$DIR/ceph.conf" -i 0 --mkfs --osd-uuid "$uuid" >>"$DIR/setup.out" 2>&1 ||
    fail "the OSD cannot be made; see $DIR/setup.out"
  launch osd ceph-osd -i 0
  wait_for 40 "the OSD" osd_is_up
}

answers() { curl -sf --noproxy '*' -o /dev/null -m 2 "http://127.0.0.1:$PORT/"; }

bucket_is_made() {
  curl -sf --noproxy '*' -o /dev/null -m 20 -X PUT --aws-sigv4 aws:amz:us-east-1:s3 \
    --user "$ACCESS_KEY:$SECRET_KEY" -H 'x-amz-content-sha256: UNSIGNED-PAYLOAD' \
    "http://127.0.0.1:$PORT/$BUCKET"
}

start_gateway() {
  timeout 60 radosgw-admin -c "$DIR/ceph.conf" user create --uid cairn --display-name cairn \
    --access-key "$ACCESS_KEY" --secret "$SECRET_KEY" >>"$DIR/setup.out" 2>&1 ||
    fail "the user cannot be made; see $DIR/setup.out"
  launch rgw radosgw -n client.rgw
  wait_for 40 "the gateway" answers
  wait_for 20 "the bucket" bucket_is_made
}

print_variables() {
  printf 'export CAIRN_TEST_S3_ENDPOINT=http://127.0.0.1:%s\n' "$(cat "$DIR/port")"
  printf 'export CAIRN_TEST_S3_ACCESS_KEY=%s\n' "$ACCESS_KEY"
  printf 'export CAIRN_TEST_S3_SECRET_KEY=%s\n' "$SECRET_KEY"
  printf 'export CAIRN_TEST_S3_BUCKET=%s\n' "$BUCKET"
}

up() {
  local fsid
  require_programs
  mkdir -p "$DIR"
  exec 9>"$DIR.lock"
  flock -w 120 9 || fail "another one works on $DIR"
  if is_running mon && is_running osd && is_running rgw; then
    [ "$(cat "$DIR/port")" = "$PORT" ] || fail "it runs already, on port $(cat "$DIR/port")"
    print_variables
    return
  fi
  clear_directory
  require_free_ports
  mkdir -p "$DIR"/{mon,osd,rgw,crash}
  : >"$DIR/keyring"
  echo "$PORT" >"$DIR/port"
  fsid=$(cat /proc/sys/kernel/random/uuid)
  write_configuration "$fsid"
  # The daemons must not inherit the lock.
  { start_monitor "$fsid" && start_osd && start_gateway; } 9>&-
  print_variables
}

# Only what up() makes, so that a wrong DIR costs nobody his files.
clear_directory() {
  local name
  for name in rgw osd mon; do halt "$name"; done
  rm -rf "$DIR"/{mon,osd,rgw,crash}
  rm -f "$DIR"/{ceph.conf,keyring,monmap,port} "$DIR"/*.{out,log,asok,pid}
}

down() {
  [ -d "$DIR" ] || return 0
  exec 9>"$DIR.lock"
  flock -w 120 9 || fail "another one works on $DIR"
  clear_directory
  rmdir "$DIR"
  rm -f "$DIR.lock"
}

[ $# -ge 2 ] || fail "use: up DIR [PORT] | down DIR"
DIR=$(realpath -m "$2")
PORT=${3:-7480}
case $1 in
  up) up ;;
  down) down ;;
  *) fail "what is '$1'? up or down" ;;
esac
