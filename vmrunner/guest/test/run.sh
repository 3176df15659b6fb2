#!/bin/bash
# The guest's tests: in v86 and, where it is installed, in QEMU. CAIRN names the daemon's program.
#   CAIRN=build/dev/bin/cairn vmrunner/guest/test/run.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
: "${CAIRN:?set CAIRN to the daemon, say build/dev/bin/cairn}"
CAIRN=$(cd "$OLDPWD" && realpath "$CAIRN")
export CAIRN
out=${CAIRN_GUEST_OUT:-../../build/guest}
[ -f "$out/manifest.json" ] || { echo 'run vmrunner/guest/build.sh first' >&2; exit 1; }
[ -d node_modules/v86 ] || npm ci --no-audit --no-fund
tests=(test/machine.test.mjs test/volume.test.mjs)
if command -v qemu-system-i386 >/dev/null; then
  tests+=(test/qemu.test.mjs)
else
  echo 'qemu-system-x86 is not installed: its tests are left out' >&2
fi
exec node --test --test-concurrency=1 "${tests[@]}"
