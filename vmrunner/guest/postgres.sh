#!/bin/bash
# Builds PostgreSQL for the guest: a bundle of programs, and a cluster made with them.
#
#   postgres.sh                                 Debian's source package, as postgres.conf says
#   postgres.sh --source DIR --options FILE     any server of the family, from its source tree, and
#                                               adds it to the image, if that is built
#
# Prints the directory of the result: NAME.tar.zst (bin, lib, share below NAME/), NAME-data.tar.zst
# (the cluster), NAME.conf. postgres.conf says what an options file may hold, ivorysql.conf is one
# for IvorySQL. Needs gcc-multilib, libc6-dev-i386, perl, make, setpriv; bison, flex and pkg-config
# where the source or its options ask for them.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

source=
options=$guest/postgres.conf
while [ $# -gt 0 ]; do
  case $1 in
    --source) source=$(realpath "$2"); shift 2 ;;
    --options) options=$(realpath "$2"); shift 2 ;;
    *) sed -n '2,12s/^# \{0,1\}//p' "$0"; [ "$1" = --help ] && exit 0 || exit 2 ;;
  esac
done
need make gcc perl zstd setpriv objdump
PACKAGES='' MAKE=all INSTALL=install CONTRIB='' PROGRAMS='' CONVERSIONS='' START='' HBA='' SQL=''
. "$options"
[[ $NAME =~ ^[a-z][a-z0-9_-]*$ ]] || fail "$options: NAME is for a directory: a-z, 0-9, _ and -"
[ "$NAME" != postgres ] || [ -z "$source" ] || fail "$options: NAME=postgres is the one that ships"
# Every server of the family finds its files from where its program lies. It is compiled for a path
# with "postgres" in it, since below others modules and data go into directories deeper down.
[ "$NAME" = postgres ] || CONFIGURE+=" --prefix=/mnt/postgres"
log=$cache/$NAME.log
packages=$cache/packages

# A compiler under a short name: what is built notes down its name and flags, and no path.
make_compiler() {
  mkdir -p "$work"/{cc,lib,include,sysroot}
  local package library
  for package in libedit-dev libbsd-dev libmd-dev libncurses-dev; do
    dpkg-deb -x "$packages/$package.i386" "$work/sysroot"
  done
  # Line editing goes into psql itself: one file less to open, and nothing to be found at run time.
  for library in edit bsd md tinfo; do
    cp "$work/sysroot/usr/lib/i386-linux-gnu/lib$library.a" "$work/lib/libstatic-$library.a"
  done
  echo 'INPUT(-l:libstatic-edit.a -l:libstatic-bsd.a -l:libstatic-md.a -l:libstatic-tinfo.a)' \
    >"$work/lib/libedit.so"
  cp -r "$work/sysroot/usr/include/editline" "$work/include/"
  [ -z "$PACKAGES" ] || add_packages
  # SSE2 instead of the x87, which emulators are slow at; programs at fixed addresses, since i386
  # has no register to spare for what position-independent ones need.
  cat >"$work/cc/guest-cc" <<SCRIPT
#!/bin/sh
exec gcc -m32 -march=i686 -msse2 -mfpmath=sse -fno-pie -ffile-prefix-map="$work"=. \\
  -I"$work/include" -L"$work/lib" ${foreign:-} -Wl,--build-id=none "\$@"
SCRIPT
  chmod +x "$work/cc/guest-cc"
}

# What PACKAGES names, and all that it depends on, but for the C library, which is here and there.
add_packages() {
  need pkg-config
  local sysroot=$work/foreign package directory
  mkdir -p "$sysroot"
  for package in "$libraries"/*.deb; do
    case ${package##*/} in
      libc6_* | libc6-dev_* | libc-dev-bin_* | linux-libc-dev_*) ;;
      *) dpkg-deb -x "$package" "$sysroot" ;;
    esac
  done
  foreign="-isystem $sysroot/usr/include -isystem $sysroot/usr/include/i386-linux-gnu"
  for directory in "$sysroot"/usr/lib/i386-linux-gnu "$sysroot"/lib/i386-linux-gnu; do
    foreign+=" -L$directory -Wl,-rpath-link,$directory"
  done
  export PKG_CONFIG_LIBDIR=$sysroot/usr/lib/i386-linux-gnu/pkgconfig:$sysroot/usr/share/pkgconfig
  export PKG_CONFIG_SYSROOT_DIR=$sysroot
}

