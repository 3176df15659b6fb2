# Linux's own 9P client for the tests of machines whose kernel has none: User Mode Linux with the
# host's tree as its root, on a tap device. To be sourced first, by a script that runs as root: it
# goes on in namespaces of its own for mounts and network, and sources lib.sh.
#
# The machine N (1, 2, ...) is 10.9.N.2, and 10.9.N.1 is the host for it; all of them trust the
# daemon's machine, and it trusts them (`allow` in guest_config). It knows the users of the POSIX
# suite as the host does: from $work/etc/{passwd,group}, which lie over /etc's in our namespace.
if [ "${CAIRN_E2E_NAMESPACE:-}" != yes ]; then
  CAIRN_E2E_NAMESPACE=yes exec unshare --mount --net --propagation private "$0" "$@"
fi
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh" "$@"
for program in linux.uml insmod ip setpriv; do
  command -v "$program" >/dev/null ||
    fail "$program is missing: this test takes user-mode-linux, kmod, iproute2 and util-linux"
done
[ -c /dev/net/tun ] || fail "no /dev/net/tun: User Mode Linux has no network without it"
ip link set lo up

# Bob is in all of his groups: the suite has processes of his that are not, and one user cannot be
# both for a server that looks him up.
add_users() {
  mkdir "$work/etc"
  cp /etc/passwd /etc/group "$work/etc"
  printf '%s::/:/bin/sh\n' alice:x:61001:62001 bob:x:61002:62002 carol:x:61003:62100 \
    >>"$work/etc/passwd"
  printf '%s\n' suite-staff:x:62100:alice,bob suite-team:x:62200:bob >>"$work/etc/group"
  mount --bind "$work/etc/passwd" /etc/passwd
  mount --bind "$work/etc/group" /etc/group
}
add_users

# guest_config FILE BUCKET: a daemon that the machines reach, and local users.
guest_config() {
  cat >"$1" <<TOML
[storage]
url = "file://$work/$2"
[[servers.ninep]]
addresses = ["0.0.0.0:5564"]
allow = ["10.9.0.0/16"]
[[servers.ninep]]
addresses = ["127.0.0.1:5565"]
unix_socket = "$work/9p.sock"
TOML
}

# boot N: starts the machine and waits until it takes commands.
boot() {
  local n=$1 line
  local dir=$work/guest-$n
  mkdir "$dir"
  mkfifo "$dir/in" "$dir/out"
  ip tuntap add "tap$n" mode tap
  ip addr add "10.9.$n.1/24" dev "tap$n"
  ip link set "tap$n" up
  write_init "$n" >"$dir/init.sh"
  chmod +x "$dir/init.sh"
  setsid linux.uml mem=384M uml_dir="$dir" umid=guest rootfstype=hostfs rootflags=/ rw \
    init="$dir/init.sh" "vec0:transport=tap,ifname=tap$n,gro=1,depth=128" con=null con0=fd:0,fd:1 \
    quiet loglevel=1 <"$dir/in" >"$dir/out" 2>"$work/guest-$n.log" &
  pids[guest-$n]=$!
  exec {guest_in[n]}>"$dir/in" {guest_out[n]}<"$dir/out"
  while read -r -t 60 line <&"${guest_out[n]}"; do
    printf '%s\n' "$line" >>"$work/guest-$n.log"
    [ "$line" != "guest is ready" ] || return 0
  done
  fail "User Mode Linux does not start"
}
declare -a guest_in=() guest_out=()

# A machine is several processes, in a group of their own.
cut_off() {
  kill -KILL -- "-${pids[guest-$1]}" 2>/dev/null || true
  wait_for "guest-$1" 2>/dev/null
}
clean_up_guests() {
  local n
  for n in "${!guest_in[@]}"; do
    [ -z "${pids[guest-$n]:-}" ] || cut_off "$n"
  done
  clean_up
}
trap clean_up_guests EXIT

write_init() {
  cat <<INIT
#!/bin/bash
export PATH=$PATH HOME=/root
mount -n -t proc proc /proc
mount -n -t sysfs sys /sys
mount -n -t tmpfs run /run
modules=/usr/lib/uml/modules/\$(uname -r)/kernel
for module in fs/netfs/netfs fs/fscache/fscache net/9p/9pnet net/9p/9pnet_fd fs/9p/9p; do
  insmod \$modules/\$module.ko || exit
done
ip link set lo up
ip addr add 10.9.$1.2/24 dev vec0
ip link set vec0 up
stty raw -echo </dev/console
echo 'guest is ready'
while read -r line; do
  (eval "\$line") 2>&1
  echo "guest ended \$?"
done
halt -f -p
INIT
}

# guest N COMMAND...: runs a line of shell there; its output is ours, and so is its status.
guest() {
  guest_begin "$@"
  guest_end "$1"
}
guest_begin() { printf '%s\n' "${*:2}" >&"${guest_in[$1]}"; }
guest_end() {
  local line
  while IFS= read -r -t 300 line <&"${guest_out[$1]}"; do
    case $line in
      'guest ended '*) return "${line#guest ended }" ;;
      *) printf '%s\n' "$line" ;;
    esac
  done
  fail "guest $1 does not answer"
}

# guest_mount N DIR OPTIONS: the volume, by Linux's client.
guest_mount() {
  guest "$1" mount -n -t 9p -o "trans=tcp,port=5564,version=9p2000.L,$3" "10.9.$1.1" "$2" ||
    fail "guest $1 cannot mount with $3"
}

# shut_down N: it writes back what it has cached.
shut_down() {
  printf 'sync; halt -f -p\n' >&"${guest_in[$1]}"
  wait_for "guest-$1" 2>/dev/null
}
