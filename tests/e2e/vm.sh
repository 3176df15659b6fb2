#!/bin/bash
# cairn-vm: a machine under QEMU on a volume. FULL=1: a gigabyte instead of 64 MB.
. "$(dirname "$0")/vm_lib.sh" "$@"

serve a "${volume[@]}" --mount "$work/mnt" --web 127.0.0.1:0
chmod 777 "$work/mnt"

say "a command"
echo "from the mount" >"$work/mnt/hello"
expect "what the mount wrote" "$(machine --exec 'cat /mnt/hello' 2>"$work/vm.log")" "from the mount"
for _ in 1 2 3; do
  begin=$(now_ms)
  machine --exec true || fail "true failed"
  echo $(($(now_ms) - begin))
done >"$work/times"
say "start, true, and stop in order: $(sort -n "$work/times" | sed -n 1p) ms at best"
for status in 0 1 42 255; do
  got=0
  machine --exec "exit $status" || got=$?
  expect "the status" "$got" "$status"
done
got=0
machine --exec 'kill -9 $$' || got=$?
expect "the status of what was killed" "$got" 137
gives 125 'the guest has restarted' "$vm" run --url "$url" --image "$IMAGE" \
  --exec 'reboot; sleep 1000'
expect "standard output" "$(machine --exec 'echo out; echo err >&2' 2>"$work/err")" out
expect "standard error" "$(cat "$work/err")" err
expect "a variable" "$(machine --env "X=it's a 'b'" --exec 'echo "$X"')" "it's a 'b'"
expect "standard input" "$(echo in | machine --stdin --exec cat)" in
expect "bytes" "$(machine --exec 'printf "\0\r\n\377"' | od -An -tx1 | tr -d ' \n')" 000d0aff
expect "the user" "$(machine --user user --uid 4711 --gid 4712 --exec 'echo x >/mnt/u; id -u')" 4711
expect "the file's owner" "$(stat -c %u:%g "$work/mnt/u")" 4711:4712

say "the terminal"
/usr/bin/python3 "$here/vm_terminal.py" "$vm" run --url "$url" --image "$IMAGE" ||
  fail "the terminal"

for typed in 'echo a; exit 6' $'cat >/dev/null\n'; do
  got=0
  printf %s "$typed" | timeout 60 "$vm" run --url "$url" --image "$IMAGE" >"$work/typed" || got=$?
  [[ $typed = echo* ]] && expected=6 || expected=0
  expect "the status of a shell whose input ends" "$got" "$expected"
done
gives_usage() {
  got=0
  machine "$@" </dev/null 2>"$work/said" || got=$?
  expect "the status of $*" "$got" 125
  grep -q 'requires --exec' "$work/said" || fail "it does not say what is missing"
}
gives_usage --stdin
gives_usage --env X=1
gives_usage --user root

