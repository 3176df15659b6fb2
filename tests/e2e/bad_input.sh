#!/bin/bash
# What users get wrong: one clear sentence each, exit status not 0, nothing harmed.
. "$(dirname "$0")/lib.sh" "$@"
s3_config "$work/good.toml" "bad-input-$$"
mkdir "$work/mnt"

# refused SENTENCE OPTIONS...: serve must end by itself with a sentence that matches.
refused() {
  local sentence=$1 lines
  shift
  launch bad --mount "${mountpoint:-$work/mnt}" "$@"
  until_true 40 serves_or_ended bad || fail "does not end: $*"
  wait_for bad
  [ "$status" != 0 ] || fail "ended with 0: $*"
  lines=$(grep -c '^cairn: ' "$work/bad.log" || true)
  [ "$lines" = 1 ] || fail "$lines sentences instead of one: $(cat "$work/bad.log")"
  grep -qiE "$sentence" "$work/bad.log" || fail "not '$sentence' but: $(cat "$work/bad.log")"
  say "$(grep '^cairn: ' "$work/bad.log" | cut -c1-160)"
}
with() { sed "$1" "$work/good.toml" >"$work/c.toml"; }

with 's|secret_access_key = .*|secret_access_key = "wrong"|'
refused 'check aws.access_key_id and aws.secret_access_key' -c "$work/c.toml"
with 's|access_key_id = "[^"]*"|access_key_id = "nobody"|'
refused 'check aws.access_key_id and aws.secret_access_key' -c "$work/c.toml"
with "s|s3://$CAIRN_TEST_S3_BUCKET/|s3://no-such-bucket-$$/|"
refused 'bucket does not exist: make it' -c "$work/c.toml"
with 's|region =|regoin =|'
refused 'regoin.*region|region' -c "$work/c.toml"
with 's|allow_http = true|allow_http = "yes"|'
refused 'allow_http' -c "$work/c.toml"
mountpoint=$work/not-there refused 'mountpoint.*does not exist' -c "$work/good.toml"
printf '[storage]\nurl = "s3://${CAIRN_NOT_SET}/x"\n' >"$work/c.toml"
refused 'CAIRN_NOT_SET' -c "$work/c.toml"
refused 'storage' --cache-dir "$work/cache"
refused 'no such file|cannot|not exist' -c "$work/none.toml"

say "what does not belong on a command line, in the order in which it stands there"
says() {
  local said
  said=$("$cairn" "${@:2}" 2>&1) && fail "ended with 0: ${*:2}"
  [ "$said" = "cairn: $1 (cairn --help says more)" ] || fail "not '$1' but: $said"
}
says 'serve does not know what this is: --bogus, 1, 2' serve --bogus 1 --mount /x 2
says 'status does not know what this is: a, b' status a b
says '--mount needs a value' serve --mount
says 'there is no command "stauts": is it status?' stauts
commands='serve, init, status, flush, destroy, password'
says "there is no command \"xyzzyxyzzy\"; it is one of $commands" xyzzyxyzzy
says "a command is missing: it is one of $commands" --bogus

say "all errors at once"
printf '[storage]\nurl = "x://"\n[aws]\nallow_http = 1\n[cach]\n' >"$work/c.toml"
refused '3 errors' -c "$work/c.toml"
[ "$(grep -c "^  $work/c.toml:[245]: " "$work/bad.log")" = 3 ] || fail "$(cat "$work/bad.log")"
refused '2 errors' --storage x:// --ninep y
[ "$(grep -cE '^  --(storage|ninep): ' "$work/bad.log")" = 2 ] || fail "$(cat "$work/bad.log")"

say "nothing to serve"
if "$cairn" serve -c "$work/good.toml" 2>"$work/nothing.log"; then fail "served nothing"; fi
grep -q 'nothing to serve' "$work/nothing.log" || fail "$(cat "$work/nothing.log")"

say "a signal ends a start that waits for a store which does not answer"
with 's|http://127.0.0.1:[0-9]*|http://127.0.0.1:1|'
launch waiting -c "$work/c.toml" --mount "$work/mnt"
until_true 20 grep -q ' fails: ' "$work/waiting.log" || fail "it does not say that it waits"
kill -TERM "${pids[waiting]}"
until_true 20 is_gone "${pids[waiting]}" || fail "it does not end"
wait_for waiting
[ "$status" != 0 ] || fail "ended with 0"

