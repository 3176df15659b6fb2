# What the scripts share. To be sourced; sets `root`.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# Objects are found again by what they are made of, wherever the checkout lies.
export CCACHE_BASEDIR=$root CCACHE_NOHASHDIR=true

# Every package of Debian 12 that building, testing and demonstrating take.
build_packages="build-essential cmake ninja-build ccache mold pkg-config git python3
  libboost1.81-dev libtomlplusplus-dev libcli11-dev nlohmann-json3-dev libpugixml-dev
  libzstd-dev liblz4-dev libxxhash-dev libssl-dev libsodium-dev libexpected-dev libfmt-dev
  libspdlog-dev libsystemd-dev liblmdb-dev libcurl4-openssl-dev libfuse3-dev fuse3
  dpkg-dev patch meson liburing-dev libnuma-dev debian-archive-keyring"
test_packages="libgtest-dev libgmock-dev librapidcheck-dev libbenchmark-dev acl attr util-linux
  curl jq procps sqlite3 postgresql-15 zlib1g-dev xz-utils user-mode-linux kmod iproute2
  systemd ceph-mon ceph-osd radosgw ceph-common pyflakes3"

# The guest's image is compiled for 32 bits. (Node comes from Debian only where there is none.)
guest_packages="gcc-multilib libc6-dev-i386 make flex bison bc zstd python3 dpkg-dev xz-utils"
guest_test_packages="chromium qemu-system-x86 debootstrap"

say() { printf '\n== %s\n' "$*"; }
die() {
  printf '%s: %s\n' "$(basename "$0")" "$*" >&2
  exit 1
}

# need_packages LIST: installs what is missing; nothing to do is the usual case.
need_packages() {
  local package missing=()
  for package in $1; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q '^install ok installed' ||
      missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  [ "$(id -u)" = 0 ] ||
    die "these packages are missing, and only root can install them: ${missing[*]}"
  say "installing ${#missing[@]} packages: ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -q || echo "apt-get update did not go through entirely; trying all the same"
  # The test cluster of postgresql-15 is not wanted: the tests make their own.
  if [[ " ${missing[*]} " == *" postgresql-15 "* ]]; then
    mkdir -p /etc/postgresql-common
    [ -e /etc/postgresql-common/createcluster.conf ] ||
      echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
  fi
  apt-get install -y -q --no-install-recommends "${missing[@]}"
}

# configure_and_build PRESET [TARGET...]
configure_and_build() {
  local preset=$1
  shift
  "$root/scripts/libfuse.sh"
  (cd "$root" && cmake --preset "$preset" >"build/cmake-$preset.log" 2>&1) || {
    tail -30 "$root/build/cmake-$preset.log" >&2
    die "cmake failed"
  }
  (cd "$root" && cmake --build --preset "$preset" ${*:+--target "$@"})
}

# build_page_and_guest: what the daemon serves to browsers. A second run finds it made.
build_page_and_guest() {
  need_packages "$guest_packages"
  command -v npm >/dev/null || need_packages "nodejs npm"
  say "the page"
  "$root/scripts/page.sh"
  say "the guest: a kernel and PostgreSQL are compiled, which takes some minutes the first time"
  "$root/vmrunner/guest/build.sh"
}
