#!/bin/bash
# Builds the guest into build/guest: the Linux machine that v86 runs in a browser, and QEMU here.
#
#   build.sh                       everything that has changed; manifest.json says what there is
#   build.sh --without-postgres    kernel, initramfs and prepared state only
#   build.sh --renew-lock          first takes today's versions from the mirror into packages.lock
#   build.sh --check-reproducible  builds all but the kernel a second time and compares the bytes
#
# The results of each step are kept by the content of what it was made of, in build/guest-cache
# (CAIRN_GUEST_CACHE), so that a second run takes a second. Needs no root and changes nothing of
# the system. README.md names the packages that it needs.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

postgres=yes
check=no
for argument in "$@"; do
  case $argument in
    --without-postgres) postgres=no ;;
    --renew-lock) "$guest/packages.sh" --renew-lock ;;
    --check-reproducible) check=yes ;;
    *) sed -n '2,11s/^# \{0,1\}//p' "$0"; [ "$argument" = --help ] && exit 0 || exit 2 ;;
  esac
done
need python3 gcc zstd node npm dpkg-deb

# One build at a time; a second one finds the results of the first.
exec 9>"$cache/lock"
flock 9
"$guest/packages.sh"
kernel=$("$guest/kernel.sh")
initramfs=$("$guest/initramfs.sh")
state=$("$guest/state.sh" "$kernel" "$initramfs")
results=("$kernel" "$initramfs" "$state")
if [ "$postgres" = yes ]; then
  results+=("$("$guest/postgres.sh")")
fi

say 'collecting'
rm -rf "$out.new"
mkdir -p "$out.new"
for result in "${results[@]}"; do
  cp "$result"/* "$out.new/"
done
for conf in "$out"/*.conf; do  # servers that postgres.sh has added
  name=$(basename "$conf" .conf)
  [ "$name" != postgres ] && [ -e "$conf" ] || continue
  cp "$out/$name"{.conf,.tar.zst,-data.tar.zst} "$out.new/"
done
python3 "$guest/manifest.py" write "$out.new" "$guest"
# Files are replaced one by one, the manifest last: who reads meanwhile sees old or new ones.
mv "$out.new/manifest.json" "$out/manifest.json.new"
for file in "$out.new"/*; do mv "$file" "$out/"; done
mv "$out/manifest.json.new" "$out/manifest.json"
rmdir "$out.new"
python3 "$guest/manifest.py" show "$out"

if [ "$check" = yes ]; then
  say 'building once more, to compare'
  again=$(mktemp -d "$cache/again.XXXXXX")
  trap 'rm -rf "$again"' EXIT
  ln -s "$cache"/packages "$cache"/kernel-* "$again/"
  options=()
  [ "$postgres" = yes ] || options+=(--without-postgres)
  CAIRN_GUEST_CACHE=$again CAIRN_GUEST_OUT=$again/out "$guest/build.sh" "${options[@]}" >/dev/null
  python3 "$guest/manifest.py" compare "$out" "$again/out"
fi