say "a prefix with other objects"
mkdir -p "$work/bucket/photos"
echo x >"$work/bucket/photos/cat.jpg"
refused 'not a Cairn volume|holds' --storage "file://$work/bucket" --cache-dir "$work/cache"
[ "$(cat "$work/bucket/photos/cat.jpg")" = x ] || fail "the foreign object was touched"

say "passwords"
export CAIRN_PASSWORD=right
cat >"$work/enc.toml" <<TOML
[storage]
url = "file://$work/encrypted"
encryption_password = "\${CAIRN_PASSWORD}"
TOML
start a -c "$work/enc.toml" --mount "$work/mnt" --cache-dir "$work/cache-enc"
echo secret-content >"$work/mnt/file"
stop a
[ "$status" = 0 ] || fail "an encrypted volume ends with $status"
if grep -rq secret-content "$work/encrypted"; then fail "plain text in the bucket"; fi
CAIRN_PASSWORD=wrong refused 'password' -c "$work/enc.toml" --cache-dir "$work/cache-enc"
refused 'encrypted' --storage "file://$work/encrypted" --cache-dir "$work/cache-enc"
CAIRN_NEW_PASSWORD=new "$cairn" password -c "$work/enc.toml" >/dev/null ||
  fail "changing the password"
refused 'password' -c "$work/enc.toml" --cache-dir "$work/cache-enc"
CAIRN_PASSWORD=new start a -c "$work/enc.toml" --mount "$work/mnt" --cache-dir "$work/cache-enc2"
[ "$(cat "$work/mnt/file")" = secret-content ] || fail "the file is not there"
stop a

say "a damaged segment: EIO for the file concerned, the others are fine"
start a --storage "file://$work/damaged" --mount "$work/mnt" --cache-dir "$work/cache-d"
head -c 300000 /dev/urandom >"$work/mnt/one"
flush a
head -c 300000 /dev/urandom >"$work/mnt/two"
cp "$work/mnt/two" "$work/two"
stop a
victim=$(ls -t $(ls -S "$work"/damaged/log/*/* | sed -n 1,2p) | tail -1)
python3 - "$victim" <<'PY'
import sys
with open(sys.argv[1], "r+b") as f:
    f.seek(-100000, 2)
    byte = f.read(1)
    f.seek(-100000, 2)
    f.write(bytes([byte[0] ^ 1]))
PY
start a --storage "file://$work/damaged" --mount "$work/mnt" --cache-dir "$work/cache-d2"
if cat "$work/mnt/one" >/dev/null 2>"$work/cat.log"; then fail "damage was not noticed"; fi
grep -qi 'input/output' "$work/cat.log" || fail "not EIO: $(cat "$work/cat.log")"
cmp "$work/mnt/two" "$work/two" || fail "the other file suffers"

mkdir "$work/mnt-v"
say "a store that has vanished: one sentence a minute, and an end within the time-out"
printf '[storage]\nurl = "file://%s"\n[filesystem]\nshutdown_timeout_s = 3\n' "$work/vanished" \
  >"$work/v.toml"
start v -c "$work/v.toml" --mount "$work/mnt-v" --cache-dir "$work/cache-v"
rm -rf "$work/vanished"
echo text >"$work/mnt-v/file"
SECONDS=0
stop v
[ "$status" = 1 ] || fail "it ended with $status"
[ $SECONDS -lt 20 ] || fail "it took $SECONDS s to end"
grep -q 'did not take everything before the shutdown time-out' "$work/v.log" || fail "no word of it"
[ "$(grep -c 'cannot be written' "$work/v.log")" = 1 ] || fail "it says so again and again"

say "destroy waits for the daemon's end, asks, then leaves nothing"
if "$cairn" destroy --storage "file://$work/damaged" --yes 2>"$work/destroy.log"; then
  fail "destroyed under a daemon"
fi
grep -q 'stop it first' "$work/destroy.log" || fail "why not: $(cat "$work/destroy.log")"
stop a
if "$cairn" destroy --storage "file://$work/damaged" 2>"$work/destroy.log"; then
  fail "did not ask"
fi
"$cairn" destroy --storage "file://$work/damaged" --yes
[ -z "$(find "$work/damaged" -type f -not -name "~lock~")" ] || fail "objects are left"
say "passed"