say "large files"
[ "$FULL" = 1 ] && megabytes=1024 || megabytes=64
head -c "${megabytes}M" /dev/urandom >"$work/mnt/large"
sum=$(sha256sum <"$work/mnt/large")
expect "what the mount wrote, in the machine" "$(machine --exec 'sha256sum </mnt/large')" "$sum"
machine --exec 'dd if=/mnt/large of=/mnt/copy bs=1M conv=fsync' 2>"$work/vm.log" || fail "dd"
expect "what the machine copied, on the mount" "$(sha256sum <"$work/mnt/copy")" "$sum"
expect "to standard output" "$(machine --exec 'cat /mnt/large' | sha256sum)" "$sum"
sum=$(machine --exec "for i in \$(seq $((megabytes / 16))); do
    dd if=/dev/urandom of=/tmp/piece bs=1M count=16 && dd if=/tmp/piece bs=1M >>/mnt/made || exit 1
    cat /tmp/piece
  done | sha256sum" 2>"$work/vm.log")
expect "its size" "$(stat -c %s "$work/mnt/made")" $((megabytes << 20))
expect "what the machine made, on the mount" "$(sha256sum <"$work/mnt/made")" "$sum"
rm "$work"/mnt/{large,copy,made}

say "a root on the volume"
machine --user root --exec '
  mkdir -p /mnt/system/bin /mnt/system/sbin /mnt/system/root
  cp -L /bin/busybox /mnt/system/bin/ && for name in sh env cat sleep echo; do
    ln -s busybox /mnt/system/bin/$name
  done
  printf "#!/bin/sh\necho it >/started\nexec sleep 100000\n" >/mnt/system/sbin/init
  chmod 755 /mnt/system/sbin/init' || fail "no system was made"
expect "its own root" "$(machine --root /system --user root --exec \
  'until [ -s /started ]; do sleep 0.1; done; cat /started')" it
expect "what it wrote" "$(cat "$work/mnt/system/started")" it
gives 125 'no such directory' "$vm" run --url "$url" --image "$IMAGE" --root /none --exec true

say "several at once"
for i in 1 2 3; do
  machine --exec "echo $i >/mnt/at-once-$i" &
  pids[vm$i]=$!
done
for i in 1 2 3; do
  wait_for "vm$i"
  expect "the status" "$status" 0
  expect "what it wrote" "$(cat "$work/mnt/at-once-$i")" "$i"
done

say "a port of the guest's"
begin --forward 0:7 --exec 'echo pong | nc -l -p 7' 2>"$work/vm.log"
until_true 30 grep -q 'port [0-9]* is' "$work/vm.log" || fail "no port was found"
port=$(grep -o 'port [0-9]*' "$work/vm.log" | cut -d' ' -f2)
reach() {
  [ "$(timeout 5 bash -c "exec 3<>/dev/tcp/127.0.0.1/$port; head -1 <&3" 2>&1)" = pong ]
}
until_true 30 reach || fail "nobody answers at the port"
wait_for vm
say "what the machine reaches"
/usr/bin/python3 -c '
import socket
door = socket.create_server(("127.0.0.1", 0))
print(door.getsockname()[1], flush=True)
while True: door.accept()[0].sendall(b"welcome\n")' >"$work/door.port" &
pids[door]=$!
until_true 20 has_lines "$work/door.port" 1 || fail "nobody listens"
# tidy-allow(head): in the guest's shell
visit="nc 10.0.2.2 $(cat "$work/door.port") </dev/null 2>/dev/null | head -1"
expect "this machine's loopback" "$(machine --exec "$visit")" ""
expect "... if that was asked for" "$(machine --network --exec "$visit")" welcome
kill_hard door
gives 125 "port cannot be had: ${url##*:}" "$vm" run --url "$url" --image "$IMAGE" \
  --forward "${url##*:}:7" --exec true

# begin_writing COMMAND: a machine whose command has printed its first line.
begin_writing() {
  rm -f "$work/late.out"
  begin --exec "$1" >"$work/late.out" 2>"$work/vm.log"
  until_true 30 has_lines "$work/late.out" 1 || fail "nothing was written"
}

say "a stop in order"
begin_writing 'echo late >/mnt/late; echo written; sleep 1000'
stop vm
expect "the status" "$status" 143
expect "what was written last" "$(cat "$work/mnt/late")" late

# A QEMU that dies before the guest has said that all is written is no stop in order.
begin_writing 'echo written; sleep 1000'
qemu=$(pgrep -P "${pids[vm]}" qemu-system)
kill -STOP "$qemu"
kill "${pids[vm]}"
until_true 10 grep -q 'the machine stops' "$work/vm.log" || fail "it does not stop"
kill -KILL "$qemu"
wait_for vm
expect "the status" "$status" 125
grep -q 'had not written yet is lost' "$work/vm.log" || fail "it does not say what is lost"

# A reader who takes nothing holds up the command, and no signal.
mkfifo "$work/unread"
exec {unread}<>"$work/unread"
begin --exec 'yes; echo never >/mnt/never' >"$work/unread" 2>"$work/vm.log"
is_full() {  # is_full FD: the pipe takes no more
  [ "$(/usr/bin/python3 -c 'import array, fcntl, sys, termios
n = array.array("i", [0])
fcntl.ioctl(int(sys.argv[1]), termios.FIONREAD, n)
print(n[0])' "$1")" = 65536 ]
}
until_true 60 is_full "$unread" || fail "the pipe is not full"
stop vm
expect "the status" "$status" 143
exec {unread}>&-
# tidy-allow(head): the reader that goes
expect "the status when the reader goes" "$(machine --exec yes 2>"$work/vm.log" | head -1
  echo "${PIPESTATUS[0]}")" "$(printf 'y\n141')"
expect "what a slow reader gets" \
  "$(machine --exec 'seq 100000' | (until_true 60 is_full 0; sha256sum))" \
  "$(seq 100000 | sha256sum)"

say "a stop without the daemon"
# Its last word is not synced, and cannot be: it says so, waits a while, and ends.
begin_writing 'echo late >/mnt/late; echo written; sleep 1000'
kill_hard a
begin=$(now_ms)
stop vm
took=$(($(now_ms) - begin))
expect "the status" "$status" 125
grep -q 'waits 5 s for it' "$work/vm.log" || fail "it does not say that it waits"
grep -q 'had not synced yet is lost' "$work/vm.log" || fail "it does not say what is lost"
[ "$took" -ge 4900 ] && [ "$took" -lt 9000 ] || fail "it took $took ms"
serve a "${volume[@]}" --mount "$work/mnt" --web "${url#http://}"
begin_writing 'echo written; sleep 1000'
kill_hard a
kill -TERM "${pids[vm]}"
until_true 10 grep -q 'asked once more' "$work/vm.log" || fail "it does not say that it waits"
begin=$(now_ms)
stop vm
took=$(($(now_ms) - begin))
expect "the status" "$status" 125
[ "$took" -lt 2000 ] || fail "the second signal took $took ms"
grep -q 'stopped at once' "$work/vm.log" || fail "it does not say that it stopped at once"
# It comes back while the machine waits for it: then all is in order.
serve a "${volume[@]}" --mount "$work/mnt" --web "${url#http://}"
begin_writing 'echo in time >/mnt/late; echo written; sleep 1000'
kill_hard a
kill -TERM "${pids[vm]}"
until_true 10 grep -q 'asked once more' "$work/vm.log" || fail "it does not say that it waits"
serve a "${volume[@]}" --mount "$work/mnt" --web "${url#http://}"
wait_for vm
expect "the status" "$status" 143
expect "what was written" "$(cat "$work/mnt/late")" "in time"

say "what cannot be"
gives 125 'no connection' "$vm" run --url ws://127.0.0.1:1 --image "$IMAGE" --exec true
gives 125 'no connection' "$vm" run --url ws://no-such-host.invalid --image "$IMAGE" --exec true
gives 125 'no such WebSocket' "$vm" run --url "$url/none" --image "$IMAGE" --exec true
got=0
machine --memory 1000 --exec true 2>"$work/said" || got=$?
expect "the status of a wrong option" "$got" 125
grep -q 'not in range' "$work/said" || fail "it does not say what is wrong with the option"
gives 125 'begins with ws://' "$vm" run --url nonsense --image "$IMAGE" --exec true
gives 125 'no guest image' "$vm" run --url "$url" --image "$work" --exec true
gives 125 'QEMU is missing' env PATH="$work" "$vm" run --url "$url" --image "$IMAGE" --exec true
mkdir "$work/old"
sed '/volume_device/d' "$IMAGE/manifest.json" >"$work/old/manifest.json"
gives 125 'image is of another version' "$vm" run --url "$url" --image "$work/old" --exec true
cp "$IMAGE"/* "$work/old/"
echo more >>"$work/old/vmlinuz"
gives 125 'image is damaged' "$vm" image verify --image "$work/old"
/usr/bin/python3 "$here/vm_other_server.py" >"$work/other.port" &
pids[other]=$!
until_true 20 has_lines "$work/other.port" 1 || fail "no other server"
other=ws://127.0.0.1:$(cat "$work/other.port")
gives 125 'no daemon of this version' "$vm" run --url "$other/no-subprotocol" --image "$IMAGE" \
  --exec true
gives 125 'no daemon of this version' "$vm" run --url "$other/older" --image "$IMAGE" --exec true
gives 125 'it answers 200' "$vm" run --url "$other/page" --image "$IMAGE" --exec true
gives 125 'no connection' "$vm" run --url "$other/silence" --image "$IMAGE" --exec true
gives 125 'no such server' "$vm" postgres --url "$url" --image "$IMAGE" --server none
stop a
printf '[storage]\nurl = "file://%s"\n[servers.webui]\npassword = "sesame"\n' "$work/bucket" \
  >"$work/c.toml"
chmod 600 "$work/c.toml"
serve b -c "$work/c.toml" --cache-dir "$work/cache" --web 127.0.0.1:0
if [ "$(id -u)" = 0 ] && setpriv --reuid 61002 --regid 61002 --clear-groups test -r "$IMAGE/vmlinuz"
then
  stranger=(setpriv --reuid 61002 --regid 61002 --clear-groups env HOME=/nowhere
    XDG_CACHE_HOME=/nowhere "$vm" run --url "$url" --image "$IMAGE")
  gives 125 'without its password or a token' "${stranger[@]}" --exec true
  gives 125 'without its password or a token' "${stranger[@]}" --token wrong --exec true
  echo sesame >"$work/token"
  chmod 644 "$work/token"
  expect "with the password" "$("${stranger[@]}" --token-file "$work/token" --exec 'id -u')" 61002
fi

say "TLS"
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost \
  -addext subjectAltName=DNS:localhost -keyout "$work/key" -out "$work/cert" 2>"$work/openssl.log"
/usr/bin/python3 "$here/relay.py" 0 "${url##*:}" "$work/cert" "$work/key" >"$work/tls.port" &
pids[tls]=$!
until_true 20 has_lines "$work/tls.port" 1 || fail "no TLS"
tls_port=$(cut -d' ' -f2 "$work/tls.port")
secure=wss://localhost:$tls_port
stop b
sed -i "s/^password.*/&\nhosts = [\"localhost:$tls_port\", \"${url#http://}\"]/" "$work/c.toml"
start b -c "$work/c.toml" --cache-dir "$work/cache" --web "${url#http://}"
expect "over TLS" "$("$vm" run --url "$secure" --ca-file "$work/cert" --image "$IMAGE" \
  --exec 'cat /mnt/hello')" "from the mount"
gives 125 'not to be believed' "$vm" run --url "$secure" --image "$IMAGE" --exec true
gives 125 'not to be believed' "$vm" run --url "wss://127.0.0.1:$tls_port" --ca-file "$work/cert" \
  --image "$IMAGE" --exec true
gives 125 'no certificates' "$vm" run --url "$secure" --ca-file "$work/none" --image "$IMAGE" \
  --exec true

say "a daemon that restarts, and one that is killed, under load"
port=${url##*:}
cat >"$work/load.sh" <<'LOAD'
mkdir -p /mnt/load
for i in $(seq 60); do
  head -c 700000 /dev/urandom >/tmp/one
  cp /tmp/one /mnt/load/$i || exit 1
  [ $((i % 5)) != 0 ] || sync /mnt/load/$i || exit 2
  (cd /tmp && sha256sum <one | sed "s/-/$i/")
done
sync
LOAD
machine --exec "$(cat "$work/load.sh")" >"$work/sums" 2>"$work/vm.log" &
pids[vm]=$!
for i in 1 2 3 4 5 6; do
  until_true 60 has_lines "$work/sums" $((i * 7)) || fail "the machine does not get on"
  if [ $((i % 2)) = 0 ]; then stop b; else kill_hard b; fi
  start b -c "$work/c.toml" --cache-dir "$work/cache" --web "127.0.0.1:$port"
done
wait_for vm
expect "the status after all this" "$status" 0
expect "files" "$(wc -l <"$work/sums")" 60
stop b
start c "${volume[@]}" --mount "$work/mnt"
(cd "$work/mnt/load" && sha256sum --quiet -c "$work/sums") || fail "a file is another"
stop c
say "passed"
