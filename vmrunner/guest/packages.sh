#!/bin/bash
# Fetches the Debian packages that the guest is made of into build/guest-cache/packages.
#
#   packages.sh                 what packages.lock names, checked against its hashes
#   packages.sh --libraries NAME...   packages for i386 and all that they depend on, as the mirror
#                               has them today; prints the directory of the .deb files
#   packages.sh --renew-lock    what the mirror has today, and writes packages.lock anew
#
# The mirror is that of the system's own apt, with directories of its own, so that the system's
# lists, packages and architectures stay as they are. What is in the cache already needs no network.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

readonly KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg
readonly lock=$guest/packages.lock
readonly store=$cache/packages
# Name and architecture; `source` stands for a source package.
readonly -a WANTED=(
  'linux-source-6.1 all' 'seabios all' 'busybox-static i386'
  'libc6 i386' 'libc-bin i386' 'ncurses-base all'
  'libedit-dev i386' 'libbsd-dev i386' 'libmd-dev i386'
  'libncurses-dev i386' 'postgresql-15 source'
)
mkdir -p "$store"

apt_directories() {
  apt=$cache/apt
  mkdir -p "$apt"/{lists/partial,archives/partial}
  options=(-o Dir::Etc::sourcelist="$apt/sources.list" -o Dir::Etc::sourceparts=/dev/null
    -o Dir::State::lists="$apt/lists" -o Dir::Cache="$apt" -o APT::Architecture=amd64
    -o APT::Architectures::=i386 -o Acquire::Languages=none -o APT::Sandbox::User="$(id -un)"
    -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false -o Acquire::Retries=3)
}

# The suites of the release as the system knows them, but for the security suite: its pool drops a
# version as soon as there is a newer one, and a lock on it would soon name what nobody has.
update() {
  [ -z "${updated:-}" ] || return 0
  need apt-get apt-cache dpkg-deb
  [ -r "$KEYRING" ] || fail 'debian-archive-keyring is missing'
  apt_directories
  apt-get indextargets --format '$(REPO_URI) $(RELEASE)' 'Created-By: Packages' 'Label: Debian' |
    sort -u | awk -v k="$KEYRING" '{
      print "deb [arch=amd64,i386 signed-by=" k "] " $1 " " $2 " main"
      print "deb-src [signed-by=" k "] " $1 " " $2 " main" }' >"$apt/sources.list"
  [ -s "$apt/sources.list" ] || fail 'apt knows no Debian mirror (run apt-get update once)'
  say 'packages: reading the lists of the mirror'
  apt-get -qq "${options[@]}" update >"$apt/log" 2>&1 || apt-get -qq "${options[@]}" update \
    >>"$apt/log" 2>&1 || fail "the mirror's lists cannot be read (see $apt/log)"
  updated=yes
}

file_of() { printf '%s/%s_%s_%s' "$store" "$1" "${3//:/%3a}" "$2"; }  # name architecture version

# fetch NAME ARCHITECTURE VERSION: into the store; nonzero if the mirror has that version no more.
fetch() {
  local to work
  to=$(file_of "$@")
  update
  work=$(mktemp -d "$store/fetch.XXXXXX")
  say "packages: $1 $3 ($2)"
  if [ "$2" = source ]; then
    (cd "$work" && apt-get -qq "${options[@]}" --download-only source "$1=$3" >>"$apt/log" 2>&1) ||
      { rm -rf "$work"; return 1; }
    rm -rf "$to"
    mv "$work" "$to"
  else
    (cd "$work" && apt-get -qq "${options[@]}" download "$1:${2/all/amd64}=$3" >>"$apt/log" 2>&1) ||
      { rm -rf "$work"; return 1; }
    mv "$work"/*.deb "$to"
    rm -rf "$work"
  fi
}

# hash_of NAME ARCHITECTURE VERSION. A source package is known by its .dsc, which has the others'.
hash_of() {
  local file
  file=$(file_of "$@")
  [ ! -d "$file" ] || file=$(echo "$file"/*.dsc)
  sha256sum "$file" | cut -d' ' -f1
}

candidate() {  # name architecture
  if [ "$2" = source ]; then
    apt-cache "${options[@]}" showsrc "$1" | awk '$1 == "Version:" {print $2}' | sort -V | tail -n 1
  else
    apt-cache "${options[@]}" policy "$1:${2/all/amd64}" | awk '$1 == "Candidate:" {print $2}'
  fi
}

renew() {
  local name arch version
  update
  {
    echo '# Written by packages.sh --renew-lock: name, architecture, version, SHA-256.'
    for entry in "${WANTED[@]}"; do
      read -r name arch <<<"$entry"
      version=$(candidate "$name" "$arch")
      [ -n "$version" ] || fail "the mirror has no $name for $arch"
      [ -e "$(file_of "$name" "$arch" "$version")" ] || fetch "$name" "$arch" "$version" ||
        fail "$name $version cannot be fetched (see $apt/log)"
      echo "$name $arch $version $(hash_of "$name" "$arch" "$version")"
    done
  } >"$lock.new"
  mv "$lock.new" "$lock"
}

check() {
  local name arch version hash
  [ -f "$lock" ] || fail 'packages.lock is missing; packages.sh --renew-lock writes it'
  while read -r name arch version hash; do
    [ -e "$(file_of "$name" "$arch" "$version")" ] || fetch "$name" "$arch" "$version" ||
      fail "the mirror no longer has $name $version; vmrunner/guest/packages.sh --renew-lock takes \
today's versions"
    [ "$(hash_of "$name" "$arch" "$version")" = "$hash" ] ||
      fail "$name $version is not what packages.lock names (remove $(file_of "$name" "$arch" \
"$version") and try again)"
    ln -sfn "$(basename "$(file_of "$name" "$arch" "$version")")" "$store/$name.$arch"
  done < <(grep -v '^#' "$lock")
}

libraries() {
  local to work
  to=$store/libraries-$(key_of "$@")
  if [ ! -d "$to" ]; then
    update
    work=$(mktemp -d "$store/fetch.XXXXXX")
    mkdir "$work/partial"
    # For a machine that has nothing yet: so that what they depend on comes as well.
    apt-get -qq "${options[@]}" -o APT::Architecture=i386 -o Dir::State::status=/dev/null \
      -o Dir::Cache::archives="$work" --download-only --no-install-recommends -y \
      install "$@" >>"$apt/log" 2>&1 || fail "$* cannot be fetched (see $apt/log)"
    rm -rf "$work"/{partial,lock}
    chmod 755 "$work"
    mv "$work" "$to"
  fi
  echo "$to"
}

case ${1:-} in
  '') check ;;
  --libraries) shift && libraries "$@" ;;
  --renew-lock) renew && check ;;
  *) sed -n '2,10s/^# \{0,1\}//p' "$0"; [ "$1" = --help ] || exit 2 ;;
esac
