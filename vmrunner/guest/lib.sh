# What the scripts of the guest's build share. To be sourced; sets `guest`, `root`, `cache`, `out`.
set -euo pipefail
umask 022
export LC_ALL=C.UTF-8 TZ=UTC
guest=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$guest/../.." && pwd)
cache=${CAIRN_GUEST_CACHE:-$root/build/guest-cache}
out=${CAIRN_GUEST_OUT:-$root/build/guest}
# All files of all results are of this moment: the same inputs give the same bytes.
export SOURCE_DATE_EPOCH=1767225600
mkdir -p "$cache" "$out"

say() { printf -- '-- %s\n' "$*" >&2; }
fail() {
  printf 'guest: %s\n' "$*" >&2
  exit 1
}
need() {
  local tool
  for tool in "$@"; do
    command -v "$tool" >/dev/null || fail "$tool is missing (see vmrunner/guest/README.md)"
  done
}

# key_of WORD|FILE...: a short hash of the inputs of a step: files by content, words as they are.
key_of() {
  local item
  for item in "$@"; do
    if [ -d "$item" ]; then
      (cd "$item" && find . -type f -printf '%P %m\n' | sort &&
        find . -type f | sort | xargs sha256sum)
    elif [ -f "$item" ]; then
      sha256sum <"$item"
    else
      printf '%s\n' "$item"
    fi
  done | sha256sum | cut -c1-16
}

# built STEP KEY: true, with the result's directory in `result`, where that has been built before.
# Otherwise `result` is a new directory to be filled, and `keep` makes it what will be found.
built() {
  kept=$cache/$1-$2
  result=$kept
  if [ -d "$kept" ] && [ "${CAIRN_GUEST_FORCE:-}" != "$1" ]; then
    say "$1: unchanged ($2)"
    return 0
  fi
  result=$(mktemp -d "$cache/$1.XXXXXX")
  return 1
}
keep() {
  chmod 755 "$result"
  rm -rf "$kept"
  mv "$result" "$kept"
  result=$kept
}
