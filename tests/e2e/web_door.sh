#!/bin/bash
# The web's door of a daemon that is also mounted: who comes in and as whom, files, and 9P over a
# WebSocket, whose changes the mount sees.
. "$(dirname "$0")/lib.sh" "$@"

mkdir "$work/mnt" "$work/page" "$work/page/assets" "$work/vm"
echo '<html>the page' >"$work/page/index.html"
head -c 1000000 /dev/urandom >"$work/page/assets/app-0123abcd.js"
gzip -k "$work/page/assets/app-0123abcd.js"
echo '{}' >"$work/vm/manifest.json"
cp "$here/ninep_client.py" "$here/web_socket.py" "$work/"
cat >"$work/c.toml" <<TOML
[storage]
url = "file://$work/bucket"
[cache]
dir = "$work/cache"
[servers.webui]
addresses = ["127.0.0.1:0"]
uid = 61001
gid = 62001
password = "open sesame"
page_dir = "$work/page"
vm_dir = "$work/vm"
TOML
chmod 600 "$work/c.toml"

expect() { [ "$2" = "$3" ] || fail "$1: '$2' and not '$3'"; }
as() {
  local uid=$1
  shift
  setpriv --reuid "$uid" --regid "$uid" --clear-groups "$@"
}
# status UID CURL-ARGUMENTS...: the status of the answer.
status() {
  local uid=$1
  shift
  as "$uid" curl -s -o /dev/null -w '%{http_code}' "$@"
}
web_url() { grep -o 'ready web http://[0-9.:]*' "$work/$1.log" | cut -d' ' -f3; }
ninep() { as "$1" /usr/bin/python3 "$work/ninep_client.py" "${@:2}" 2>&1 | tail -1; }

start a -c "$work/c.toml" --mount "$work/mnt"
url=$(web_url a)
socket="ws://${url#http://}/ws/9p"
json=(-H 'Content-Type: application/json')
sesame='{"password": "open sesame"}'

say "who comes in"
expect "root" "$(status 0 "$url/api/status")" 200
expect "the configured user" "$(status 61001 "$url/api/status")" 200
expect "another user" "$(status 61002 "$url/api/status")" 401
expect "the page for another user" "$(status 61002 "$url/")" 200
expect "the guest's image for another user" "$(status 61002 "$url/vm/manifest.json")" 401
expect "behind a proxy of root's" "$(status 0 -H 'X-Forwarded-For: 10.0.0.7' "$url/api/status")" 401
expect "the session" "$(as 61002 curl -s "$url/api/session" | jq -c '[.authenticated, .volume]')" \
  '[false,null]'
expect "root's session" \
  "$(curl -s "$url/api/session" | jq -c '[.authenticated, .uid, .guest_root]')" \
  '[true,61001,true]'
expect "the status" "$(curl -s "$url/api/status" | jq -r .volume)" "file://$work/bucket"

say "logins"
login() { status 61002 -H "Origin: $url" "${json[@]}" -d "$1" "${@:2}" "$url/api/login"; }
mkdir "$work/of-user"
chown 61002 "$work/of-user"
expect "a wrong password" "$(login '{"password": "x"}')" 403
expect "the password" "$(login "$sesame" -c "$work/of-user/jar")" 200
expect "with the cookie" "$(status 61002 -b "$work/of-user/jar" "$url/api/status")" 200
expect "a logout" "$(status 61002 -b "$work/of-user/jar" -H "Origin: $url" "${json[@]}" -d '{}' \
  "$url/api/logout")" 200
expect "with the cookie afterwards" "$(status 61002 -b "$work/of-user/jar" "$url/api/status")" 401
expect "the password as a token" \
  "$(status 61002 -H 'Authorization: Bearer open sesame' "$url/api/status")" 200
token=$(curl -s -X POST "${json[@]}" "$url/api/token" | jq -r .token)
expect "a token" "$(status 61002 -H "Authorization: Bearer $token" "$url/api/status")" 200
for _ in 1 2 3 4; do login '{"password": "x"}' >"$work/guess"; done
expect "the password after guesses" "$(login "$sesame")" 429
expect "the same of somebody else" "$(status 61003 -H "Origin: $url" "${json[@]}" -d "$sesame" \
  "$url/api/login")" 200

