#!/bin/bash
# sqlite3 and PostgreSQL on a mount, killed with -9 under load, started again with an empty cache:
# nothing that was committed is gone, and the books balance.
. "$(dirname "$0")/lib.sh" "$@"
pg=/usr/lib/postgresql/15/bin
mount=$work/mnt
mkdir "$mount"
s3_config "$work/c.toml" "databases-$$"

as_postgres() { setpriv --reuid postgres --regid postgres --clear-groups "$@"; }
psql_() {
  as_postgres "$pg/psql" -h "$work/socket" -p 5999 -d postgres -XAtq -v ON_ERROR_STOP=1 "$@"
}
start_postgres() {
  as_postgres "$pg/pg_ctl" -w -t 60 -D "$mount/pg/data" -l "$mount/pg/log" \
    -o "-c listen_addresses= -k $work/socket -p 5999" start >"$work/pg.log" ||
    fail "PostgreSQL does not start: $(tail -5 "$mount/pg/log")"
}

say "sqlite3"
start first -c "$work/c.toml" --mount "$mount" --cache-dir "$work/cache1"
mkdir -m 755 "$mount/sqlite" "$mount/pg"
for mode in DELETE WAL; do
  db=$mount/sqlite/$mode.db
  sqlite3 "$db" "PRAGMA journal_mode=$mode; PRAGMA synchronous=FULL;
                 CREATE TABLE t(n INTEGER PRIMARY KEY, x);" >/dev/null
  for n in $(seq 50); do
    echo "INSERT INTO t VALUES($n, hex(randomblob(200)));"
  done | sqlite3 "$db"
done

say "PostgreSQL with 8 clients, kill -9 of cairn under them"
chown postgres:postgres "$mount/pg"
mkdir "$work/socket"
chown postgres "$work/socket"
as_postgres "$pg/initdb" -D "$mount/pg/data" --no-locale -E UTF8 -A trust >"$work/initdb.log" ||
  fail "initdb"
start_postgres
postmaster=$(head -1 "$mount/pg/data/postmaster.pid")
as_postgres "$pg/pgbench" -h "$work/socket" -p 5999 -i -s 2 -q postgres \
  >"$work/pgbench-init.log" 2>&1 ||
  fail "pgbench -i"
psql_ -c "CREATE TABLE acknowledged(n int)"
as_postgres "$pg/pgbench" -h "$work/socket" -p 5999 -c 8 -T 8 -P 2 postgres \
  >"$work/pgbench.log" 2>&1 &
bench=$!
# Beside it one client that writes down what was committed, after the commit.
(
  for n in $(seq 100000); do
    psql_ -c "INSERT INTO acknowledged VALUES($n)" 2>/dev/null || break
    echo "$n" >>"$work/acknowledged"
  done
) &
writer=$!
until_true 60 grep -q '^progress: 4' "$work/pgbench.log" || fail "pgbench makes no progress"
kill_hard first
wait $bench || true
wait $writer || true
# The server has lost its files; it and its children end, but not all by themselves.
children=$(pgrep -P "$postmaster" || true)
kill -KILL $postmaster $children 2>/dev/null || true
for process in $postmaster $children; do
  until_true 20 is_gone "$process" || fail "a PostgreSQL process stays"
done
rm -f "$work"/socket/.s.*

say "start again with an empty cache"
start second -c "$work/c.toml" --mount "$mount" --cache-dir "$work/cache2"
for mode in DELETE WAL; do
  db=$mount/sqlite/$mode.db
  [ "$(sqlite3 "$db" 'PRAGMA integrity_check')" = ok ] || fail "$mode: damaged"
  [ "$(sqlite3 "$db" 'SELECT count(*) FROM t')" = 50 ] || fail "$mode: rows are gone"
done
rm -f "$mount/pg/data/postmaster.pid"
start_postgres
balance=$(psql_ -c "SELECT (SELECT sum(abalance) FROM pgbench_accounts)
    = (SELECT sum(bbalance) FROM pgbench_branches)
  AND (SELECT sum(bbalance) FROM pgbench_branches) = (SELECT sum(tbalance) FROM pgbench_tellers)
  AND (SELECT sum(tbalance) FROM pgbench_tellers)
    = (SELECT coalesce(sum(delta), 0) FROM pgbench_history)")
[ "$balance" = t ] || fail "the books do not balance"
count=$(psql_ -c "SELECT count(*) FROM pgbench_history")
last=$(tail -1 "$work/acknowledged")
kept=$(psql_ -c "SELECT coalesce(max(n), 0) FROM acknowledged")
[ "$kept" -ge "$last" ] || fail "row $last was committed, but the last one there is $kept"
say "the books balance over $count transactions; $last commits of the other client were" \
  "acknowledged, $kept are there"
as_postgres "$pg/pg_ctl" -D "$mount/pg/data" -m fast stop >/dev/null
stop second
[ "$status" = 0 ] || fail "cairn ended with $status"
say "passed"
