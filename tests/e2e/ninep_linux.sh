#!/bin/bash
# The POSIX suite and the stress programs on a mount by Linux's own 9P client, with each kind of
# cache, as root and as an ordinary user. What that client cannot do is in ninep_differences.txt:
# just these cases have to fail. See "Over 9P" in fsd/vfs/SEMANTICS.md.
. "$(dirname "$0")/uml.sh" "$@"
differences=$here/ninep_differences.txt

# cases KIND MODE WHO: those of the list.
cases() {
  awk -v kind="$1" -v mode="$2" -v who="$3" '
    /^#/ || NF == 0 { next }
    $1 == kind && ("," $2 ",") ~ ("," mode ",") && ($3 == who || $3 == "all") &&
      !(who == "user" && $4 ~ /ByRoot\./) { print $4 }' "$differences" | sort
}
failed_cases() {
  sed -n 's/^\[  FAILED  \] \([^ ,]*\).* ms)$/\1/p' "$1" | sort
}

# run_suite N MODE WHO PREFIX FILTER: on the mount of machine N; $work/MODE-WHO.log has it all.
run_suite() {
  local n=$1 mode=$2 who=$3 log=$work/$2-$3.log
  local left_out
  left_out=$(cases left-out "$mode" "$who" | paste -sd:)
  guest "$n" "mkdir $work/mnt-$n/$who && chown $4 $work/mnt-$n/$who"
  guest "$n" "CAIRN_POSIX_DIR=$work/mnt-$n/$who $5 $bin/posix_suite --gtest_brief=1" \
    "--gtest_color=no --gtest_filter='$6-$left_out'" >"$log" 2>&1 || true
  grep -q ' passed, [0-9]* failed' "$log" || fail "the suite did not end: $mode, as $who"
  diff <(cases fails "$mode" "$who") <(failed_cases "$log") >"$work/$mode-$who.diff" ||
    differs "$mode" "$who"
  say "$mode, as $who: $(tail -1 "$log") as expected"
}
differs() {
  cat "$work/$1-$2.diff" >&2
  fail "$1, as $2: not just the cases of ninep_differences.txt fail (< should, > should not)"
}

# check_mode N MODE FILTER OPTIONS: on a machine of its own.
check_mode() {
  local n=$1 mode=$2
  boot "$n"
  mkdir "$work/mnt-$n"
  guest_mount "$n" "$work/mnt-$n" "aname=$mode,msize=1048576,$4"
  run_suite "$n" "$mode" root 0:0 "" "$3"
  run_suite "$n" "$mode" user 65534:65534 \
    "setpriv --reuid 65534 --regid 65534 --clear-groups" "$3"
  stress "$n" "$mode"
  guest "$n" "umount $work/mnt-$n" || fail "$mode: cannot unmount"
  shut_down "$n"
}

# Small and large messages, as far as the mode has its own way of reading and writing.
stress() {
  local n=$1 mode=$2 msize
  for msize in 8192 1048576; do
    guest "$n" "umount $work/mnt-$n"
    guest_mount "$n" "$work/mnt-$n" "aname=$mode,msize=$msize,access=user,cache=${mode/acl/none}"
    guest "$n" "mkdir $work/mnt-$n/s && $bin/fsx_like $work/mnt-$n/s --seed $n --ops 1500" \
      >"$work/$mode-fsx.log" 2>&1 || fail "$mode: fsx_like with msize=$msize"
    guest "$n" "$bin/dir_stress $work/mnt-$n/s --seed $n --ops 300 && rm -r $work/mnt-$n/s" \
      >"$work/$mode-dir.log" 2>&1 || fail "$mode: dir_stress with msize=$msize"
  done
  say "$mode: fsx_like and dir_stress with msize 8192 and 1048576"
}

guest_config "$work/c.toml" bucket
mkdir "$work/mnt"
start a -c "$work/c.toml" --cache-dir "$work/cache" --mount "$work/mnt"
mkdir "$work/mnt/none" "$work/mnt/mmap" "$work/mnt/loose" "$work/mnt/acl"
chmod 755 "$work/mnt/"*

# One machine each, all at once. A subshell forgets the daemon, which is not its to end.
declare -A machines=()
begin() {
  (
    unset "pids[a]"
    clean_up() { :; }
    trap clean_up_guests EXIT
    check_mode "$@"
  ) >"$work/$2.out" 2>&1 &
  machines[$2]=$!
}
begin 1 none '*' access=user,cache=none
begin 2 mmap '*' access=user,cache=mmap
begin 3 loose '*' access=user,cache=loose
begin 4 acl '*Acl*' access=client,posixacl,cache=none
broken=
for mode in none mmap loose acl; do
  wait "${machines[$mode]}" || broken+=" $mode"
  cat "$work/$mode.out"
done
[ -z "$broken" ] || fail "with$broken"
stop a
[ "$status" = 0 ] || fail "cairn ended with $status"
say "passed"
