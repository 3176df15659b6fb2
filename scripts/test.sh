#!/bin/bash
# Builds and runs all tests, the quick ones first: unit tests, simulation, the stores' contract and
# the daemon against a real S3 server (Ceph RGW on loopback), real mounts, databases, kill -9.
# Installs what it needs when run as root; the mounts need root as well.
#
# usage: scripts/test.sh [--quick]     --quick: no S3 server, no page and guest, no end-to-end tests
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
quick=no
case "$*" in
  '') ;;
  --quick) quick=yes ;;
  *) die "usage: scripts/test.sh [--quick]" ;;
esac

need_packages "$build_packages $test_packages"
# Tests of mounts step aside where there can be none; here that would hide them.
{ [ -r /dev/fuse ] && [ -w /dev/fuse ]; } ||
  die "this user cannot open /dev/fuse, so mounts cannot be tested"
mkdir -p "$root/build"
say "building"
configure_and_build dev

cd "$root/build/dev"
say "unit tests, simulation, tidy"
ctest --output-on-failure -j "$(nproc)" -LE 's3|e2e|bench'

if [ "$quick" = no ]; then
  need_packages "$guest_test_packages"
  build_page_and_guest
  say "the page's own tests"
  (cd "$root/web" && npm run --silent lint && npm test --silent)
  cd "$root/build/dev"
  say "a real S3 server"
  server=$root/build/s3-server
  trap '"$root/scripts/s3-server.sh" down "$server" || true' EXIT
  port=7480
  while (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do port=$((port + 20)); done
  settings=$("$root/scripts/s3-server.sh" up "$server" "$port")
  eval "$settings"
  export CAIRN_TEST_S3_REQUIRED=1
  say "the stores' contract on it"
  ctest --output-on-failure -L s3
  say "mounts, databases, kill -9, fencing, the machine in the page"
  ctest --output-on-failure -L e2e
fi
say "all tests passed"
