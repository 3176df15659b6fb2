#!/bin/bash
# PostgreSQL in the machine of cairn-vm, with clients on this one: pgbench while the daemon is
# killed and restarted, then the machine and the cache are lost, and the browser's machine opens
# the cluster. On the S3 server of the environment, if there is one. FULL=1: longer.
. "$(dirname "$0")/vm_lib.sh" "$@"
for tool in psql pgbench node; do
  command -v "$tool" >/dev/null || fail "$tool is missing"
done

if [ -n "${CAIRN_TEST_S3_ENDPOINT:-}" ]; then
  s3_config "$work/c.toml" "vm-postgres-$$"
else
  printf '[storage]\nurl = "file://%s"\n' "$work/bucket" >"$work/c.toml"
fi
cat >>"$work/c.toml" <<TOML
[servers.webui]
resume_grace_s = 20
uid = 1000
gid = 1000
vm_dir = "$IMAGE"
TOML
chmod 600 "$work/c.toml"
daemon() { serve "$1" -c "$work/c.toml" --cache-dir "$work/cache" --web "${2:-127.0.0.1:0}"; }
# database: starts it on a free port; its connection string is left in `db`.
database() {
  exec_database "$@" >"$work/pg.out" 2>"$work/pg.log" &
  pids[pg]=$!
  until_true 180 started_or_ended || fail "no PostgreSQL"
  db=$(cat "$work/pg.out")
  [ -n "$db" ] || fail "PostgreSQL did not start"
}
exec_database() { exec "$vm" postgres --url "$url" --image "$IMAGE" --port 0 "$@"; }
started_or_ended() { has_lines "$work/pg.out" 1 || is_gone "${pids[pg]}"; }
query() { psql -qAtX "$db" -c "$1" </dev/null; }

say "a database"
daemon a
begin=$(now_ms)
database
say "installed, cluster made, started: $(($(now_ms) - begin)) ms"
query "create table t (x text); insert into t values ('first')"
stop pg
expect "its status" "$status" 143
begin=$(now_ms)
database
say "started again: $(($(now_ms) - begin)) ms"
expect "the row" "$(query 'select x from t')" first
gives 125 'port cannot be had' "$vm" postgres --url "$url" --image "$IMAGE" \
  --port "$(grep -o '[0-9]*/postgres$' "$work/pg.out" | cut -d/ -f1)"
exec_database >"$work/second.out" 2>"$work/second.log" &
pids[second]=$!
wait_for second
expect "the status of a second server" "$status" 1
grep -q 'another machine runs a server' "$work/second.log" || fail "it does not say why"

say "pgbench while the daemon is killed"
[ "$FULL" = 1 ] && kills=8 each=1000 || kills=3 each=300
pgbench -iq -s 1 "$db" 2>"$work/pgbench.log" </dev/null || fail "pgbench -i"
total=$((4 * each))
(exec pgbench -n -c 4 -j 2 -t $each "$db") >"$work/pgbench.out" 2>"$work/pgbench.log" </dev/null &
pids[bench]=$!
count() { query 'select count(*) from pgbench_history'; }
enough() { is_gone "${pids[bench]}" || [ "$(count)" -ge "$1" ]; }
begin=$(now_ms)
for ((i = 1; i <= kills; ++i)); do
  until_true 120 enough $((total * i / (kills + 1))) || fail "pgbench does not get on"
  ! is_gone "${pids[bench]}" || fail "pgbench ended: $(cat "$work/pgbench.out")"
  if [ $((i % 3)) = 0 ]; then stop a; else kill_hard a; fi
  daemon a "${url#http://}"
done
wait_for bench
expect "pgbench's status" "$status" 0
say "$total transactions in $(($(now_ms) - begin)) ms, over $kills ends of the daemon"
grep -q "actually processed: $total/$total" "$work/pgbench.out" ||
  fail "pgbench saw no such end: $(cat "$work/pgbench.out")"
