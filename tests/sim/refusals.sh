#!/bin/bash
# What sim and sim_mutations make of malformed arguments: a sentence, and no world.
# refusals.sh SIM SIM_MUTATIONS
set -uo pipefail
sim=$1
mutations=$2
bad=0
refuses() { # SENTENCE COMMAND...
  local sentence=$1 said status
  shift
  said=$("$@" 2>&1)
  status=$?
  if [ $status = 0 ] || [[ $said == *worlds* ]] || [[ $said != *"$sentence"* ]]; then
    printf 'FAILED: %s: status %s: %s\n' "${*:2}" $status "$said" >&2
    bad=1
  fi
}
for range in 1-150 150 abc; do
  refuses 'a range of seeds is written 1..300' "$sim" "--seeds=$range"
done
for range in 1..x x..3 0..3 1...3 ..3 -1..3 1..3.5 1..99999999999999999999; do
  refuses 'a seed is a whole number, from 1 on' "$sim" "--seeds=$range"
done
refuses 'begins with the smaller one' "$sim" --seeds 9..3
refuses 'give --minutes, too' "$sim" --seeds 1..
refuses 'excludes --seed' "$sim" --seed 3 --seeds 1..3
for seed in 0 -3 x 1..3; do
  refuses 'a seed is a whole number, from 1 on' "$sim" "--seed=$seed"
done
refuses '--minutes' "$sim" --minutes 0
refuses 'not expected: 1..3' "$sim" 1..3
refuses 'no history is called "SPAN"; there are' "$mutations" --rule SPAN
refuses 'not expected: span' "$mutations" span
exit $bad
