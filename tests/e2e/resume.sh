#!/bin/bash
# Sessions that resume: a thousand operations, whose every reply and whose tree in the end is known,
# with the connection cut and the daemon killed and restarted at seeded moments. FULL=1: a hundred
# deaths of the daemon instead of ten, and more seeds; SEED=N: another run.
. "$(dirname "$0")/lib.sh" "$@"

: "${SEED:=1}" "${FULL:=0}"
deaths=10 seeds=4
[ "$FULL" != 1 ] || deaths=100 seeds=20

# volume NAME COMMIT_MS GRACE_S: a new one, in the directory NAME.
volume() {
  mkdir "$work/$1"
  cat >"$work/$1/c.toml" <<TOML
[storage]
url = "file://$work/$1/bucket"
[cache]
dir = "$work/$1/cache"
[filesystem]
commit_interval_ms = $2
[servers.webui]
hosts = ["HOST"]
resume_grace_s = $3
TOML
  chmod 600 "$work/$1/c.toml"
}
# run NAME OPTIONS...: in the volume NAME, which must be whole afterwards.
run() {
  local name=$1
  shift
  "$bin/resume_work" --cairn "$cairn" --directory "$work/$name" --seed "$SEED" "$@" \
    2>"$work/$name.log" >"$work/$name.out" || {
    tail -5 "$work/$name/daemon.log" >&2
    fail "$name, seed $SEED: $*"
  }
  tail -1 "$work/$name.log"
}

say "undisturbed"
volume undisturbed 50 60
run undisturbed --kind none
bytes=$(cat "$work/undisturbed.out")
say "the connection cut 100 times"
volume cut 50 60
run cut --kind cut --bytes "$bytes" --mishaps 100
for ms in 20 1000 5000; do
  say "the daemon killed $deaths times, committing every $ms ms"
  volume "kill$ms" "$ms" 60
  run "kill$ms" --kind kill --bytes "$bytes" --mishaps "$deaths"
done
say "the daemon stopped in order $deaths times"
volume term 200 60
run term --kind term --bytes "$bytes" --mishaps "$deaths"
for ((more = 0; more < seeds; ++more)); do
  say "all of it, seed $((SEED + more))"
  volume "mixed$more" 200 60
  SEED=$((SEED + more)) run "mixed$more" --kind mixed --bytes $((bytes * 4 / 5)) \
    --mishaps $((2 * deaths))
done
say "locks, files without names, and what somebody else has changed"
volume situations 60000 60
run situations --kind situations
say "the end of the grace time"
volume grace 60000 1
run grace --kind grace
say "passed"