rows=$(count)
expect "rows of transactions that were acknowledged" "$rows" "$total"
books="select sum(d) = (select sum(abalance) from pgbench_accounts)
  and sum(d) = (select sum(tbalance) from pgbench_tellers)
  and sum(d) = (select sum(bbalance) from pgbench_branches)
  from (select sum(delta) as d from pgbench_history) h"
expect "the books balance" "$(query "$books")" t

say "the machine and the daemon die, the cache is lost, and the browser opens the cluster"
kill_hard a
kill_hard pg
rm -rf "$work/cache"
daemon a
counts="select count(*) || ' ' || (select x from t) || ' ' || ($books) from pgbench_history"
# The lock of the machine that died is its own until its session's time to come back is over.
found=$(timeout 180 node "$here/vm_browser.mjs" "$url" \
  "until pg start >/dev/null 2>/tmp/why; do
     grep -q another /tmp/why || { cat /tmp/why; exit 1; }
     sleep 0.5
   done
   pg psql -qAtXc \"$(echo $counts)\" && pg stop >/dev/null") ||
  fail "the browser's machine: $found"
expect "what the browser's machine finds" "$found" "$rows first true"
database
expect "and this one afterwards" "$(query "$counts")" "$rows first true"

say "a machine that died: another user waits for its lock"
kill_hard pg
(XDG_STATE_HOME=$work/other exec_database --wait 60) >"$work/pg.out" 2>"$work/pg.log" &
pids[pg]=$!
until_true 180 started_or_ended || fail "no PostgreSQL"
grep -q 'waiting for it' "$work/pg.log" || fail "it does not say that it waits"
db=$(cat "$work/pg.out")
expect "what it finds" "$(query "$counts")" "$rows first true"
stop pg

say "... and who has started it ends what it had"
database
kill_hard pg
begin=$(now_ms)
database
say "started without a wait: $(($(now_ms) - begin)) ms"
expect "what it finds" "$(query "$counts")" "$rows first true"
stop pg

if [ "$FULL" = 1 ]; then
  say "another server of the family, from its source, with libraries of its own and two ports"
  sources=("$here"/../../build/guest-cache/packages/postgresql-15.source/*.dsc)
  dpkg-source --no-check -x "${sources[0]}" "$work/source" >/dev/null 2>&1
  cat >"$work/family.conf" <<'CONF'
NAME=family
PORTS="5432 1521"
PACKAGES="libxml2-dev uuid-dev"
CONFIGURE="--with-libedit-preferred --without-zlib --without-icu --with-libxml --with-uuid=e2fs"
MAKE="world-bin"
INSTALL="install-world-bin"
INITDB="--locale=C.UTF-8 --encoding=UTF8 --auth=trust --data-checksums"
SETTINGS="
shared_buffers = 16MB
listen_addresses = '*'
max_connections = 10
shared_preload_libraries = 'pg_stat_statements'
"
HBA="host all all 10.0.2.2/32 trust"
START="-c ivorysql.listen_addresses="
SQL='CREATE ROLE "user" SUPERUSER LOGIN; CREATE EXTENSION xml2; CREATE EXTENSION "uuid-ossp";'
CONF
  cp -r "$IMAGE" "$work/image"
  CAIRN_GUEST_OUT=$work/image "$here/../../vmrunner/guest/postgres.sh" --source "$work/source" \
    --options "$work/family.conf" >"$work/family.log" 2>&1 || fail "it is not built"
  IMAGE=$work/image
  database --server family --port 0
  expect "ports" "$(wc -l <"$work/pg.out")" 2
  second=$(tail -1 "$work/pg.out" | grep -o '[0-9]*/postgres$' | cut -d/ -f1)
  db=$(head -1 "$work/pg.out")
  expect "a library" "$(query "select xpath_nodeset('<a><b>x</b></a>', '//b')")" '<b>x</b>'
  expect "another" "$(query "select uuid_generate_v1() is not null")" t
  expect "its options of initdb" "$(query "show data_checksums")" on
  timeout 5 bash -c ": <>/dev/tcp/127.0.0.1/$second" || fail "the second port is not forwarded"
  stop pg
  expect "its status" "$status" 143
fi
stop a
say "passed"
