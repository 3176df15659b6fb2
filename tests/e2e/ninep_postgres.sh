#!/bin/bash
# PostgreSQL in a machine whose disk is the volume, by Linux's 9P client: pgbench runs, the daemon
# is killed under it, and what was committed is there with an empty cache; the books balance.
. "$(dirname "$0")/uml.sh" "$@"
pg=/usr/lib/postgresql/15/bin
top=$work/mnt-1
mkdir "$top"
guest_config "$work/c.toml" bucket

# as_postgres COMMAND...: in the machine, by the server's user.
as_postgres() {
  guest 1 "cd / && setpriv --reuid postgres --regid postgres --clear-groups $*"
}
psql_() { # (The console is a terminal: psql would page.)
  as_postgres "$pg/psql -h /run/pg -d postgres -XAtq -P pager=off -v ON_ERROR_STOP=1 -c \"$*\""
}
start_postgres() {
  as_postgres "$pg/pg_ctl -w -t 120 -D $top/pg/data -l /run/pg/log" \
    "-o '-c listen_addresses= -k /run/pg' start" >"$work/pg_ctl.log" ||
    fail "PostgreSQL does not start: $(tail -3 "$work/pg_ctl.log"; guest 1 tail -5 /run/pg/log)"
}

start first -c "$work/c.toml" --cache-dir "$work/cache-1"
boot 1
guest_mount 1 "$top" msize=1048576,access=user,cache=mmap
guest 1 "mkdir -p /run/pg && chown postgres:postgres /run/pg && mkdir -p /dev/shm &&" \
  "mount -n -t tmpfs shm /dev/shm && chmod 1777 /dev/shm &&" \
  "mkdir $top/pg && chown postgres:postgres $top/pg" || fail "cannot prepare the machine"
as_postgres "$pg/initdb -D $top/pg/data --no-locale -E UTF8 -A trust" >"$work/initdb.log" ||
  fail "initdb: $(tail -3 "$work/initdb.log")"
start_postgres
as_postgres "$pg/pgbench -h /run/pg -i -s 1 -q postgres" >"$work/pgbench-init.log" ||
  fail "pgbench -i: $(tail -3 "$work/pgbench-init.log")"
psql_ "CREATE TABLE acknowledged(n int)" || fail "CREATE TABLE"

say "pgbench, and beside it a client that says what was committed; then the daemon is killed"
guest_begin 1 "cd /; p='setpriv --reuid postgres --regid postgres --clear-groups';" \
  "\$p $pg/pgbench -h /run/pg -c 4 -T 60 postgres >/run/pgbench.log 2>&1 &" \
  "for n in \$(seq 100000); do" \
  "\$p $pg/psql -h /run/pg -d postgres -Xqc \"INSERT INTO acknowledged VALUES(\$n)\"" \
  "2>/dev/null || break; echo \$n; done; wait; true"
guest_end 1 >"$work/acknowledged" &
reader=$!
until_true 120 grep -qx 40 "$work/acknowledged" || fail "PostgreSQL makes no progress"
kill_hard first
wait $reader || fail "the machine does not come back"
guest 1 "pkill -KILL postgres; while pgrep postgres >/run/left; do sleep 0.1; done;" \
  "umount $top && rm -f /run/pg/.s.*" || fail "a mount whose daemon is dead cannot be taken away"

say "again, with an empty cache"
start second -c "$work/c.toml" --cache-dir "$work/cache-2"
guest_mount 1 "$top" msize=1048576,access=user,cache=mmap
guest 1 rm -f "$top/pg/data/postmaster.pid"
start_postgres
balance=$(psql_ "SELECT (SELECT sum(abalance) FROM pgbench_accounts)" \
  "= (SELECT sum(bbalance) FROM pgbench_branches)" \
  "AND (SELECT sum(bbalance) FROM pgbench_branches)" \
  "= (SELECT sum(tbalance) FROM pgbench_tellers)" \
  "AND (SELECT sum(tbalance) FROM pgbench_tellers)" \
  "= (SELECT coalesce(sum(delta), 0) FROM pgbench_history)")
[ "$balance" = t ] || fail "the books do not balance: $balance"
count=$(psql_ "SELECT count(*) FROM pgbench_history")
[ "$count" -gt 0 ] || fail "pgbench did nothing"
last=$(tail -1 "$work/acknowledged")
kept=$(psql_ "SELECT coalesce(max(n), 0) FROM acknowledged")
[ "$kept" -ge "$last" ] || fail "row $last was committed, but the last one there is $kept"
say "the books balance over $count transactions; $last commits of the other client were" \
  "acknowledged, $kept are there"
as_postgres "$pg/pg_ctl -D $top/pg/data -m fast stop" >/dev/null
guest 1 umount "$top"
shut_down 1
stop second
[ "$status" = 0 ] || fail "cairn ended with $status"
say "passed"