say "pages of others"
expect "another name" "$(status 0 -H 'Host: evil.example' "$url/")" 421
expect "another port" "$(status 0 -H 'Host: 127.0.0.1:1' "$url/")" 421
expect "another origin" "$(status 0 -H 'Origin: https://evil.example' "$url/api/status")" 403
expect "another site" "$(status 0 -H 'Sec-Fetch-Site: cross-site' "$url/api/status")" 403
handshake() {
  /usr/bin/python3 "$work/web_socket.py" "$socket" "$@" </dev/null | sed -n 1p
}
expect "a WebSocket" "$(handshake)" 101
expect "of our page" "$(handshake "Origin: $url")" 101
expect "of another's page" "$(handshake 'Origin: https://evil.example')" 403
expect "of no page" "$(handshake 'Origin: null')" 403

say "files"
app=$url/assets/app-0123abcd.js
curl -s "$app" | cmp - "$work/page/assets/app-0123abcd.js" || fail "the file came differently"
curl -s --compressed "$app" | cmp - "$work/page/assets/app-0123abcd.js" || fail "compressed"
curl -s -r 1000-1999 "$app" | cmp - <(tail -c +1001 "$work/page/assets/app-0123abcd.js" |
  head -c 1000) || fail "a range came differently"
etag=$(curl -sI "$url/" | tr -d '\r' | sed -n 's/^ETag: //p')
expect "the same etag" "$(status 0 -H "If-None-Match: $etag" "$url/")" 304
for path in /../c.toml /%2e%2e/c.toml /assets/..%2f..%2fc.toml //etc/passwd; do
  expect "$path" "$(status 0 --path-as-is "$url$path")" 404
done

say "9P over a WebSocket"
chmod 777 "$work/mnt"
expect "another user" "$(ninep 61002 "$socket" 61002 attach | grep -o 'status 401')" "status 401"
expect "with the password" "$(ninep 61003 "$socket#open sesame" 61003 attach)" OK
echo before >"$work/mnt/file"
[ "$(cat "$work/mnt/file")" = before ] || fail "the file is not there"
expect "what the mount wrote" "$(ninep 0 "$socket" 0 read file)" before
expect "a file by a user of the guest" "$(ninep 61001 "$socket" 4711 create made)" OK
expect "its owner on the mount" "$(stat -c %u "$work/mnt/made")" 4711
expect "a file by the guest's root" "$(ninep 61001 "$socket" 0 create by-root)" OK
expect "its owner" "$(stat -c %u "$work/mnt/by-root")" 0
sleeper=$work/sleeper
mkfifo "$sleeper"
/usr/bin/python3 "$work/web_socket.py" "$socket" <"$sleeper" >"$work/sleeper.out" &
pids[sleeper]=$!
exec 9>"$sleeper"
until_true 20 grep -q 101 "$work/sleeper.out" || fail "no WebSocket"
expect "the doors" "$(report a '[.web.addresses[0], .web.connections >= 1]' | jq -c .)" \
  "[\"${url#http://}\",true]"

say "the end"
stop a
expect "the daemon's end" "$status" 0
wait_for sleeper
exec 9>&-
expect "what an open WebSocket was told" "$(tail -1 "$work/sleeper.out")" "closed 1001"

say "a guest whose root is nobody special; another name; only the web"
sed -i 's/^gid = .*/&\nguest_root = false\nhosts = ["cairn.example"]/' "$work/c.toml"
start b -c "$work/c.toml"
url=$(web_url b)
expect "its address" "$(status 0 "$url/")" 421
expect "its name" "$(status 0 -H 'Host: cairn.example' "$url/")" 200
stop b
sed -i '/^hosts/d' "$work/c.toml"
start c -c "$work/c.toml" --mount "$work/mnt"
socket="ws://$(web_url c | cut -c8-)/ws/9p"
expect "a file by the guest's root" "$(ninep 61001 "$socket" 0 create squashed)" OK
expect "its owner" "$(stat -c %u:%g "$work/mnt/squashed")" 61001:62001
stop c

say "an address that others reach needs a password"
sed -i '/^password/d' "$work/c.toml"
launch d -c "$work/c.toml" --web 0.0.0.0:0
wait_for d
expect "its end" "$status" 1
grep -q 'servers.webui.password is required' "$work/d.log" || fail "it does not say why"
say "passed"