# The libraries of PACKAGES that what was built needs, and those that they need, lie beside it.
add_libraries() {
  local tree=$1 name file added=yes
  while [ "$added" = yes ]; do
    added=no
    for name in $(find "$tree"/{bin,lib} -type f -exec objdump -p {} + 2>/dev/null |
      awk '$1 == "NEEDED" {print $2}' | sort -u); do
      file=$(find "$work/foreign" -name "$name" -print -quit)
      [ -n "$file" ] && [ ! -e "$tree/lib/$name" ] || continue
      cp -L "$file" "$tree/lib/$name"
      added=yes
    done
  done
}

run() { "$@" >>"$log" 2>&1 || fail "$NAME: ${*:1:3} fails (see $log)"; }

compile() {
  export PATH=$work/cc:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin
  unset MAKEFLAGS MAKELEVEL
  : >"$log"
  cd "$work/tree"
  say "$NAME: configuring"
  # shellcheck disable=SC2086
  run ./configure --build=i686-pc-linux-gnu --prefix="/mnt/$NAME" CC=guest-cc CFLAGS=-O2 \
    LDFLAGS_EX=-no-pie $CONFIGURE
  say "$NAME: compiling, some minutes"
  # Libraries are found from where the program lies; by all of its libraries, too (DT_RPATH).
  local make=(nice make -s -j"${CAIRN_GUEST_JOBS:-3}"
    "rpath=-Wl,-rpath,'\$\$ORIGIN/../lib',--disable-new-dtags")
  # shellcheck disable=SC2086
  run "${make[@]}" $MAKE
  # shellcheck disable=SC2086
  run "${make[@]}" $INSTALL DESTDIR="$work/install"
  for module in $CONTRIB; do
    [ ! -d "contrib/$module" ] ||
      run "${make[@]}" -C "contrib/$module" install DESTDIR="$work/install"
  done
  cd "$root"
  [ -d "$work/install/mnt/$NAME" ] || mv "$work/install/mnt/postgres" "$work/install/mnt/$NAME"
  [ -z "$PACKAGES" ] || add_libraries "$work/install/mnt/$NAME"
}

# Only what a small machine needs, without symbols.
trim() {
  local tree=$work/install/mnt/$NAME file name
  rm -rf "$tree"/include "$tree"/lib/{pgxs,pkgconfig} "$tree"/lib/*.a "$tree"/share/{doc,man}
  rm -f "$tree"/lib/lib{ecpg,pgtypes}* "$tree"/lib/libpqwalreceiver.so
  find "$tree/lib" -maxdepth 1 -type l -name 'lib*.so' -delete  # for compilers
  for file in "$tree"/bin/*; do
    name=$(basename "$file")
    [ -z "$PROGRAMS" ] || [[ " $(echo $PROGRAMS) " == *" $name "* ]] || rm "$file"
  done
  for file in "$tree"/lib/*_and_*.so "$tree"/lib/euc2004_sjis2004.so; do
    name=$(basename "$file" .so)
    [ -z "$CONVERSIONS" ] || [[ " $CONVERSIONS " == *" $name "* ]] || rm -f "$file"
  done
  find "$tree" -type f \( -perm -100 -o -name '*.so*' \) -exec strip --strip-unneeded {} + \
    2>>"$log" || true
  link_names "$tree"
  # Half of a server's start is to read its settings: what it would skip is left out.
  sed -i 's/[[:space:]]*#.*//; /^$/d' "$tree"/share/timezonesets/*
  # For `pg` in the guest.
  printf "PORTS='%s'\nINITDB='%s'\n" "$PORTS" "$initdb_options" >"$tree/bundle.conf"
}

# Time zones have many names: each other name becomes a symbolic link, which costs a volume less.
link_names() {
  local name inode seen=
  while read -r inode name; do
    if [ "$inode" = "${seen%% *}" ]; then ln -srf "${seen#* }" "$name"; else seen="$inode $name"; fi
  done < <(find "$1" -type f -links +1 -printf '%i %p\n' | sort)
}

# pack TREE NAME OUT: the same files give the same bytes.
pack() {
  tar --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner --format=ustar \
    -C "$1" -cf "$3" "$2"
  zstd -q --rm -19 --ultra "$3" -o "$3.zst"
}

