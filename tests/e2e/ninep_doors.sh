#!/bin/bash
# One tree by three doors at once: the mount, two Linux machines over 9P, and a client of our own.
# What one does the others see, locks are one, and nobody is more than he is.
. "$(dirname "$0")/uml.sh" "$@"

guest_config "$work/c.toml" bucket
mkdir "$work/mnt" "$work/mnt-1" "$work/mnt-2"
chmod 755 "$work"
start a -c "$work/c.toml" --cache-dir "$work/cache" --mount "$work/mnt"
here_dir=$work/mnt
for n in 1 2; do
  boot $n
  guest_mount $n "$work/mnt-$n" access=user,cache=none,msize=65536
done

expect() { [ "$2" = "$3" ] || fail "$1: '$2' and not '$3'"; }

say "nobody is more than he is"
client=$here/ninep_client.py
as_user() {
  setpriv --reuid 61001 --regid 62001 --clear-groups /usr/bin/python3 "$work/client.py" "$@"
}
cp "$client" "$work/client.py"
chmod 777 "$here_dir"
echo secret >"$here_dir/of-root"
chmod 600 "$here_dir/of-root"
# The last is an address of a network that is trusted, but he is on this machine.
for address in 127.0.0.1:5565 "$work/9p.sock" 10.9.1.1:5564; do
  for uid in 0 61002 65534; do
    expect "$address: alice as $uid" "$(as_user "$address" $uid attach)" EPERM
  done
  for uid in 61001 -; do
    expect "$address: alice as $uid" "$(as_user "$address" $uid attach)" OK
    expect "$address: alice reads root's file" "$(as_user "$address" $uid read of-root)" EACCES
    expect "$address: alice makes a file" "$(as_user "$address" $uid create "by-alice$uid")" OK
    expect "its owner" "$(stat -c %u "$here_dir/by-alice$uid")" 61001
    rm "$here_dir/by-alice$uid"
  done
  expect "$address: root as bob" "$(/usr/bin/python3 "$client" "$address" 61002 create by-bob)" OK
  expect "its owner" "$(stat -c %u "$here_dir/by-bob")" 61002
  rm "$here_dir/by-bob"
done
# The kernel forgets whose a closed socket was, and says root's: who has gone must not be taken for
# him. The daemon is asleep until he has.
for address in 127.0.0.1:5565 10.9.1.1:5564 "$work/9p.sock"; do
  kill -STOP "${pids[a]}"
  as_user "$address" 0 hit-and-run by-nobody
  kill -CONT "${pids[a]}"
  expect "a client after him" "$(/usr/bin/python3 "$client" "$address" 0 attach)" OK
  [ ! -e "$here_dir/by-nobody" ] || fail "$address: a client that was gone acted as root"
done


say "locks are one"
# A door is "host" (the mount) or the number of a machine.
on() {
  if [ "$1" = host ]; then bash -c "${*:2}"; else guest "$@"; fi
}
tree() { if [ "$1" = host ]; then echo "$here_dir"; else echo "$work/mnt-$1"; fi; }
state() { if [ "$1" = host ]; then echo "$work/state"; else echo /run/state; fi; }
ask_for_lock() {
  on "$1" "rm -f $(state "$1")*; /usr/bin/python3 $here/ninep_fcntl.py hold $(tree "$1")/locked" \
    "$(state "$1") </dev/null >/dev/null 2>&1 &"
}
holds() { on "$1" "test -s $(state "$1")"; }
hold() {
  ask_for_lock "$1"
  until_true 20 holds "$1" || fail "$1 does not get the lock"
}
let_go() {
  on "$1" "rm $(state "$1"); until [ -e $(state "$1").gone ]; do sleep 0.01; done"
}
try() { on "$1" "/usr/bin/python3 $here/ninep_fcntl.py try $(tree "$1")/locked"; }
try_raw() { /usr/bin/python3 "$client" "$work/9p.sock" 0 lock locked; }
touch "$here_dir/locked"
for holder in host 1 2; do
  hold "$holder"
  for other in host 1 2; do
    [ "$other" = "$holder" ] || expect "$other while $holder holds it" "$(try "$other")" taken
  done
  expect "a client while $holder holds it" "$(try_raw)" taken
  let_go "$holder"
  expect "a client after $holder" "$(try_raw)" free
done
for pair in host:1 1:host 1:2; do
  hold "${pair%:*}"
  ask_for_lock "${pair#*:}"
  expect "while ${pair#*:} waits" "$(try_raw)" taken
  ! holds "${pair#*:}" || fail "${pair#*:} did not wait for ${pair%:*}"
  let_go "${pair%:*}"
  until_true 40 holds "${pair#*:}" || fail "${pair#*:} is not told that ${pair%:*} has let go"
  let_go "${pair#*:}"
done

say "what one does the others see"
/usr/bin/python3 "$here/ninep_at_once.py" "$work/9p.sock" "$here_dir" 200
n=0
for pair in host:1 1:host 1:2 2:host host:2 2:1; do
  from=${pair%:*} to=${pair#*:} n=$((n + 1))
  file=$(tree "$to")/seen-$n
  ! on "$to" "test -e $file" || fail "$pair: there already"
  on "$from" "echo one >$(tree "$from")/seen-$n"
  expect "$pair: a new name" "$(on "$to" "cat $file")" one
  on "$from" "echo longer >$(tree "$from")/seen-$n; chmod 640 $(tree "$from")/seen-$n"
  expect "$pair: new bytes" "$(on "$to" "cat $file; stat -c '%s %a' $file")" $'longer\n7 640'
  on "$from" "mv $(tree "$from")/seen-$n $(tree "$from")/moved-$n"
  expect "$pair: a name that is gone" "$(on "$to" "test -e $file || cat ${file/seen/moved}")" longer
done

say "records that several append stay whole"
touch "$here_dir/log"
for who in 1 2; do
  guest_begin $who "/usr/bin/python3 $here/ninep_append.py $(tree $who)/log guest-$who 500"
done
/usr/bin/python3 "$here/ninep_append.py" "$here_dir/log" host 500
for who in 1 2; do guest_end $who || fail "guest $who cannot append"; done
expect "the size" "$(stat -c %s "$here_dir/log")" 150000
for who in host guest-1 guest-2; do
  expect "$who's records" "$(sed -n "s/^$who \([0-9]*\)\.*$/\1/p" "$here_dir/log" | paste -sd' ')" \
    "$(seq -s' ' 0 499)"
done

say "who is gone leaves no lock"
mkfifo "$work/input"
/usr/bin/python3 "$client" "$work/9p.sock" 0 hold locked <"$work/input" >"$work/held.log" &
pids[holder]=$!
exec {input}>"$work/input"
until_true 20 grep -q held "$work/held.log" || fail "the client does not get the lock"
expect "the mount while a client holds it" "$(try host)" taken
kill_hard holder
lock_is_free() { [ "$(try host)" = free ]; }
until_true 20 lock_is_free || fail "the lock of a client that is gone stays"
shut_down 2
shut_down 1
stop a
[ "$status" = 0 ] || fail "cairn ended with $status"
say "passed"