# The cluster is made here, by the very programs that will serve it there: in the guest it takes
# half a minute. They do not run as root.
make_cluster() {
  local tree=$work/install/mnt/$NAME data=$work/data/$NAME-data as=()
  mkdir -p "$work/data" "$work/socket"
  if [ "$(id -u)" = 0 ]; then
    chown 65534:65534 "$work/data" "$work/socket"
    chmod 755 "$work"
    as=(setpriv --reuid 65534 --regid 65534 --clear-groups)
  fi
  as+=(env -i PATH=/usr/bin:/bin LC_ALL=C.UTF-8 TZ=GMT)
  say "$NAME: making the cluster"
  cd /
  # shellcheck disable=SC2086
  run "${as[@]}" "$tree/bin/initdb" -D "$data" $initdb_options
  sed -i '/^[[:space:]]*\(#\|$\)/d' "$data"/{postgresql,pg_hba,pg_ident}.conf
  sed -i "1i # All settings with their meaning: share/postgresql.conf.sample beside the programs." \
    "$data/postgresql.conf"
  echo "$SETTINGS" >>"$data/postgresql.conf"
  echo "$HBA" >>"$data/pg_hba.conf"
  run "${as[@]}" "$tree/bin/pg_ctl" -D "$data" -l "$work/data/log" -w start \
    -o "-c listen_addresses= -c unix_socket_directories=$work/socket -c port=5432 $START"
  printf '%s\nVACUUM FREEZE;\n' "$SQL" | run "${as[@]}" "$tree/bin/psql" -X -q \
    -v ON_ERROR_STOP=1 -h "$work/socket" -p 5432 -U postgres -d postgres 
  run "${as[@]}" "$tree/bin/pg_ctl" -D "$data" -w -m fast stop
  cat "$work/data/log" >>"$log"
  cd "$root"
  rm -f "$data"/postmaster.{pid,opts}
  pack "$work/data" "$NAME-data" "$result/$NAME-data.tar"
}

# A server of the user's own becomes part of the image, beside ours.
add_to_image() {
  [ -e "$out/manifest.json" ] || return 0
  cp "$result"/* "$out/"
  python3 "$guest/manifest.py" write "$out" "$guest"
  say "$NAME: added to $out"
}

# Where others may go, too: the cluster is made by an ordinary user.
work=$(mktemp -d "${TMPDIR:-/tmp}/cairn-guest.XXXXXX")
trap 'rm -rf "$work"' EXIT
# Released sources come with what bison and flex make of theirs; those from a repository do not.
[ -z "$source" ] || [ -e "$source/src/backend/parser/gram.c" ] || need bison flex
[ -z "$source" ] || [ -e "$source/configure" ] || fail "$source is no source tree with a configure"
initdb_options="--username=postgres $INITDB"
libraries=
# shellcheck disable=SC2086
[ -z "$PACKAGES" ] || libraries=$("$guest/packages.sh" --libraries $PACKAGES)
# What is compiled is kept apart from what is packed: the one takes minutes, the other seconds.
key=$(key_of "$(declare -f make_compiler add_packages add_libraries compile)" "$NAME" "$CONFIGURE" \
  "$MAKE" "$INSTALL" "$CONTRIB" "$PACKAGES" "$(basename "$libraries")" \
  "${source:-$(readlink "$packages/postgresql-15.source")}" \
  "$(readlink "$packages/libedit-dev.i386")" "$(gcc --version | head -n 1)")
if ! built "$NAME-tree" "$key"; then
  make_compiler
  if [ -n "$source" ]; then
    cp -a "$source" "$work/tree"
  else
    dpkg-source --no-check -x "$packages/postgresql-15.source"/*.dsc "$work/tree" >/dev/null 2>&1
  fi
  compile
  cp -a "$work/install" "$result/"
  rm -rf "$work/install"
  keep
fi
compiled=$result
if ! built "$NAME" "$(key_of "$key" "$options" "$guest/postgres.sh")"; then
  cp -a "$compiled/install" "$work/"
  trim
  make_cluster
  pack "$work/install/mnt" "$NAME" "$result/$NAME.tar"
  cp "$options" "$result/$NAME.conf"
  keep
fi
[ -z "$source" ] || add_to_image
echo "$result"
